"""The linear layers: input normalisation and convolutions with a choice of padding."""

import math

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from .data.idle_moves import IdleMoves
from .padding import cyclic_pad, export_cyclic_pad

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)  # of pixels scaled to [0, 1]
CIFAR_DEVIATION = (0.247, 0.243, 0.261)


class PixelNorm(nn.Module):
    """Raw pixels 0..255 to zero mean and unit deviation per colour; part of the network and of its export."""

    def __init__(self, mean=CIFAR_MEAN, deviation=CIFAR_DEVIATION):
        super().__init__()
        mean, deviation = torch.tensor(mean), torch.tensor(deviation)
        self.register_buffer("scale", 1 / (255 * deviation))
        self.register_buffer("shift", -mean / deviation)

    def fit(self, planes) -> None:
        """Take mean and deviation from training images uint8 [n, colours, H, W]."""
        mean, deviation = (torch.from_numpy(f(planes, axis=(0, 2, 3), dtype="float64")) for f in (np.mean, np.std))
        deviation = deviation.clamp_min(1.0)  # a colour that never varies
        self.scale.copy_(1 / deviation)
        self.shift.copy_(-mean / deviation)

    def forward(self, x):
        """x [N, colours, H, W], pixels 0..255 as float."""
        return torch.addcmul(self.shift.view(1, -1, 1, 1), x, self.scale.view(1, -1, 1, 1))

    def export(self, graph, x: str, name: str) -> str:
        return graph.channel_shift(graph.channel_scale(x, self.scale), self.shift)


class Conv(nn.Module):
    """A k x k convolution (k = 1 or 3) without bias, same size at stride 1.  `wrap`: of cyclic padding, in rows; 0: zeros.  `dilation`: pixels from tap to tap."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, wrap: int = 1, dilation: int = 1):
        super().__init__()
        if size not in (1, 3):
            raise ValueError(f"kernel size {size}: only 1 and 3 are supported")
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size) * math.sqrt(2 / (outputs * size * size)))
        self.stride, self.wrap, self.dilation = stride, wrap, dilation

    def forward(self, x):
        if self.weight.shape[-1] == 1:
            return F.conv2d(x, self.weight, stride=self.stride)
        if self.wrap:
            return F.conv2d(cyclic_pad(x, self.wrap, self.dilation), self.weight, stride=self.stride, dilation=self.dilation)
        return F.conv2d(x, self.weight, stride=self.stride, padding=self.dilation, dilation=self.dilation)

    def export(self, graph, x: str, name: str) -> str:
        spatial = self.weight.shape[-1] == 3
        if spatial and self.wrap:
            x = export_cyclic_pad(graph, x, self.wrap, self.dilation)
        pad = self.dilation if spatial and not self.wrap else 0
        return graph.conv(x, name, self.weight, stride=self.stride, pad=pad, dilation=self.dilation)


def idle_moves(network: nn.Module) -> IdleMoves:
    """How idle slots move the images of this network: by the padding on the image's own grid, and its strides."""
    return IdleMoves(next(module.wrap for module in network.modules() if isinstance(module, Conv)), network.strides)


def export_norm(graph, norm: nn.BatchNorm2d, x: str, name: str) -> str:
    return graph.batch_norm(x, name, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps)
