"""VGG for small images: convolutions and activations, an average pool after each stage, one linear layer."""

import torch
from torch import nn
import torch.nn.functional as F

from ..activations import make_activation
from ..layers import Conv, PixelNorm
from ..padding import Padding, turn

STAGES = {
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}


class VGG(nn.Module):
    """Raw pixels [N, colours, H, W] (0..255), sides a multiple of 16, to logits [N, classes]."""

    def __init__(self, stages, classes: int, activation: str, padding: Padding, colours: int = 3):
        super().__init__()
        self.pixels = PixelNorm()
        self.convs, self.acts, self.pool_after = nn.ModuleList(), nn.ModuleList(), []
        inputs = colours
        for number, stage in enumerate(stages):
            for index, channels in enumerate(stage):
                self.convs.append(Conv(inputs, channels, 3, 1, padding.wrap(number)))
                self.acts.append(make_activation(activation, channels))
                last_stage = number == len(stages) - 1  # there the global mean does the pooling
                self.pool_after.append(index == len(stage) - 1 and not last_stage)
                inputs = channels
        self.head = nn.Linear(inputs, classes)

    @property
    def strides(self) -> int:
        return sum(self.pool_after)

    def forward(self, x: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        """turns [N, k]: pixels by which the input of the last k pools is turned (data/idle_moves.py)."""
        left = {} if turns is None else dict(zip(range(self.strides - turns.shape[1], self.strides), turns.T))
        x, pools = self.pixels(x), 0
        for conv, act, pool in zip(self.convs, self.acts, self.pool_after):
            x = act(conv(x))
            if pool:
                x = F.avg_pool2d(turn(x, left[pools]) if pools in left else x, 2)
                pools += 1
        return self.head(x.mean((2, 3)))

    def export(self, graph, x: str) -> str:
        """Write the network in evaluation mode; returns the name of the logits."""
        x = self.pixels.export(graph, x, "pixels")
        for index, (conv, act, pool) in enumerate(zip(self.convs, self.acts, self.pool_after)):
            x = act.export(graph, conv.export(graph, x, f"convs.{index}"), f"acts.{index}")
            x = graph.average_pool(x, 2) if pool else x
        return graph.linear(graph.global_average_pool(x), "head", self.head.weight, self.head.bias)
