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
    for (rows, turns), group in groupby(sorted(moves.all(width), key=_part(width)), _part(width)):
        columns, parts = [], []
        for move in group:
            everyone = np.tile(move, (len(planes), 1))
            columns.append(move[0] % width)
            parts.append(evaluate(network, control, moves.apply(planes, everyone), turns=everyone[:, 1:]).peaks)
        report[_name(rows * max(1, moves.wrap), columns, turns)] = Evaluation(float("nan"), np.concatenate(parts))
    report["extreme contrast"] = evaluate(network, control, extreme_contrast(planes[:count], generator))
    for name, family in SYNTHETIC.items():
        report[name] = evaluate(network, control, family(count, height, width, generator))
    if adversarial:
        report["gradient-maximised"] = evaluate(network, control, worst_images(network, control, planes[:adversarial]))
    return report


def _part(width: int):
    """Moves that share a line of the report: those by the same rows and turns."""
    return lambda move: (move[0] // width, move[1:])


def _name(rows: int, columns: list[int], turns: tuple[int, ...]) -> str:
    across = f"{columns[0]} to {columns[-1]} columns" if len(columns) > 1 else f"{columns[0]} column"
    turned = f", {', '.join(map(str, turns))} pixels of the last grids" if any(turns) else ""
    return f"moved by {f'{rows} rows and ' if rows else ''}{across}{turned}"


def report_lines(report: dict[str, Evaluation]) -> list[str]:
    """A Markdown table."""
    lines = ["| images | how many | median peak | worst peak | beyond 12 |", "| --- | --- | --- | --- | --- |"]
    for name, result in report.items():
        lines.append(f"| {name} | {len(result.peaks):,} | {np.median(result.peaks):.1f} | {result.worst:.4g} | {result.outside} |")
    return lines
