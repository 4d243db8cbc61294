"""A small writer of ONNX graphs: one method a node type, each taking and returning tensor names.

The modules of this package export themselves through it, so the file holds exactly the nodes that the
Obscura compiler reads (opset 13 semantics, float32) and nothing that depends on PyTorch's own exporter.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # the oldest that allows opset 17
SLICE_TO_END = np.iinfo(np.int64).max


class OnnxGraph:
    """Collects nodes and float32 weights; `finish` checks and returns the model."""

    def __init__(self):
        self._nodes, self._weights, self._integers, self._count = [], [], {}, 0
        self.prefix = ""  # before the names of weights: tells the members of an ensemble apart

    def _node(self, kind: str, inputs: list[str], **attributes) -> str:
        self._count += 1
        output = f"{kind.lower()}_{self._count}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _weight(self, name: str, values) -> str:
        array = np.ascontiguousarray(_numpy(values), dtype=np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"weight {name}: {np.count_nonzero(~np.isfinite(array))} values are not finite")
        name = self.prefix + name
        self._weights.append(numpy_helper.from_array(array, name))
        return name

    def _integer(self, value: int) -> str:
        name = f"int_{value}".replace("-", "minus_")
        if name not in self._integers:
            self._integers[name] = numpy_helper.from_array(np.array([value], np.int64), name)
        return name

    def channel_scale(self, x: str, values) -> str:
        """x[N, C, H, W] * values[C]."""
        return self._node("Mul", [x, self._channels("scale", values)])

    def channel_shift(self, x: str, values) -> str:
        """x[N, C, H, W] + values[C]."""
        return self._node("Add", [x, self._channels("shift", values)])

    def _channels(self, role: str, values) -> str:
        return self._weight(f"{role}_{self._count + 1}", _numpy(values).reshape(1, -1, 1, 1))

    def multiply(self, x: str, y: str) -> str:
        return self._node("Mul", [x, y])

    def add(self, x: str, y: str) -> str:
        return self._node("Add", [x, y])

    def relu(self, x: str) -> str:
        return self._node("Relu", [x])

    def slice(self, x: str, axis: int, start: int, end: int = SLICE_TO_END) -> str:
        return self._node("Slice", [x, self._integer(start), self._integer(end), self._integer(axis), self._integer(1)])

    def concat(self, parts: list[str], axis: int) -> str:
        return self._node("Concat", parts, axis=axis)

    def conv(self, x: str, name: str, weight, bias=None, stride: int = 1, pad: int = 0, dilation: int = 1) -> str:
        """weight [O, I, k, k]; pad is the number of zero pixels on each side."""
        inputs = [x, self._weight(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self._weight(f"{name}.bias", bias))
        size = weight.shape[-1]
        return self._node("Conv", inputs, kernel_shape=[size, size], strides=[stride] * 2, pads=[pad] * 4, dilations=[dilation] * 2, group=1)

    def batch_norm(self, x: str, name: str, scale, bias, mean, variance, epsilon: float) -> str:
        """(x - mean) / sqrt(variance + epsilon) * scale + bias, each [C]."""
        parameters = zip(("scale", "bias", "mean", "variance"), (scale, bias, mean, variance))
        inputs = [x] + [self._weight(f"{name}.{key}", value) for key, value in parameters]
        return self._node("BatchNormalization", inputs, epsilon=epsilon)

    def average_pool(self, x: str, size: int) -> str:
        return self._node("AveragePool", [x], kernel_shape=[size] * 2, strides=[size] * 2)

    def global_average_pool(self, x: str) -> str:
        return self._node("Flatten", [self._node("GlobalAveragePool", [x])], axis=1)

    def linear(self, x: str, name: str, weight, bias) -> str:
        """x [N, I] to [N, O] with weight [O, I]."""
        return self._node("Gemm", [x, self._weight(f"{name}.weight", weight), self._weight(f"{name}.bias", bias)], transB=1)

    def mean(self, parts: list[str]) -> str:
        """The elementwise mean of several tensors of one shape."""
        total = parts[0]
        for part in parts[1:]:
            total = self.add(total, part)
        weight = self._weight(f"mean_{self._count + 1}", np.array([1 / len(parts)]))
        return self._node("Mul", [total, weight])

    def finish(self, input_name: str, input_shape: list, output: str, output_name: str, classes: int, properties: dict[str, str]) -> onnx.ModelProto:
        """The checked model; input_shape may name a dynamic dimension by a string."""
        for node in self._nodes:
            node.output[:] = [output_name if name == output else name for name in node.output]
        graph = helper.make_graph(
            self._nodes, "obscura",
            [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [input_shape[0], classes])],
            initializer=self._weights + list(self._integers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="obscura_train")
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model, full_check=True)
        return model


def _numpy(values) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values)
