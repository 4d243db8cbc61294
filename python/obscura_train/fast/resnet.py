"""A ResNet with Hermite activations and cyclic padding, run through the compiled kernels."""

import math

import torch

from ..activations import Hermite
from ..errors import UserError
from ..networks.resnet import ResNet
from ..padding import turn
from .build import kernels
from .functions import Wave, combine, convolve, no_bounds
from .hermite import BatchCoefficients, bounds_of_all


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
        if not (isinstance(network, ResNet) and not network.dense and isinstance(network.stem_act, Hermite) and network.stem.wrap > 0):
            return False
        whole_vectors = all(len(module.gain) % 8 == 0 for module in network.modules() if isinstance(module, Hermite))
        return whole_vectors and network.head.weight.device.type == "cpu"

    def __call__(self, pixels: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        """pixels [N, colours, H, W] (0..255) to logits [N, classes]; turns: the network's."""
        network = self.network
        turned = network.turns_before(turns)
        self.bounds = bounds_of_all(self.control.activations, self.control)
        x = self._convolve(network.stem, _plain(network.pixels(pixels)), network.stem_act)
        for index, block in enumerate(network.blocks):
            if index in turned:
                x = x.with_values(turn(x.z, turned[index]))
            inner = self._convolve(block.conv1, x, block.act1)
            skip = x if block.shortcut is None else self._convolve_normalised(block.shortcut, x, block.shortcut_norm)
            bounds = self.bounds[block.act2.index]
            x = self._activate(block.act2, bounds, *combine(self._convolve_normalised(block.conv2, inner, block.norm2), skip, bounds))
        return network.head(x.values().mean((2, 3)))

    def _convolve(self, conv, x: Wave, activation: Hermite) -> Wave:
        bounds = self.bounds[activation.index]
        return self._activate(activation, bounds, *convolve(x, conv.weight, bounds, conv.wrap, conv.stride, self.in_tiles))

    def _convolve_normalised(self, conv, x: Wave, norm) -> Wave:
        """A convolution and its batch normalisation."""
        bounds = no_bounds(conv.weight.shape[0])
        z, _, moments = convolve(x, conv.weight, bounds, conv.wrap, conv.stride, self.in_tiles)
        mean, variance = (moments[0], moments[1] - moments[0] * moments[0]) if norm.training else (norm.running_mean, norm.running_var)
        if norm.training:
            _update(norm, mean.detach(), variance.detach(), z.numel() // z.shape[1])
        scale = norm.weight * (variance.clamp_min(0) + norm.eps).rsqrt()
        return Wave(z, torch.stack([torch.zeros_like(scale), scale, norm.bias - scale * mean]), bounds)

    def _activate(self, activation: Hermite, bounds, z, peak, moments) -> Wave:
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
