"""VGG for small images: convolutions and activations, an average pool after each stage, one linear layer."""

import torch
from torch import nn
import torch.nn.functional as F

from ..activations import make_activation
from ..layers import Conv, PixelNorm
from ..padding import Padding

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
        self.head, self.strides = nn.Linear(inputs, classes), len(stages) - 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pixels(x)
        for conv, act, pool in zip(self.convs, self.acts, self.pool_after):
            x = act(conv(x))
            x = F.avg_pool2d(x, 2) if pool else x
        return self.head(x.mean((2, 3)))

    def export(self, graph, x: str) -> str:
        """Write the network in evaluation mode; returns the name of the logits."""
        x = self.pixels.export(graph, x, "pixels")
        for index, (conv, act, pool) in enumerate(zip(self.convs, self.acts, self.pool_after)):
            x = act.export(graph, conv.export(graph, x, f"convs.{index}"), f"acts.{index}")
            x = graph.average_pool(x, 2) if pool else x
        return graph.linear(graph.global_average_pool(x), "head", self.head.weight, self.head.bias)
