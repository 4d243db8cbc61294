"""How a trained network bears fewer bits of weight and the noise of encryption.

The emulation rounds the weights of the folded form (folded.py) to the nearest multiples of 2^-bits of the rms of what
they add up to, each taken times the mean of its input: the integers of `obscura compile --weight-bits`.  It also adds
Gaussian noise to each value that is squared.  The engine's own compiler rounds more cleverly; where its program is
given, it is asked as well.
"""

import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from .activations import Line
from .data import ImageSet
from .errors import UserError
from .folded import FoldedResNet
from .range_control import RangeControl

WEIGHT_BITS = (8, 7, 6, 5, 4)
LOG_SCALES = (18, 19, 20, 21, 22, 23, 24)
LOG_NOISE = 13.9  # rms error of an encrypted integer after a division by a prime, at ring degree 2^15
CALIBRATION_IMAGES = 256
OUT_OF_RANGE = 7  # the program's exit status where values do not fit the parameters


@dataclass
class Compiled:
    """What the engine's program makes of the network: accuracy of the integers, and with the noise; size of the modulus.  All nan where values do not fit."""

    integers: float = math.nan
    noisy: float = math.nan
    log2_qp: float = math.nan


@dataclass
class Study:
    """Accuracies in percent, by bits of weight and by log2 of the values' scale; `compiled` ones are empty without the program."""

    images: int
    exact: float
    by_bits: dict[int, float]
    by_scale: dict[int, float]
    compiled_bits: dict[int, Compiled]
    compiled_scale: dict[int, Compiled]


def round_rows(bits: int):
    """A rounding for FoldedResNet: to multiples of 2^-bits of the output's rms."""
    def rounding(rows, means, rms):
        channels = rows[0].shape[0]
        step = rms * 2.0 ** -bits
        rounded, excess = [], torch.zeros(channels)
        for row, mean in zip(rows, means):
            unit = step.view(-1, *[1] * (row.ndim - 1)) / _as_inputs(row, mean)
            rounded.append((row / unit).round() * unit)
            excess += ((rounded[-1] - row) * _as_inputs(row, mean)).reshape(channels, -1).sum(1)
        return rounded, excess
    return rounding


def _as_inputs(row, mean):
    """The size of each weight's input, in the weight's shape; colours, whose mean is 0, have size 1."""
    size = torch.where(mean > 0, mean, torch.ones_like(mean))
    return size if row.ndim == 1 else size.view(1, -1, 1, 1)


@torch.no_grad()
def accuracy(network, control: RangeControl, images: ImageSet, rounding=None, noise: float = 0.0, batch: int = 100) -> float:
    """In percent; noise as a part of rms(v)."""
    forward, planes, correct = FoldedResNet(network, control, rounding), images.planes(), 0
    control.noise = noise
    torch.manual_seed(1)
    for start in range(0, len(planes), batch):
        logits = forward(torch.from_numpy(planes[start:start + batch]).float())
        control.take_peaks()
        correct += int((logits.argmax(1).numpy() == images.labels[start:start + batch]).sum())
    control.noise = 0.0
    return 100 * correct / len(planes)


def run_study(network, control: RangeControl, images: ImageSet, typical: ImageSet, model: Path | None, program: Path | None, note=print) -> Study:
    """images to judge on; typical ones for the compiler; model (ONNX) and program (`obscura`) or None."""
    if not FoldedResNet.supports(network):
        raise UserError("the study needs a residual network with quadratic activations and cyclic padding")
    if any(isinstance(activation, Line) for activation in network.activations):
        raise UserError("the study rounds layer by layer, and the layers around an activation that is left out become one: study the network before")
    network.eval()
    note("exact")
    study = Study(len(images), accuracy(network, control, images), {}, {}, {}, {})
    for bits in WEIGHT_BITS:
        note(f"weights of {bits} bits")
        study.by_bits[bits] = accuracy(network, control, images, round_rows(bits))
    for log_scale in LOG_SCALES:
        note(f"noise at scale 2^{log_scale}")
        study.by_scale[log_scale] = accuracy(network, control, images, noise=2 ** (LOG_NOISE - log_scale))
    if program is not None:
        with TemporaryDirectory() as folder:
            engine = _Engine(program, model, Path(folder), images, typical)
            for bits in WEIGHT_BITS:
                note(f"compiled with {bits} bits")
                study.compiled_bits[bits] = engine.compiled("--weight-bits", bits)
            for log_scale in LOG_SCALES:
                note(f"compiled at scale 2^{log_scale}")
                study.compiled_scale[log_scale] = engine.compiled("--log-scale", log_scale)
    return study


class _Engine:
    """The engine's program, with the images it needs in `folder`."""

    def __init__(self, program: Path, model: Path, folder: Path, images: ImageSet, typical: ImageSet):
        self.program, self.model, self.folder = program, model, folder
        np.save(folder / "typical.npy", typical.images[:CALIBRATION_IMAGES])
        np.save(folder / "images.npy", images.images)
        np.save(folder / "labels.npy", images.labels.astype(np.int64))

    def compiled(self, *options) -> Compiled:
        """The network compiled with these options, and simulated."""
        folder, plan = self.folder, self.folder / "plan"
        if not _call([self.program, "compile", self.model, "-o", plan, "--calibrate", folder / "typical.npy", *options, "--json", folder / "plan.json"], accept=OUT_OF_RANGE):
            return Compiled()
        _call([self.program, "simulate", plan, "--images", folder / "images.npy", "--labels", folder / "labels.npy", "--json", folder / "report.json"])
        report = json.loads((folder / "report.json").read_text())
        return Compiled(100 * report["accuracy_plain"], 100 * report["accuracy_simulated"], json.loads((folder / "plan.json").read_text())["log2_qp"])


def _call(words, accept: int = 0) -> bool:
    """Run the program.  True if it succeeded, False if it ended with the status `accept`."""
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"{words[0]}: cannot be run ({error.strerror}); give the path of the obscura program") from error
    if done.returncode not in (0, accept):
        raise UserError(f"{' '.join(map(str, words[:2]))} failed with status {done.returncode}: {done.stderr.strip()}")
    return done.returncode == 0
