"""Repair of a trained network: the few training images that drive it too far are brought back by a short fine-tuning.

Each batch holds some of them, for the range penalty; everything else is held to what the network said before.
Gentle rates first, until one brings every image below the goal, so that accuracy is hardly touched.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch

from .data import ImageSet
from .data.augment import Augmenter
from .data.stress_images import stress_mixture
from .ema import WeightAverage
from .errors import UserError
from .evaluation import calibrated_control, evaluate, fast_form
from .layers import idle_moves
from .losses import task_loss
from .options import TrainOptions
from .range_control import RangeControl

WARM_UP = 15  # steps


@dataclass(frozen=True)
class RepairOptions:
    """goal: multiples of rms(v) that no image may reach.  moved: looks at each training image moved as idle slots
    have it, each time by another move drawn at random."""

    rates: tuple[float, ...] = (0.0008, 0.0015, 0.003)
    goal: float = 9.0
    steps: int = 120
    batch: int = 96
    pool: int = 64  # images with the largest peaks that count as hard
    hard: int = 24  # of them in each batch
    stress: int = 4
    moved: float = 1.0
    distill: float = 0.75
    seed: int = 1
    compiled: bool = False

    def __post_init__(self):
        if not self.rates or min(self.rates) <= 0 or self.goal <= 0 or min(self.steps, self.batch, self.pool, self.hard) < 1 or self.moved < 0:
            raise UserError("repair needs positive rates, goal, steps, batch, pool and hard, and moved looks from 0 up")


@dataclass
class Found:
    """Images by peak, worst first: indices [n], moves [n, k] (data/idle_moves.py), peaks [n]."""

    indices: np.ndarray
    moves: np.ndarray
    peaks: np.ndarray

    @property
    def worst(self) -> float:
        return float(self.peaks[0])

    def first(self, count: int) -> "Found":
        return Found(self.indices[:count], self.moves[:count], self.peaks[:count])


@dataclass(frozen=True)
class Repaired:
    """worst: the largest peak that was seen, of all images if it is below the goal, else of the hardest ones."""

    network: torch.nn.Module
    worst: float


class Repair:
    def __init__(self, network, training: ImageSet, validation: ImageSet, options: RepairOptions, say=print):
        self.start, self.training, self.validation, self.options, self.say = network.eval(), training, validation, options, say
        self.planes, self.moves = training.planes(), idle_moves(network)
        self.augmenter = Augmenter(self.planes)

    def run(self) -> Repaired:
        """The first network within the goal, or else the best that was found.  Each rate goes on from the best so far."""
        options = self.options
        found = self.search(self.start)
        self.say(f"before: {self._accuracies(self.start)}, worst peak {found.worst:.4g} x rms")
        best = Repaired(self.start, found.worst)
        if best.worst < options.goal:
            self.say(f"nothing to repair: every image is below {options.goal:g}")
            return best
        for rate in options.rates:
            network = self.fine_tune(best.network, rate, found)
            after = self.peaks_of(network, found.first(options.pool))
            if after.worst < options.goal:
                after = self.search(network)
            self.say(f"rate {rate:g}: {self._accuracies(network)}, worst peak {after.worst:.4g}")
            if after.worst < best.worst:
                best = Repaired(network, after.worst)
            if best.worst < options.goal:
                break
            found = self._together(found.first(options.pool), after.first(options.pool))
        return best

    def search(self, network) -> Found:
        """All training images as they are, and as often as asked for moved."""
        count, generator = len(self.planes), np.random.default_rng(self.options.seed)
        found = self.peaks_of(network, Found(np.arange(count), self.moves.none(count), np.zeros(count)))
        for part in (1.0,) * int(self.options.moved) + (self.options.moved % 1,):
            chosen = generator.permutation(count)[:round(part * count)]
            if len(chosen) and self.moves.strides:
                moved = Found(chosen, self.moves.draw(self.planes[chosen], generator), np.zeros(len(chosen)))
                found = self._together(found, self.peaks_of(network, moved))
        return found

    def peaks_of(self, network, images: Found) -> Found:
        """The same images, with this network's peaks."""
        control = calibrated_control(network, self.planes)
        peaks = evaluate(network, control, self._pixels(images.indices, images.moves), compiled=self.options.compiled, turns=images.moves[:, 1:]).peaks
        return self._sorted(images.indices, images.moves, peaks)

    def fine_tune(self, network, rate: float, found: Found):
        """A copy of the network, trained for `steps` steps with the pool's images in every batch."""
        options, recipe = self.options, TrainOptions(distill=self.options.distill, temperature=2.0)
        torch.manual_seed(options.seed)
        generator = np.random.default_rng(options.seed)
        network, pool = copy.deepcopy(network), found.first(options.pool)
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        control = RangeControl(network, recipe.limit, recipe.clamp)
        control.measure(network, torch.from_numpy(self.planes[:512]).float())
        control.clamping = True
        forward, average = fast_form(network, control, options.compiled), WeightAverage(network, 0.97)
        optimiser = torch.optim.SGD(network.parameters(), rate, momentum=recipe.momentum, nesterov=True)
        for step in range(options.steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / options.steps))
            chosen = generator.integers(0, len(self.planes), min(options.batch, len(self.planes)))
            images = self.augmenter.batch(chosen, generator)
            hard = generator.integers(0, len(pool.indices), options.hard)
            hard[:options.hard // 6] = 0  # the worst of all every time
            images = np.concatenate([images, stress_mixture(images, options.stress, generator, self.moves), self._pixels(pool.indices[hard], pool.moves[hard])])
            pixels, labels = torch.from_numpy(np.ascontiguousarray(images)).float(), torch.from_numpy(self.training.labels[chosen].astype(np.int64))
            turns = np.zeros((len(images), self.moves.turned), int)
            turns[-len(hard):] = pool.moves[hard, 1:]
            logits = forward(pixels, torch.from_numpy(turns))[:len(chosen)]
            penalty = control.penalty(control.take_peaks())
            with torch.no_grad():
                answers = self.start(pixels[:len(chosen)])
            sane = torch.isfinite(answers).all(1)  # an image that overflowed before teaches nothing
            loss = task_loss(logits[sane], labels[sane], answers[sane], recipe) + recipe.penalty * penalty
            optimiser.zero_grad()
            loss.backward()
            if torch.isfinite(torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_clip)):
                optimiser.step()
            average.update(network)
        return average.network

    def _accuracies(self, network) -> str:
        control = calibrated_control(network, self.planes)
        result = evaluate(network, control, self.validation.planes(), self.validation.labels, compiled=self.options.compiled)
        return f"validation accuracy {result.accuracy:.2f}%"

    def _pixels(self, indices: np.ndarray, moves: np.ndarray) -> np.ndarray:
        return self.moves.apply(self.planes[indices], moves)

    def _together(self, first: Found, second: Found) -> Found:
        return self._sorted(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("indices", "moves", "peaks")))

    @staticmethod
    def _sorted(indices, moves, peaks) -> Found:
        order = np.argsort(-peaks, kind="stable")
        return Found(indices[order], moves[order], peaks[order])
