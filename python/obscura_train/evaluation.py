"""Accuracy, and how far the pre-activations reach."""

from dataclasses import dataclass

import numpy as np
import torch

from .fast import FastResNet
from .folded import FoldedResNet
from .range_control import RangeControl

SAFE_PEAK = 12.0  # multiples of rms(v): beyond it an image counts as out of range
CALIBRATION_IMAGES = 512  # how many typical images fix rms(v)


@dataclass
class Evaluation:
    """accuracy in percent (nan without labels); peaks [images]: the largest |v| / rms(v) over all layers."""

    accuracy: float
    peaks: np.ndarray

    @property
    def worst(self) -> float:
        return float(self.peaks.max()) if len(self.peaks) else 0.0

    @property
    def outside(self) -> int:
        return int((self.peaks > SAFE_PEAK).sum())


def fast_form(network, control: RangeControl, compiled: bool = False):
    """The quickest way to run the network in evaluation mode; `compiled` allows the kernels of fast/."""
    if compiled and FastResNet.supports(network):
        return FastResNet(network, control)
    return FoldedResNet(network, control) if FoldedResNet.supports(network) else network


@torch.no_grad()
def evaluate(network, control: RangeControl, planes: np.ndarray, labels: np.ndarray | None = None, batch: int = 100, compiled: bool = False,
             turns: np.ndarray | None = None) -> Evaluation:
    """planes uint8 [n, 3, H, W]; turns [n, k]: of the network's maps (data/idle_moves.py).  The control must be this network's; its clamp and noise are off meanwhile."""
    training, clamping, noise = network.training, control.clamping, control.noise
    network.eval()
    control.clamping, control.noise = False, 0.0
    forward, device = fast_form(network, control, compiled), next(network.parameters()).device
    correct, peaks = 0, []
    for start in range(0, len(planes), batch):
        images = torch.from_numpy(planes[start:start + batch]).to(device).float()
        logits = (forward(images) if turns is None else forward(images, torch.from_numpy(turns[start:start + batch]).to(device))).cpu()
        peaks.append(control.take_peaks().cpu())
        if labels is not None:
            correct += int((logits.argmax(1).numpy() == labels[start:start + batch]).sum())
    network.train(training)
    control.clamping, control.noise = clamping, noise
    worst = torch.cat([p.amax(0) if p.numel() else torch.zeros(0) for p in peaks])
    return Evaluation(100 * correct / len(planes) if labels is not None else float("nan"), worst.numpy())


def calibrated_control(network, planes: np.ndarray) -> RangeControl:
    """A control whose rms(v) are those of the first few hundred of the given typical images."""
    control = RangeControl(network)
    control.measure(network, torch.from_numpy(planes[:CALIBRATION_IMAGES]).float())
    return control
