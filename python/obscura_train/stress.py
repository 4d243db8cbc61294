"""The range report: the worst peaks over real, moved, synthetic and sought images."""

from itertools import groupby

import numpy as np

from .adversary import worst_images
from .data.stress_images import SYNTHETIC, extreme_contrast
from .evaluation import Evaluation, evaluate
from .layers import idle_moves
from .range_control import RangeControl


def stress_report(network, control: RangeControl, planes: np.ndarray, count: int, seed: int, adversarial: int) -> dict[str, Evaluation]:
    """Results by family.  planes: real images uint8 [n, 3, H, W]; count synthetic images a family; `adversarial` sought ones."""
    generator = np.random.default_rng(seed)
    height, width = planes.shape[2:]
    report, moves = {"real": evaluate(network, control, planes)}, idle_moves(network)
    for turn, pixels in groupby(moves.pixels(width), lambda move: move // width):
        columns = [move % width for move in pixels]
        which = f"{columns[0]} to {columns[-1]} columns" if len(columns) > 1 else f"{columns[0]} column"
        name = f"moved by {turn * max(1, moves.wrap)} rows and {which}" if turn else f"moved by {which}"
        parts = [evaluate(network, control, moves.apply(planes, np.full(len(planes), turn * width + column))) for column in columns]
        report[name] = Evaluation(float("nan"), np.concatenate([part.peaks for part in parts]))
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
