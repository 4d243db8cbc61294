"""Plots as SVG files: panels of lines over numbered places.  Needs no plotting library."""

import math
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 640, 220, 48  # of one panel
COLOURS = ("#1f6fb2", "#c8502a", "#3a8f4d")


def _panel(top: int, title: str, series: dict[str, list[float]], ticks) -> list[str]:
    """ticks: a label under each place, or () for none."""
    values = [value for line in series.values() for value in line if math.isfinite(value)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = high if high > low else low + 1
    places = max(len(line) for line in series.values())
    x = lambda index: MARGIN + (WIDTH - 2 * MARGIN) * (index / max(1, places - 1))
    y = lambda value: top + HEIGHT - 30 - (HEIGHT - 60) * (value - low) / (high - low)
    parts = [f'<text x="{MARGIN}" y="{top + 18}" font-weight="bold">{title}</text>',
             f'<rect x="{MARGIN}" y="{top + 30}" width="{WIDTH - 2 * MARGIN}" height="{HEIGHT - 60}" fill="none" stroke="#bbb"/>']
    for value in (low, (low + high) / 2, high):
        parts.append(f'<text x="{MARGIN - 6}" y="{y(value) + 4}" text-anchor="end">{value:.4g}</text>')
    for index, label in enumerate(ticks):
        parts.append(f'<text x="{x(index):.1f}" y="{top + HEIGHT - 14}" text-anchor="middle">{label}</text>')
    for number, (name, line) in enumerate(series.items()):
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(line) if math.isfinite(v))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{MARGIN + 230 + 110 * number}" y="{top + 18}" fill="{colour}">{name}</text>')
    return parts


def write_svg(path: Path, panels: list[tuple]) -> None:
    """panels: (title, values by the name of the line, ticks), one under the other."""
    body = [part for index, panel in enumerate(panels) for part in _panel(index * HEIGHT, *panel)]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(panels)}" font-family="sans-serif" font-size="11">'
    path.write_text("\n".join([svg, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""]))


def write_plot(path: Path, history: list[dict]) -> None:
    """The plot of a run.  history: one dictionary an epoch, as trainer.py logs them."""
    pick = lambda key: [float(row[key]) for row in history]
    peaks = [math.log10(max(value, 1e-9)) if math.isfinite(value) else math.nan for value in pick("peak")]
    write_svg(path, [("Accuracy, %", {"training": pick("train_accuracy"), "validation": pick("accuracy")}, ()),
                     ("Loss", {"task": pick("loss"), "range penalty": pick("penalty")}, ()),
                     ("Worst peak on validation, log10 of rms", {"peak": peaks}, ())])
