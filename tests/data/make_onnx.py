"""Makes the small ONNX models of the compiler's tests, and expected.json with what they give.

Run with the `onnx` and `numpy` packages:  python tests/data/make_onnx.py
Expected scores come from ONNX's own reference evaluator, so they owe nothing to the code under test.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = pathlib.Path(__file__).parent
END = np.iinfo(np.int64).max


class Model:
    """Collects nodes; every method takes and returns tensor names."""

    def __init__(self, seed: int, channels: int, size: int):
        self.random, self.channels, self.size = np.random.default_rng(seed), channels, size
        self.nodes, self.weights = [], []

    def constant(self, values, kind=np.float32) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def normal(self, *shape: int) -> np.ndarray:
        return self.random.standard_normal(shape)

    def slice(self, x: str, axis: int, start: int, end: int = END) -> str:
        return self.node("Slice", x, *(self.constant([v], np.int64) for v in (start, end, axis)))

    def raster_pad(self, x: str, reach: int = 1, wrap: int = 1) -> str:
        """`reach` pixels on each side; the neighbour of a row's last pixel is the first of the row `wrap` below."""
        last, first = self.slice(x, 3, -reach), self.slice(x, 3, 0, reach)
        left = self.node("Concat", self.slice(last, 2, -wrap), self.slice(last, 2, 0, -wrap), axis=2)
        right = self.node("Concat", self.slice(first, 2, wrap), self.slice(first, 2, 0, wrap), axis=2)
        return self.row_pad(self.node("Concat", left, x, right, axis=3), reach)

    def circular_pad(self, x: str) -> str:
        """Each row wraps to itself: a plain torus."""
        return self.row_pad(self.node("Concat", self.slice(x, 3, -1), x, self.slice(x, 3, 0, 1), axis=3), 1)

    def repeated_pad(self, x: str) -> str:
        """Each row is continued by its own last pixel: not what layouts can do."""
        return self.row_pad(self.node("Concat", self.slice(x, 3, 0, 1), x, self.slice(x, 3, -1), axis=3), 1)

    def row_pad(self, x: str, reach: int) -> str:
        return self.node("Concat", self.slice(x, 2, -reach), x, self.slice(x, 2, 0, reach), axis=2)

    def conv(self, x: str, inputs: int, outputs: int, size: int, stride: int = 1, group: int = 1, **attributes) -> str:
        weight = self.normal(outputs, inputs // group, size, size) / np.sqrt(inputs // group * size * size)
        return self.node("Conv", x, self.constant(weight), strides=[stride] * 2, group=group, **attributes)

    def batch_norm(self, x: str, channels: int) -> str:
        scale, bias, mean = self.normal(channels) * 0.05 + 0.3, self.normal(channels) * 0.2, self.normal(channels) * 0.1
        variance = np.abs(self.normal(channels)) * 0.2 + 0.8
        return self.node("BatchNormalization", x, *map(self.constant, (scale, bias, mean, variance)), epsilon=1e-5)

    def activation(self, x: str, channels: int) -> str:
        """Two normalisations, of x and of its square, added up."""
        return self.node("Add", self.batch_norm(x, channels), self.batch_norm(self.node("Mul", x, x), channels))

    def block(self, x: str, inputs: int, outputs: int, stride: int) -> str:
        branch = self.activation(self.conv(self.raster_pad(x), inputs, outputs, 3, stride), outputs)
        branch = self.batch_norm(self.conv(self.raster_pad(branch), outputs, outputs, 3), outputs)
        skip = x if stride == 1 else self.batch_norm(self.conv(x, inputs, outputs, 1, stride), outputs)
        return self.activation(self.node("Add", branch, skip), outputs)

    def classifier(self, x: str, inputs: int, classes: int) -> str:
        x = self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)
        return self.node("Gemm", x, self.constant(self.normal(classes, inputs)), self.constant(self.normal(classes)), transB=1)

    def normalised(self, x: str) -> str:
        return self.node("Div", self.node("Sub", x, self.constant([120.0])), self.constant(np.full((1, self.channels, 1, 1), 60.0)))

    def save(self, name: str, output: str, classes: int, evaluate: bool = True):
        shape = ["N", self.channels, self.size, self.size]
        graph = helper.make_graph(
            self.nodes, name, [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", classes])], initializer=self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="obscura tests")
        onnx.save(model, HERE / f"{name}.onnx")
        if not evaluate:
            return None
        pixels = self.random.integers(0, 256, (4, self.channels, self.size, self.size))
        scores = ReferenceEvaluator(model).run(None, {"image": pixels.astype(np.float32)})[0]
        return {"pixels": pixels.reshape(4, -1).tolist(), "scores": scores.astype(float).tolist()}


def tiny_resnet() -> dict:
    """A stem, a block with an identity shortcut and a strided one."""
    m = Model(1, channels=2, size=8)
    x = m.activation(m.conv(m.raster_pad(m.normalised("image")), 2, 4, 3), 4)
    x = m.block(m.block(x, 4, 4, 1), 4, 6, 2)
    return m.save("tiny-resnet", m.classifier(x, 6, 3), 3)


def tiny_twisted() -> dict:
    """The right neighbour of a row's last pixel is the first two rows below; after a stride, in the next row."""
    m = Model(6, channels=2, size=8)
    x = m.activation(m.conv(m.raster_pad(m.normalised("image"), wrap=2), 2, 4, 3), 4)
    branch = m.activation(m.conv(m.raster_pad(x, wrap=2), 4, 6, 3, 2), 6)
    x = m.activation(m.node("Add", m.conv(m.raster_pad(branch), 6, 6, 3), m.conv(x, 4, 6, 1, 2)), 6)
    return m.save("tiny-twisted", m.classifier(x, 6, 3), 3)


def tiny_linear() -> dict:
    """No activation after the stem, nor after both blocks: layers around become one of taps two pixels apart, the last convolution a part of the mean."""
    m = Model(10, channels=2, size=8)
    x = m.batch_norm(m.conv(m.raster_pad(m.normalised("image"), wrap=2), 2, 4, 3), 4)
    branch = m.activation(m.conv(m.raster_pad(x, wrap=2), 4, 4, 3), 4)
    x = m.batch_norm(m.node("Add", m.conv(m.raster_pad(branch, wrap=2), 4, 4, 3), x), 4)
    branch = m.activation(m.conv(m.raster_pad(x, wrap=2), 4, 6, 3, 2), 6)
    x = m.batch_norm(m.node("Add", m.conv(m.raster_pad(branch), 6, 6, 3), m.conv(x, 4, 6, 1, 2)), 6)
    return m.save("tiny-linear", m.classifier(x, 6, 3), 3)


def tiny_dense() -> dict:
    """No strides: taps move apart instead, two and three pixels, and the mean is over all pixels."""
    m = Model(8, channels=2, size=8)
    x = m.activation(m.conv(m.raster_pad(m.normalised("image")), 2, 4, 3), 4)
    branch = m.activation(m.conv(m.raster_pad(x, reach=2), 4, 6, 3, dilations=[2, 2]), 6)
    x = m.activation(m.node("Add", m.conv(m.raster_pad(branch, reach=3), 6, 6, 3, dilations=[3, 3]), m.conv(x, 4, 6, 1)), 6)
    return m.save("tiny-dense", m.classifier(x, 6, 3), 3)


def tiny_large() -> dict:
    """Sixteen pixels a side, all of which the mean is over."""
    m = Model(9, channels=1, size=16)
    x = m.activation(m.conv(m.raster_pad(m.normalised("image")), 1, 4, 3), 4)
    return m.save("tiny-large", m.classifier(x, 4, 3), 3)


def tiny_circular() -> dict:
    m = Model(7, channels=2, size=8)
    x = m.activation(m.conv(m.circular_pad(m.normalised("image")), 2, 4, 3), 4)
    x = m.activation(m.conv(m.circular_pad(x), 4, 4, 3, 2), 4)
    return m.save("tiny-circular", m.classifier(x, 4, 3), 3)


def tiny_ensemble() -> dict:
    """Three networks on one image, of different widths; their nodes alternate, the mean is that of the scores."""
    m = Model(5, channels=2, size=8)
    widths = 3, 4, 2
    members = [m.activation(m.conv(m.raster_pad(m.normalised("image")), 2, width, 3), width) for width in widths]
    members = [m.block(x, width, width + 2, 2) for x, width in zip(members, widths)]
    first, second, third = (m.classifier(x, width + 2, 3) for x, width in zip(members, widths))
    mean = m.node("Mul", m.node("Add", m.node("Add", first, second), third), m.constant([1 / 3]))
    return m.save("tiny-ensemble", mean, 3)


def tiny_pool() -> dict:
    """The other spellings: h * (a h + b) + c, Pow, pooling between convolutions, dilation, groups, ReduceMean, MatMul."""
    m = Model(2, channels=1, size=8)
    h = m.batch_norm(m.conv(m.raster_pad(m.normalised("image")), 1, 4, 3), 4)
    slope = m.node("Add", m.node("Mul", h, m.constant([0.25])), m.constant([0.5]))
    x = m.node("Add", m.node("Mul", h, slope), m.constant([0.2]))
    x = m.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m.conv(m.raster_pad(x, reach=2), 4, 4, 3, dilations=[2, 2], group=2)
    x = m.node("Pow", x, m.constant(2.0))
    x = m.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    x = m.node("Add", m.node("MatMul", x, m.constant(m.normal(4, 3))), m.constant(m.normal(3)))
    return m.save("tiny-pool", x, 3)


def tiny_zeros() -> dict:
    """The residual network with zero padding, which is zero before and after constants are moved."""
    m = Model(5, channels=2, size=8)

    def activation(x: str, channels: int) -> str:
        return m.node("Add", m.batch_norm(x, channels), m.batch_norm(m.node("Mul", x, x), channels))

    def block(x: str, inputs: int, outputs: int, stride: int) -> str:
        branch = activation(m.conv(x, inputs, outputs, 3, stride, pads=[1] * 4), outputs)
        branch = m.batch_norm(m.conv(branch, outputs, outputs, 3, pads=[1] * 4), outputs)
        skip = x if stride == 1 else m.batch_norm(m.conv(x, inputs, outputs, 1, stride), outputs)
        return activation(m.node("Add", branch, skip), outputs)

    x = activation(m.conv(m.normalised("image"), 2, 4, 3, pads=[1] * 4), 4)
    x = block(block(x, 4, 4, 1), 4, 6, 2)
    x = m.node("Flatten", m.node("GlobalAveragePool", x), axis=1)
    x = m.node("Gemm", x, m.constant(m.normal(3, 6)), m.constant(m.normal(3)), transB=1)
    return m.save("tiny-zeros", x, 3)


def tiny_same() -> dict:
    """Zero padding by other spellings (auto_pad, Pad), before and after a pooling, and in the last layer."""
    m = Model(6, channels=1, size=8)
    x = m.batch_norm(m.conv(m.normalised("image"), 1, 4, 3, auto_pad="SAME_LOWER"), 4)
    x = m.node("Mul", x, x)
    x = m.node("AveragePool", m.node("Add", x, m.constant([0.5])), kernel_shape=[2, 2], strides=[2, 2])
    x = m.batch_norm(m.conv(x, 4, 3, 3, stride=2, auto_pad="SAME_UPPER"), 3)
    x = m.node("Add", m.node("Mul", x, x), m.constant([0.3]))
    pads = m.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    x = m.conv(m.node("Pad", x, pads), 3, 4, 3)
    x = m.node("Flatten", m.node("GlobalAveragePool", x), axis=1)
    x = m.node("Gemm", x, m.constant(m.normal(3, 4)), m.constant(m.normal(3)), transB=1)
    return m.save("tiny-same", x, 3)


def broken():
    """One of everything that has to be listed."""
    m = Model(3, channels=1, size=8)
    x = m.node("Relu", m.conv("image", 1, 2, 3, pads=[1, 1, 1, 1]))
    m.save("unsupported", m.node("Softmax", m.node("MaxPool", x, kernel_shape=[2, 2])), 3, evaluate=False)
    m = Model(4, channels=1, size=8)
    x = m.conv(m.repeated_pad("image"), 1, 2, 3)
    x = m.node("Flatten", m.node("GlobalAveragePool", m.node("Mul", x, x)))
    m.save("wrong-padding", m.node("Gemm", x, m.constant(m.normal(2, 3))), 3, evaluate=False)


if __name__ == "__main__":
    expected = {
        "tiny-resnet": tiny_resnet(),
        "tiny-pool": tiny_pool(),
        "tiny-zeros": tiny_zeros(),
        "tiny-same": tiny_same(),
        "tiny-ensemble": tiny_ensemble(),
        "tiny-twisted": tiny_twisted(),
        "tiny-circular": tiny_circular(),
        "tiny-dense": tiny_dense(),
        "tiny-large": tiny_large(),
        "tiny-linear": tiny_linear(),
    }
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")
    broken()
