"""The study of bits and noise as a Markdown table and an SVG plot."""

from pathlib import Path

import numpy as np

from .plot import write_svg
from .study import LOG_SCALES, WEIGHT_BITS, Compiled, Study


def write_study(path: Path, title: str, images: str, study: Study) -> None:
    """path (.md) and the plot beside it (.svg)."""
    picture = path.with_suffix(".svg")
    lines = [f"# {title}", "", f"Accuracy on {study.images:,} images ({images}); {study.exact:.2f} % in float32. One image is {100 / study.images:.2f} points.", "",
             f"![accuracy by bits and by scale]({picture.name})", "", "## Bits of weight", "",
             "Weights are integers, in units of 2^-bits of the rms of what they add up to (their inputs counted at their mean). *Nearest*: the folded network, rounded weight by weight. "
             "*Compiled*, *simulated*: `obscura compile --weight-bits`, which compensates rounding errors, and `obscura simulate`, with the noise of encryption.", "",
             "| bits | nearest, % | change | compiled (integers), % | simulated (integers and noise), % | log2(QP) |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {bits} | {study.by_bits[bits]:.2f} | {study.by_bits[bits] - study.exact:+.2f} | {_both(study.compiled_bits.get(bits))} | {_modulus(study.compiled_bits.get(bits))} |"
              for bits in WEIGHT_BITS]
    lines += ["", "## Scale of the values", "",
              "A value that is squared has rms 2^scale and an error of rms 2^13.9 (ring degree 2^15). *Noise alone*: exact weights. *Compiled*, *simulated*: "
              "`obscura compile --log-scale`, where weights get the bits of a 30-bit prime that the scale leaves.", "",
              "| log2 scale | noise alone, % | compiled (integers), % | simulated (integers and noise), % |", "| --- | --- | --- | --- |"]
    lines += [f"| {scale} | {study.by_scale[scale]:.2f} | {_both(study.compiled_scale.get(scale))} |" for scale in LOG_SCALES]
    path.write_text("\n".join(lines) + "\n")
    by_bits = {"nearest": list(study.by_bits.values()), **_lines(study.compiled_bits, WEIGHT_BITS)}
    by_scale = {"noise alone": list(study.by_scale.values()), **_lines(study.compiled_scale, LOG_SCALES)}
    write_svg(picture, [("Accuracy by bits of weight, %", by_bits, WEIGHT_BITS), ("Accuracy by log2 of the scale, %", by_scale, LOG_SCALES)])


def _lines(compiled: dict[int, Compiled], places) -> dict[str, list[float]]:
    return {name: [getattr(compiled[place], name) for place in places] for name in ("integers", "noisy")} if compiled else {}


def _both(compiled: Compiled | None) -> str:
    if compiled is None:
        return "not measured | not measured"
    return " | ".join("does not fit" if np.isnan(value) else f"{value:.2f}" for value in (compiled.integers, compiled.noisy))


def _modulus(compiled: Compiled | None) -> str:
    return "not measured" if compiled is None else "-" if np.isnan(compiled.log2_qp) else f"{compiled.log2_qp:.0f}"
