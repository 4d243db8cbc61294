"""Quadratic activations.  At inference each is y = a z^2 + b z + c per channel, one encrypted multiplication.

Completing the square, a z^2 + b z + c = a v^2 + k with v = z + b / 2a; v is the number that is squared under
encryption, so |v| is what has to stay in range; range_control.py watches and bounds it.
"""

import math

import torch
from torch import nn
import torch.nn.functional as F

from .layers import export_norm

ACTIVATIONS = ("hermite", "quadratic", "relu")
HERMITE_RELU = (1 / math.sqrt(2 * math.pi), 0.5, 1 / math.sqrt(4 * math.pi))  # ReLU in the basis h0, h1, h2
FIXED_RELU = (0.234, 0.5, 0.188)  # least squares fit of ReLU on [-2, 2]: a, b, c


def _channels(values: torch.Tensor) -> torch.Tensor:
    return values.view(1, -1, 1, 1)


class Quadratic(nn.Module):
    """What the quadratic activations share: the completed square, the warm-up and the range control.

    A subclass gives `coefficients()` -> (a, b, c), each [C]; `spread()` -> (mean, deviation) of its input, each [C];
    `curve(z)`, the activation by batch statistics, and `ramp(z)`, its ReLU form.
    `mix` goes from 0 (ReLU) to 1 (quadratic) while a network warms up; afterwards it stays 1.
    """

    def __init__(self):
        super().__init__()
        self.control = None  # the RangeControl that watches this activation, if any
        self.mix = 1.0

    def completed_square(self):
        """(a, shift, k), each [C]: y = a (z + shift)^2 + k."""
        a, b, c = self.coefficients()
        shift = b / (2 * a)
        return a, shift, c - a * shift * shift

    def expected_rms(self) -> torch.Tensor:
        """rms of v = z + shift per channel [C], by the running statistics."""
        mean, deviation = self.spread()
        _, shift, _ = self.completed_square()
        return (deviation.square() + (mean + shift).square()).sqrt().detach()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """z [N, C, H, W] to the same shape."""
        if self.control is not None:
            z = self.control.watch(self, z)
        if self.training and self.mix < 1:
            return torch.lerp(self.ramp(z), self.curve(z), self.mix)
        if self.training:
            return self.curve(z)
        a, shift, k = self.completed_square()
        return torch.addcmul(_channels(k), (z + _channels(shift)).square(), _channels(a))


class Hermite(Quadratic):
    """ReLU's Hermite expansion up to degree 2, each basis function normalised by itself (AESPA, arXiv 2201.06699).

    Normalising the basis rather than the result is what makes deep quadratic networks trainable: the square can
    not outgrow the linear part.  Running statistics replace the batch's at inference.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.linear_norm = nn.BatchNorm2d(channels, affine=False)
        self.square_norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))

    def curve(self, z):
        h0, h1, h2 = HERMITE_RELU
        square = self.square_norm((z * z - 1) / math.sqrt(2))
        return _channels(self.gain) * (h0 + h1 * self.linear_norm(z) + h2 * square) + _channels(self.offset)

    def ramp(self, z):
        mean, deviation = z.mean((0, 2, 3), keepdim=True), z.std((0, 2, 3), keepdim=True)
        return _channels(self.gain) * F.relu((z - mean) / deviation.clamp_min(1e-3)) + _channels(self.offset)

    def _deviations(self):
        return [(norm.running_var + norm.eps).sqrt() for norm in (self.linear_norm, self.square_norm)]

    def coefficients(self):
        a, b, c = self.running_coefficients()
        return self.gain * a, self.gain * b, self.gain * c + self.offset

    def running_coefficients(self):
        """(a, b, c) for gain 1 and offset 0; no parameter moves them."""
        h0, h1, h2 = HERMITE_RELU
        linear_deviation, square_deviation = self._deviations()
        square_mean = 1 / math.sqrt(2) + self.square_norm.running_mean
        constant = h0 - h1 * self.linear_norm.running_mean / linear_deviation - h2 * square_mean / square_deviation
        return h2 / (math.sqrt(2) * square_deviation), h1 / linear_deviation, constant

    def spread(self):
        return self.linear_norm.running_mean, self._deviations()[0]

    def export(self, graph, x: str, name: str) -> str:
        h0, h1, h2 = HERMITE_RELU
        linear, square = self.linear_norm, self.square_norm
        line = graph.batch_norm(x, f"{name}.linear", self.gain * h1, self.gain * h0 + self.offset, linear.running_mean, linear.running_var, linear.eps)
        # (z^2 - 1) / sqrt 2 has mean m and variance s^2 where z^2 has sqrt(2) m + 1 and 2 s^2
        curve = graph.batch_norm(graph.multiply(x, x), f"{name}.square", self.gain * h2, torch.zeros_like(self.gain),
                                 math.sqrt(2) * square.running_mean + 1, 2 * (square.running_var + square.eps) - square.eps, square.eps)
        return graph.add(line, curve)


class FixedQuadratic(Quadratic):
    """Batch normalisation, then one fixed quadratic fit of ReLU on [-2, 2] (arXiv 2509.22857)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def curve(self, z):
        a, b, c = FIXED_RELU
        h = self.norm(z)
        return (a * h + b) * h + c

    def ramp(self, z):
        return F.relu(F.batch_norm(z, None, None, self.norm.weight, self.norm.bias, training=True))

    def _affine(self):
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        return scale, self.norm.bias - scale * self.norm.running_mean

    def coefficients(self):
        a, b, c = FIXED_RELU
        scale, offset = self._affine()
        return a * scale * scale, scale * (2 * a * offset + b), a * offset * offset + b * offset + c

    def spread(self):
        return self.norm.running_mean, (self.norm.running_var + self.norm.eps).sqrt()

    def export(self, graph, x: str, name: str) -> str:
        a, b, c = FIXED_RELU
        norm = self.norm
        h = graph.batch_norm(x, name, norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps)
        ones = torch.ones_like(norm.weight)
        slope = graph.channel_shift(graph.channel_scale(h, a * ones), b * ones)
        return graph.channel_shift(graph.multiply(h, slope), c * ones)


class NormReLU(nn.Module):
    """Batch normalisation and ReLU: the twin to compare with and to distil from.  Not for encryption."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, z):
        return F.relu(self.norm(z))

    def export(self, graph, x: str, name: str) -> str:
        return graph.relu(export_norm(graph, self.norm, x, name))


class Line(nn.Module):
    """Batch normalisation alone: where a network leaves an activation out, so that the layers around it become one."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, z):
        return self.norm(z)

    def line(self):
        """(a, shift, c), each [C]: y = a (z + shift) + c by the running statistics, the shift being none."""
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        return scale, torch.zeros_like(scale), self.norm.bias - scale * self.norm.running_mean

    def take(self, curve: Hermite) -> None:
        """What a trained activation is without its square."""
        h0, h1, _ = HERMITE_RELU
        self.norm.load_state_dict(curve.linear_norm.state_dict(), strict=False)
        with torch.no_grad():
            self.norm.weight.copy_(curve.gain * h1)
            self.norm.bias.copy_(curve.gain * h0 + curve.offset)

    def export(self, graph, x: str, name: str) -> str:
        return export_norm(graph, self.norm, x, name)


def make_activation(kind: str, channels: int) -> nn.Module:
    """kind is one of ACTIVATIONS."""
    return {"hermite": Hermite, "quadratic": FixedQuadratic, "relu": NormReLU}[kind](channels)
