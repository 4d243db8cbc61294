"""The model card: what a network is, what was measured on what, and how to make it again."""

from pathlib import Path

from .evaluation import Evaluation
from .networks import NetworkSpec
from .stress import report_lines


def write_card(path: Path, title: str, spec: NetworkSpec, parameters: int, accuracies: dict[str, float], report: dict[str, Evaluation], run: dict | None) -> None:
    """accuracies: percent by name of the image set; run: the state of the training run, where the checkpoint keeps it."""
    lines = [f"# {title}", "", f"- network: {spec.name}, width {spec.width}{', dense' if spec.dense else ''}, {parameters:,} parameters, {spec.classes} classes",
             f"- activation: {spec.activation}; padding: {spec.padding}{f', twist {spec.twist}' if spec.padding == 'twisted' else ''}", "- input: `image` float32 [N, 3, H, W], pixels 0 to 255 (normalisation is in the graph); output: `logits`", ""]
    lines += ["## Accuracy (float)", "", "| images | accuracy, % |", "| --- | --- |"]
    lines += [f"| {name} | {value:.2f} |" for name, value in accuracies.items()]
    lines += ["", "## Range", "", "Peak of an image: the largest |v| / rms(v) over all layers, v being the number that is squared under encryption.", ""]
    lines += report_lines(report)
    if run is not None:
        changed = [f"{name} = {value}" for name, value in run["options"].items()]
        lines += ["", "## Training", "", f"Epochs done: {run['epoch']}. Options: {', '.join(changed)}."]
    path.write_text("\n".join(lines) + "\n")
