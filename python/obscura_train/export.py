"""From checkpoint to ONNX: raw pixels in, logits out, everything the compiler needs inside the graph."""

import os
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
import torch

from .clustering import shared_values
from .errors import UserError
from .networks import NetworkSpec
from .onnx_graph import OnnxGraph

INPUT, OUTPUT = "image", "logits"
CHECK_IMAGES = 4
TOLERANCE = 1e-3  # of the largest logit: float32 in another order of operations


def export_onnx(path: Path, spec: NetworkSpec, networks: list, side: int, classes=()) -> onnx.ModelProto:
    """Write one network, or the mean of several (an ensemble), and check the file against PyTorch on random pixels.

    Input "image" float32 [N, 3, side, side], pixels 0..255; output "logits" [N, classes].
    """
    graph = OnnxGraph()
    outputs = []
    for index, network in enumerate(networks):
        graph.prefix = f"member{index}." if len(networks) > 1 else ""
        outputs.append(network.eval().export(graph, INPUT))
    graph.prefix = ""
    output = outputs[0] if len(outputs) == 1 else graph.mean(outputs)
    properties = {"network": spec.name, "activation": spec.activation, "padding": spec.padding, "class_names": ",".join(classes)}
    shared = [shared_values(network) for network in networks]
    if all(shared):
        properties["clusters"] = str(max(shared))  # tells the compiler to look for fewer weight bits
    model = graph.finish(INPUT, ["N", 3, side, side], output, OUTPUT, spec.classes, properties)
    _check(model, networks, side)
    temporary = path.with_name(path.name + ".part")
    onnx.save(model, temporary)
    os.replace(temporary, path)
    return model


@torch.no_grad()
def _check(model, networks, side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (CHECK_IMAGES, 3, side, side)).astype(np.float32)
    exported = ReferenceEvaluator(model).run([OUTPUT], {INPUT: pixels})[0]
    expected = torch.stack([network(torch.from_numpy(pixels)) for network in networks]).mean(0).numpy()
    difference, size = np.abs(exported - expected).max(), np.abs(expected).max()
    if not difference <= TOLERANCE * max(size, 1.0):
        raise UserError(f"the exported network differs from the trained one by {difference:.3g} (logits up to {size:.3g}) on random pixels; "
                        "the network probably leaves its range: run `stress`, then fine-tune with more frozen epochs")
