"""A ResNet with Hermite or ReLU activations and cyclic padding, run through the compiled kernels."""

import math

import torch

from ..activations import Hermite, Line, NormReLU
from ..errors import UserError
from ..networks.resnet import ResNet
from ..padding import turn
from .build import kernels
from .functions import Wave, combine, convolve, no_bounds
from .hermite import BatchCoefficients, bounds_of_all

FLAT = 1e-12  # no slope is less: a level line has no root


class FastResNet:
    """Runs `network`, watched by its RangeControl, in training or evaluation mode as the network itself is.

    precision: "bfloat16" multiplies so, in the processor's matrix tiles; sums and all else are float32.
    """

    def __init__(self, network: ResNet, control, precision: str = "float32"):
        self.network, self.control, self.bounds = network, control, []
        self.in_tiles = precision == "bfloat16"
        if self.in_tiles and not kernels().tiles_available():
            raise UserError("--precision bfloat16 needs a processor with matrix tiles for it (AMX); train without")

    @staticmethod
    def supports(network) -> bool:
        if not (isinstance(network, ResNet) and not network.dense and network.stem.wrap > 0):
            return False
        if not all(isinstance(activation, (Hermite, Line, NormReLU)) for activation in network.activations):
            return False
        whole_vectors = all(block.conv2.weight.shape[0] % 8 == 0 for block in network.blocks)
        return whole_vectors and network.head.weight.device.type == "cpu"

    def __call__(self, pixels: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        """pixels [N, colours, H, W] (0..255) to logits [N, classes]; turns: the network's."""
        network = self.network
        turned = network.turns_before(turns)
        self.bounds = bounds_of_all(self.control.activations, self.control) if self.control.activations else []
        x = self._convolve(network.stem, _plain(network.pixels(pixels)), network.stem_act)
        for index, block in enumerate(network.blocks):
            if index in turned:
                x = x.with_values(turn(x.z, turned[index]))
            inner = self._convolve(block.conv1, x, block.act1)
            skip = x if block.shortcut is None else self._convolve_normalised(block.shortcut, x, block.shortcut_norm)
            bounds = self._bounds(block.act2)
            x = self._activate(block.act2, bounds, *combine(self._convolve_normalised(block.conv2, inner, block.norm2), skip, bounds))
        return network.head(x.values().mean((2, 3)))

    def _bounds(self, activation: Hermite | Line | NormReLU) -> torch.Tensor:
        """Where the values that it activates are cut as they are made."""
        return self.bounds[activation.index] if isinstance(activation, Hermite) else no_bounds(len(activation.norm.weight))

    def _convolve(self, conv, x: Wave, activation: Hermite | Line | NormReLU) -> Wave:
        bounds = self._bounds(activation)
        return self._activate(activation, bounds, *convolve(x, conv.weight, bounds, conv.wrap, conv.stride, self.in_tiles))

    def _convolve_normalised(self, conv, x: Wave, norm) -> Wave:
        """A convolution and its batch normalisation."""
        bounds = no_bounds(conv.weight.shape[0])
        z, _, moments = convolve(x, conv.weight, bounds, conv.wrap, conv.stride, self.in_tiles)
        return Wave(z, _normalising_line(norm, z, moments), bounds)

    def _activate(self, activation: Hermite | Line | NormReLU, bounds, z, peak, moments) -> Wave:
        if isinstance(activation, Line):
            return Wave(z, _normalising_line(activation.norm, z, moments), bounds)
        if isinstance(activation, NormReLU):
            return _cut_at_zero(z, _normalising_line(activation.norm, z, moments), bounds)
        control = self.control
        control.note(peak)
        if not activation.training:
            coefficients = torch.stack(activation.coefficients())
        else:
            coefficients = BatchCoefficients.apply(moments, activation.gain, activation.offset, activation.linear_norm.eps, activation.square_norm.eps)
            mean, second, fourth = moments.detach()
            count = z.numel() // z.shape[1]
            _update(activation.linear_norm, mean, second - mean * mean, count)
            _update(activation.square_norm, (second - 1) / math.sqrt(2), (fourth - second * second) / 2, count)
        wave = Wave(z, coefficients, bounds)
        if not control.noise:
            return wave
        return wave.with_values(z + torch.randn_like(z) * (bounds[3] * control.noise).view(1, -1, 1, 1))


def _normalising_line(norm, z: torch.Tensor, moments: torch.Tensor) -> torch.Tensor:
    """Coefficients [3, C] of a batch normalisation of z, by its moments while training."""
    mean, variance = (moments[0], moments[1] - moments[0] * moments[0]) if norm.training else (norm.running_mean, norm.running_var)
    if norm.training:
        _update(norm, mean.detach(), variance.detach(), z.numel() // z.shape[1])
    scale = norm.weight * (variance.clamp_min(0) + norm.eps).rsqrt()
    return torch.stack([torch.zeros_like(scale), scale, norm.bias - scale * mean])


def _cut_at_zero(z: torch.Tensor, line: torch.Tensor, bounds: torch.Tensor) -> Wave:
    """The line's positive part: z is cut where the line meets zero."""
    zero, scale, offset = line
    scale = torch.where(scale.abs() < FLAT, FLAT, scale)
    rises, root = scale > 0, -offset / scale
    low, high = torch.where(rises, root, -torch.inf), torch.where(rises, torch.inf, root)
    return Wave(z, torch.stack([zero, scale, offset]), torch.stack([low, high, *bounds[2:]]))


def _plain(x: torch.Tensor) -> Wave:
    """x as it is."""
    channels = x.shape[1]
    identity = torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, channels).contiguous()
    return Wave(x.contiguous(memory_format=torch.channels_last), identity, no_bounds(channels))


@torch.no_grad()
def _update(norm, mean, variance, count: int) -> None:
    """Running statistics, as BatchNorm keeps them."""
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance.clamp_min(0) * (count / (count - 1)), norm.momentum)
    norm.num_batches_tracked += 1
