"""The study of bits and noise as a Markdown table and an SVG plot."""

from pathlib import Path

import numpy as np

from .plot import write_svg
from .study import LOG_SCALES, WEIGHT_BITS, Study


def write_study(path: Path, title: str, images: str, study: Study) -> None:
    """path (.md) and the plot beside it (.svg)."""
    picture = path.with_suffix(".svg")
    lines = [f"# {title}", "", f"Accuracy on {study.images:,} images ({images}); {study.exact:.2f} % in float32. One image is {100 / study.images:.2f} points.", "",
             f"![accuracy by bits and by scale]({picture.name})", "", "## Bits of weight", "",
             "Weights of the folded network, rounded to the nearest signed integer, one scale an output channel; the bias takes back what rounding adds on average.", "",
             "| bits | accuracy, % | change |", "| --- | --- | --- |"]
    lines += [f"| {bits} | {study.by_bits[bits]:.2f} | {study.by_bits[bits] - study.exact:+.2f} |" for bits in WEIGHT_BITS]
    lines += ["", "## Scale of the values", "",
              "A value that is squared has rms 2^scale and an error of rms 2^13.9 (ring degree 2^15). *Noise alone*: exact weights. *Compiled*, *simulated*: "
              "`obscura compile --log-scale` and `obscura simulate`, where weights get the bits of a 30-bit prime that the scale leaves.", "",
              "| log2 scale | noise alone, % | compiled (integers), % | simulated (integers and noise), % |", "| --- | --- | --- | --- |"]
    lines += [f"| {scale} | {study.by_scale[scale]:.2f} | {_both(study, scale)} |" for scale in LOG_SCALES]
    path.write_text("\n".join(lines) + "\n")
    by_scale = {"noise alone": list(study.by_scale.values())}
    if study.compiled:
        by_scale |= {name: [study.compiled[scale][index] for scale in LOG_SCALES] for index, name in enumerate(("compiled", "simulated"))}
    write_svg(picture, [("Accuracy by bits of weight, %", {"rounded": list(study.by_bits.values()), "float32": [study.exact] * len(WEIGHT_BITS)}, WEIGHT_BITS),
                        ("Accuracy by log2 of the scale, %", by_scale, LOG_SCALES)])


def _both(study: Study, scale: int) -> str:
    values = study.compiled.get(scale)
    if values is None:
        return "not measured | not measured"
    return " | ".join("does not fit" if np.isnan(value) else f"{value:.2f}" for value in values)
