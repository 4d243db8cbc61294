"""A teacher: a network that is never encrypted, quick to train, and more accurate than those that are.

Three groups of two or more 3 x 3 convolutions with maxima between them, behind a fixed 2 x 2 convolution that whitens the pixels.
The shape, the identity that every convolution begins with, and the recipe of teaching.py follow Jordan, "94% on CIFAR-10
in 3.29 Seconds on a Single GPU" (arXiv:2404.00498, section 3; groups of three with a skip are its appendix's); whitening and the fast biases are Page's, "How to Train
Your ResNet".
"""

import torch
from torch import nn
import torch.nn.functional as F

from .layers import PixelNorm

PATCH = 2  # pixels a side of what is whitened
SMALLEST_SIDE = 10  # pixels: below, the last group sees none
WHITENING_EPSILON = 5e-4
HEAD_FACTOR = 1 / 9


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3 x 3; its first channels begin as a copy of the input's."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:min(inputs, outputs)])
    return convolution


def _norm(channels: int) -> nn.BatchNorm2d:
    """Without a gain; quick to forget, as training is short."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad = False
    return norm


class Group(nn.Module):
    """Half the side, `outputs` channels, `depth` convolutions; from three up, all but the first are a branch beside it."""

    def __init__(self, inputs: int, outputs: int, depth: int):
        super().__init__()
        self.convolutions = nn.ModuleList(_convolution(inputs if index == 0 else outputs, outputs) for index in range(depth))
        self.norms = nn.ModuleList(_norm(outputs) for _ in range(depth))

    def forward(self, x):
        x = F.relu(self.norms[0](F.max_pool2d(self.convolutions[0](x), 2)))
        branch, last = x, len(self.norms) - 1
        for index in range(1, last + 1):
            branch = self.norms[index](self.convolutions[index](branch))
            if index < last:
                branch = F.relu(branch)
        return F.relu(branch + x if last > 1 else branch)


class Teacher(nn.Module):
    """Raw pixels [N, 3, H, W] (0..255), sides from SMALLEST_SIDE up, to logits [N, classes].  widths: channels of each group."""

    def __init__(self, classes: int, widths: tuple[int, ...], depth: int = 2):
        super().__init__()
        self.pixels = PixelNorm()
        colours = 3 * PATCH * PATCH
        self.white = nn.Conv2d(3, 2 * colours, PATCH)
        self.white.weight.requires_grad = False
        self.groups = nn.Sequential(*(Group(inputs, outputs, depth) for inputs, outputs in zip((2 * colours, *widths), widths)))
        self.head = nn.Linear(widths[-1], classes, bias=False)

    @torch.no_grad()
    def fit(self, planes) -> None:
        """Take the pixels' mean, deviation and patches' covariance from training images uint8 [n, 3, H, W]."""
        self.pixels.fit(planes)
        patches = F.unfold(self.pixels(torch.from_numpy(planes).float()), PATCH).transpose(1, 2).flatten(0, 1)
        patches = patches - patches.mean(0)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (vectors / torch.sqrt(values + WHITENING_EPSILON)).T.reshape(-1, 3, PATCH, PATCH)
        self.white.weight.copy_(torch.cat([filters, -filters]))
        self.white.bias.zero_()

    def forward(self, x):
        x = self.groups(F.gelu(self.white(self.pixels(x).contiguous(memory_format=torch.channels_last))))
        return HEAD_FACTOR * self.head(F.adaptive_max_pool2d(x, 1).flatten(1))
