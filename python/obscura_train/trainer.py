"""The training run: phases, steps, checkpoints.  A run interrupted after any epoch resumes exactly.

Phase 1 trains with batch statistics, phase 2 with frozen (running) statistics: only then does training see the
function that inference computes, and the range penalty the values that encryption will square.  Clamping and the
penalty are on in both.  Every epoch draws its random numbers from (seed, epoch) alone.
"""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from .checkpoint import read_checkpoint, save_checkpoint
from .clustering import SharedWeights, cluster
from .data import ImageSet
from .data.augment import Augmenter, cut_squares
from .data.hard_images import HardImages
from .data.stress_images import stress_mixture
from .ema import WeightAverage
from .errors import UserError
from .evaluation import CALIBRATION_IMAGES, evaluate, fast_form
from .fast import FastResNet
from .layers import idle_moves
from .losses import task_loss
from .networks import NetworkSpec
from .options import TrainOptions
from .plot import write_plot
from .progress import ProgressBar
from .range_control import RangeControl
from .rounding_noise import RoundingNoise
from .schedule import rate_factor
from .steady_statistics import SteadyStatistics


class Trainer:
    """Trains `network` on `training`, judges it on `validation`, writes into `folder`: last.pt, best.pt, log.jsonl, plot.svg.

    To distil from: a `teacher` network, or its `scores` of the training images as they are, [n, classes].
    """

    def __init__(self, spec: NetworkSpec, network, training: ImageSet, validation: ImageSet, options: TrainOptions, folder: Path, teacher=None, scores=None):
        self.spec, self.options, self.folder = spec, options, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device)
        self.teacher = teacher.to(self.device).eval() if teacher is not None else None
        self.scores = torch.from_numpy(scores).to(self.device) if scores is not None else None
        self.training, self.validation = training, validation
        self.planes, self.validation_planes = training.planes(), validation.planes()
        self.augmenter = Augmenter(self.planes, options.augment)
        self.hard, self.moves = HardImages(len(training)), idle_moves(network)
        self.steps_per_epoch = len(training) // options.batch
        if self.steps_per_epoch == 0:
            raise UserError(f"{len(training)} training images do not fill one batch of {options.batch}; give a smaller --batch")
        if options.clusters:
            cluster(self.network, options.clusters, options.cluster_per)
        self.shared = SharedWeights(self.network, options.cluster_per) if options.clusters else None
        self.control = RangeControl(self.network, options.limit, options.clamp, options.noise)
        self.rounding = RoundingNoise(self.network, self.control, options.weight_noise) if options.weight_noise else None
        self.statistics = SteadyStatistics(self.network)
        self.average = WeightAverage(self.network, options.ema)
        self.average_control = RangeControl(self.average.network, options.limit, options.clamp)
        self.optimiser = self._make_optimiser()
        self.epoch, self.history, self.best = 0, [], None
        folder.mkdir(parents=True, exist_ok=True)

    def _make_optimiser(self):
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]  # gains and offsets: no decay
        groups = [{"params": matrices, "weight_decay": self.options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.SGD(groups, self.options.learning_rate, momentum=self.options.momentum, nesterov=self.options.momentum > 0)

    def resume(self, path: Path) -> None:
        """Go on from last.pt of a run with the same options."""
        content = read_checkpoint(path)
        run = content["run"]
        if run is None:
            raise UserError(f"{path}: holds a network but not the state of a run; start a new run from it with --start")
        differences = TrainOptions(**run["options"]).differences(self.options)
        if differences:
            raise UserError(f"{path} was made with other options ({'; '.join(differences)}); resume with the same ones, or start a new run with --start")
        self.network.load_state_dict(run["trained"])
        self.statistics.remember()
        if self.shared is not None:
            self.shared = SharedWeights(self.network, self.options.cluster_per)
        self.average.load(run["average"])
        self.optimiser.load_state_dict(run["optimiser"])
        self.hard.peaks = run["peaks"].numpy()
        self.epoch, self.history, self.best = run["epoch"], run["history"], run["best"]

    def run(self) -> None:
        """All epochs that are left."""
        total = self.options.total_epochs
        bar = ProgressBar(self.options.work_before(total))
        while self.epoch < total:
            row = self._train_epoch(bar)
            row |= self._judge()
            self.epoch += 1
            self.history.append(row)
            self._save()
            bar.message(f"epoch {self.epoch}/{total} ({row['phase']})  loss {row['loss']:.4f}  penalty {row['penalty']:.4f}  training {row['train_accuracy']:.2f}%  "
                        f"validation {row['accuracy']:.2f}%  worst peak {row['peak']:.4g}  out of range {row['outside']}")

    def _train_epoch(self, bar: ProgressBar) -> dict:
        options, network = self.options, self.network
        generator = np.random.default_rng((options.seed, self.epoch))
        torch.manual_seed(options.seed * 100003 + self.epoch)
        frozen = self.epoch >= options.epochs
        for activation in self.control.activations:
            activation.mix = min(1.0, (self.epoch + 1) / (options.warmup_epochs + 1))
        if frozen:
            self._calibrate(self.control, network)
        else:
            self.control.follow()
        network.train(not frozen)
        self.control.clamping = True
        forward = self._form(frozen)
        if frozen and options.replay and self.control.activations:  # as inference sees them: nothing clamped or shifted
            seen = evaluate(network, self.control, self.planes, compiled=options.compiled)
            self.hard.note(np.arange(len(seen.peaks)), seen.peaks)
        self.hard.choose()
        self.augmenter.crop = options.crop if self.epoch < options.crop_epochs else 0
        order = generator.permutation(len(self.training))
        sums, work_before = np.zeros(3), options.work_before(self.epoch)
        for index in range(self.steps_per_epoch):
            step = self.epoch * self.steps_per_epoch + index
            for group in self.optimiser.param_groups:
                group["lr"] = options.learning_rate * rate_factor(options.schedule, step, options.total_epochs * self.steps_per_epoch)
            chosen = order[index * options.batch:(index + 1) * options.batch]
            sums += self._step(forward, chosen, generator)
            done = sums / (index + 1)
            bar.update(work_before + (index + 1) / self.steps_per_epoch * options.work(self.epoch),
                       f"epoch {self.epoch + 1}  loss {done[0]:.3f}  penalty {done[1]:.3f}  accuracy {100 * done[2]:.1f}%")
        loss, penalty, accuracy = (sums / self.steps_per_epoch).tolist()
        return {"epoch": self.epoch + 1, "phase": "frozen" if frozen else "batch", "rate": self.optimiser.param_groups[0]["lr"],
                "loss": loss, "penalty": penalty, "train_accuracy": 100 * accuracy}

    def _form(self, frozen: bool):
        """How the network is run while it trains."""
        if self.options.compiled and FastResNet.supports(self.network):
            warm = all(activation.mix == 1 for activation in self.control.activations)  # the kernels know no mixed activations
            return FastResNet(self.network, self.control, self.options.precision) if warm else self.network
        return fast_form(self.network, self.control) if frozen else self.network

    def _step(self, forward, chosen: np.ndarray, generator) -> np.ndarray:
        """One step on the training images of these indices; [loss, penalty, accuracy]."""
        options, count = self.options, len(chosen)
        images = self.augmenter.batch(chosen, generator)
        if options.cutout:  # hard images below stay whole: their peaks are what counts
            cut_squares(images, options.cutout, generator)
        if options.stress and self.control.activations:
            images = np.concatenate([images, stress_mixture(images, options.stress, generator, self.moves)])
        if options.replay and self.control.activations and not self.network.training:  # hard images would sway batch statistics
            images = np.concatenate([images, self.hard.batch(self.augmenter, options.replay, generator, self.moves)])
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self.device).float()
        labels = torch.from_numpy(self.training.labels[chosen].astype(np.int64)).to(self.device)
        answer = self.scores[torch.from_numpy(chosen).to(self.device)] if self.scores is not None else None
        if self.teacher is not None:
            with torch.no_grad():
                answer = self.teacher(pixels[:count])
        with self.rounding.added() if self.rounding and not self.network.training else nullcontext():
            logits = forward(pixels)[:count]
            peaks = self.control.take_peaks()
            penalty = self.control.penalty(peaks)
            if len(peaks):
                self.hard.note(chosen, peaks.detach()[:, :count].amax(0).cpu().numpy())
            loss = task_loss(logits, labels, answer, options)
            self.optimiser.zero_grad()
            (loss + options.penalty * penalty).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), options.gradient_clip)
        if torch.isfinite(norm):  # a batch that overflowed teaches nothing; the next epoch's log shows the loss
            self.optimiser.step()
            if self.shared is not None:
                self.shared.merge(self.network)
        if self.network.training:
            self.statistics.settle()
        self.average.update(self.network)
        return np.array([loss.item(), penalty.item(), (logits.argmax(1) == labels).float().mean().item()])

    def _calibrate(self, control: RangeControl, network) -> None:
        typical = torch.from_numpy(self.planes[:CALIBRATION_IMAGES]).to(self.device).float()
        control.measure(network, typical)

    def _judge(self) -> dict:
        if self.shared is not None:  # averages of equal weights may differ in the last bit
            self.shared.merge(self.average.network)
        self._calibrate(self.average_control, self.average.network)
        result = evaluate(self.average.network, self.average_control, self.validation_planes, self.validation.labels, compiled=self.options.compiled)
        return {"accuracy": result.accuracy, "peak": result.worst, "outside": result.outside}

    def _save(self) -> None:
        row, classes = self.history[-1], self.training.classes
        rank = [-row["outside"], row["accuracy"]]  # a network that leaves its range is worth nothing, however accurate
        if self.best is None or rank > self.best:
            self.best = rank
            save_checkpoint(self.folder / "best.pt", self.spec, self.average.network, classes)
        run = {"options": asdict(self.options), "trained": self.network.state_dict(), "average": self.average.state(),
               "optimiser": self.optimiser.state_dict(), "peaks": torch.from_numpy(self.hard.peaks), "epoch": self.epoch, "history": self.history, "best": self.best}
        save_checkpoint(self.folder / "last.pt", self.spec, self.average.network, classes, run)
        (self.folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.history))
        write_plot(self.folder / "plot.svg", self.history)
