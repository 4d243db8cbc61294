"""Residual networks: the small ones for CIFAR (He et al., three stages) and the four-stage ones.

A *dense* network has the same weights but no strides: where its original would halve the image it moves on to taps
twice as far apart (the a trous form; Sermanet et al., arXiv:1312.6229).  It computes the original at every shift of
the image and takes the mean of all before the classifier.  That is 4 and 16 times the work of the later stages in
the clear, but not under encryption where a ciphertext holds all pixels of an image: there strides leave slots idle.
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from ..activations import Line, make_activation
from ..layers import Conv, PixelNorm, export_norm
from ..padding import Padding, turn


@dataclass(frozen=True)
class ResNetShape:
    """blocks and channels of each stage; every stage but the first halves the image."""

    blocks: tuple[int, ...]
    channels: tuple[int, ...]

    def widened(self, factor: int) -> "ResNetShape":
        return ResNetShape(self.blocks, tuple(c * factor for c in self.channels))


SHAPES = {
    "resnet20": ResNetShape((3, 3, 3), (16, 32, 64)),
    "resnet32": ResNetShape((5, 5, 5), (16, 32, 64)),
    "resnet44": ResNetShape((7, 7, 7), (16, 32, 64)),
    "resnet56": ResNetShape((9, 9, 9), (16, 32, 64)),
    "resnet18": ResNetShape((2, 2, 2, 2), (64, 128, 256, 512)),
    "resnet34-slim": ResNetShape((3, 4, 6, 3), (16, 32, 64, 128)),
}


STEM = "stem"


@dataclass(frozen=True)
class Grid:
    """Where a layer's pixels lie: after so many halvings of the image or, if dense, of the pixels that count."""

    padding: Padding
    dense: bool = False
    halvings: int = 0

    def strided(self, stride: int) -> "Grid":
        return replace(self, halvings=self.halvings + (stride == 2))

    def conv(self, inputs: int, outputs: int, size: int, stride: int = 1) -> Conv:
        if self.dense:
            return Conv(inputs, outputs, size, 1, self.padding.wrap(0), 1 << self.halvings)
        return Conv(inputs, outputs, size, stride, self.padding.wrap(self.halvings))


class Block(nn.Module):
    """conv, activation, conv, norm, plus the shortcut, activation: two encrypted levels.  `grid`: the block's input's.  `linear`: without the last activation, one level."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: str, grid: "Grid", linear: bool = False):
        super().__init__()
        after = grid.strided(stride)
        self.conv1 = grid.conv(inputs, outputs, 3, stride)
        self.act1 = make_activation(activation, outputs)
        self.conv2 = after.conv(outputs, outputs, 3)
        self.norm2 = nn.BatchNorm2d(outputs)
        changes_shape = stride != 1 or inputs != outputs
        self.shortcut = grid.conv(inputs, outputs, 1, stride) if changes_shape else None
        self.shortcut_norm = nn.BatchNorm2d(outputs) if changes_shape else None
        self.act2 = Line(outputs) if linear else make_activation(activation, outputs)

    def forward(self, x):
        branch = self.norm2(self.conv2(self.act1(self.conv1(x))))
        skip = x if self.shortcut is None else self.shortcut_norm(self.shortcut(x))
        return self.act2(branch + skip)

    def export(self, graph, x: str, name: str) -> str:
        branch = self.act1.export(graph, self.conv1.export(graph, x, f"{name}.conv1"), f"{name}.act1")
        branch = export_norm(graph, self.norm2, self.conv2.export(graph, branch, f"{name}.conv2"), f"{name}.norm2")
        skip = x
        if self.shortcut is not None:
            skip = export_norm(graph, self.shortcut_norm, self.shortcut.export(graph, x, f"{name}.shortcut"), f"{name}.shortcut_norm")
        return self.act2.export(graph, graph.add(branch, skip), f"{name}.act2")


class ResNet(nn.Module):
    """Raw pixels [N, colours, H, W] (0..255) to logits [N, classes]."""

    def __init__(self, shape: ResNetShape, classes: int, activation: str, padding: Padding, dense: bool = False, colours: int = 3, linear: tuple[str, ...] = ()):
        """linear: the places without an activation, "stem" or the number of the block that ends there."""
        super().__init__()
        self.dense = dense
        grid = Grid(padding, dense)
        self.pixels = PixelNorm()
        self.stem = grid.conv(colours, shape.channels[0], 3)
        self.stem_act = Line(shape.channels[0]) if STEM in linear else make_activation(activation, shape.channels[0])
        blocks, inputs = [], shape.channels[0]
        for stage, (count, channels) in enumerate(zip(shape.blocks, shape.channels)):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Block(inputs, channels, stride, activation, grid, str(len(blocks)) in linear))
                inputs, grid = channels, grid.strided(stride)
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(inputs, classes)
        self.strided = () if dense else tuple(i for i, block in enumerate(blocks) if block.conv1.stride == 2)

    @property
    def activations(self) -> list[nn.Module]:
        """In the order of their layers; a Line where one is left out."""
        return [self.stem_act, *(activation for block in self.blocks for activation in (block.act1, block.act2))]

    @property
    def strides(self) -> int:
        return len(self.strided)

    def turns_before(self, turns: torch.Tensor | None) -> dict[int, torch.Tensor]:
        """{block: pixels [N] by which its input is turned}; turns [N, k] are of the last k blocks with a stride (data/idle_moves.py)."""
        return {} if turns is None or turns.shape[1] == 0 else dict(zip(self.strided[-turns.shape[1]:], turns.T))

    def forward(self, x: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        turned = self.turns_before(turns)
        x = self.stem_act(self.stem(self.pixels(x)))
        for index, block in enumerate(self.blocks):
            x = block(turn(x, turned[index]) if index in turned else x)
        return self.head(x.mean((2, 3)))

    def export(self, graph, x: str) -> str:
        """Write the network in evaluation mode; returns the name of the logits."""
        x = self.pixels.export(graph, x, "pixels")
        x = self.stem_act.export(graph, self.stem.export(graph, x, "stem"), "stem_act")
        for index, block in enumerate(self.blocks):
            x = block.export(graph, x, f"blocks.{index}")
        return graph.linear(graph.global_average_pool(x), "head", self.head.weight, self.head.bias)
