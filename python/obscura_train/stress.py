"""The range report: the worst peaks over real, rolled, synthetic and sought images."""

import numpy as np

from .adversary import worst_images
from .data.stress_images import SYNTHETIC, extreme_contrast
from .evaluation import Evaluation, evaluate
from .range_control import RangeControl

ROLLS = (1, 2, 3)  # rows; with cyclic padding and two halvings of the image, rolls by k and k - 4 have the same peaks


def stress_report(network, control: RangeControl, planes: np.ndarray, count: int, seed: int, adversarial: int) -> dict[str, Evaluation]:
    """Results by family.  planes: real images uint8 [n, 3, H, W]; count synthetic images a family; `adversarial` sought ones."""
    generator = np.random.default_rng(seed)
    height, width = planes.shape[2:]
    report = {"real": evaluate(network, control, planes)}
    for rows in ROLLS:
        report[f"rolled by {rows:+d} rows"] = evaluate(network, control, np.roll(planes, rows, axis=2))
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
