"""The range report: the worst peaks over real, moved, synthetic and sought images."""

import numpy as np

from .adversary import worst_images
from .data.stress_images import SYNTHETIC, extreme_contrast, idle_shifts, shifted
from .evaluation import Evaluation, evaluate
from .layers import wrap_of
from .range_control import RangeControl


def stress_report(network, control: RangeControl, planes: np.ndarray, count: int, seed: int, adversarial: int) -> dict[str, Evaluation]:
    """Results by family.  planes: real images uint8 [n, 3, H, W]; count synthetic images a family; `adversarial` sought ones."""
    generator = np.random.default_rng(seed)
    height, width = planes.shape[2:]
    report, wrap = {"real": evaluate(network, control, planes)}, wrap_of(network)
    for pixels in idle_shifts(wrap, width, network.dense):
        name = f"moved by {pixels} column{'s' * (pixels > 1)}" if pixels < width else f"rolled by {pixels // width} rows"
        report[name] = evaluate(network, control, shifted(planes, np.full(len(planes), pixels), wrap))
    report["extreme contrast"] = evaluate(network, control, extreme_contrast(planes[:count], generator))
    for name, family in SYNTHETIC.items():
        report[name] = evaluate(network, control, family(count, height, width, generator))
    if adversarial:
        report["gradient-maximised"] = evaluate(network, control, worst_images(network, control, planes[:adversarial]))
    return report


def report_lines(report: dict[str, Evaluation]) -> list[str]:
    """A Markdown table."""
    lines = ["| images | how many | median peak | worst peak | beyond 12 |", "| --- | --- | --- | --- | --- |"]
    for name, result in report.items():
        lines.append(f"| {name} | {len(result.peaks):,} | {np.median(result.peaks):.1f} | {result.worst:.4g} | {result.outside} |")
    return lines
