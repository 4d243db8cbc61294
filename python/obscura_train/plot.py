"""The plot of a run as an SVG file: accuracies and the worst peak over the epochs.  Needs no plotting library."""

import math
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 640, 220, 48  # of one panel
COLOURS = ("#1f6fb2", "#c8502a", "#3a8f4d")


def _panel(top: int, title: str, series: dict[str, list[float]], epochs: int) -> list[str]:
    values = [value for line in series.values() for value in line if math.isfinite(value)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = high if high > low else low + 1
    x = lambda index: MARGIN + (WIDTH - 2 * MARGIN) * (index / max(1, epochs - 1))
    y = lambda value: top + HEIGHT - 30 - (HEIGHT - 60) * (value - low) / (high - low)
    parts = [f'<text x="{MARGIN}" y="{top + 18}" font-weight="bold">{title}</text>',
             f'<rect x="{MARGIN}" y="{top + 30}" width="{WIDTH - 2 * MARGIN}" height="{HEIGHT - 60}" fill="none" stroke="#bbb"/>']
    for value in (low, (low + high) / 2, high):
        parts.append(f'<text x="{MARGIN - 6}" y="{y(value) + 4}" text-anchor="end">{value:.4g}</text>')
    for number, (name, line) in enumerate(series.items()):
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(line) if math.isfinite(v))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{MARGIN + 200 + 150 * number}" y="{top + 18}" fill="{colour}">{name}</text>')
    return parts


def write_plot(path: Path, history: list[dict]) -> None:
    """history: one dictionary an epoch, as trainer.py logs them."""
    pick = lambda key: [float(row[key]) for row in history]
    peaks = [math.log10(max(value, 1e-9)) if math.isfinite(value) else math.nan for value in pick("peak")]
    panels = [("Accuracy, %", {"training": pick("train_accuracy"), "validation": pick("accuracy")}),
              ("Loss", {"task": pick("loss"), "range penalty": pick("penalty")}),
              ("Worst peak on validation images, log10 of multiples of rms", {"peak": peaks})]
    body = [part for index, (title, series) in enumerate(panels) for part in _panel(index * HEIGHT, title, series, len(history))]
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(panels)}" font-family="sans-serif" font-size="11">'
    path.write_text("\n".join([svg, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""]))
