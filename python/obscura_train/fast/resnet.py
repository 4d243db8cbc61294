"""A ResNet with Hermite activations and cyclic padding, run through the compiled kernels."""

import math

import torch
import torch.nn.functional as F

from ..activations import HERMITE_RELU, Hermite
from ..networks.resnet import ResNet
from ..padding import turn
from .functions import Bounds, CyclicPad, Polynomial


class FastResNet:
    """Runs `network`, watched by its RangeControl, in training or evaluation mode as the network itself is."""

    def __init__(self, network: ResNet, control):
        self.network, self.control = network, control

    @staticmethod
    def supports(network) -> bool:
        if not (isinstance(network, ResNet) and not network.dense and isinstance(network.stem_act, Hermite) and network.stem.wrap > 0):
            return False
        whole_vectors = all(len(module.gain) % 4 == 0 for module in network.modules() if isinstance(module, Hermite))
        return whole_vectors and network.head.weight.device.type == "cpu"

    def __call__(self, pixels: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        """pixels [N, colours, H, W] (0..255) to logits [N, classes]; turns: the network's."""
        network = self.network
        turned = network.turns_before(turns)
        x = network.pixels(pixels).contiguous(memory_format=torch.channels_last)
        x = self._activate(network.stem_act, _convolve(network.stem, x))
        for index, block in enumerate(network.blocks):
            if index in turned:
                x = turn(x, turned[index]).contiguous(memory_format=torch.channels_last)
            inner = self._activate(block.act1, _convolve(block.conv1, x))
            skip = x if block.shortcut is None else _normalise(block.shortcut_norm, _convolve(block.shortcut, x), None)
            x = self._activate(block.act2, _normalise(block.norm2, _convolve(block.conv2, inner), skip))
        return network.head(x.mean((2, 3)))

    def _activate(self, activation: Hermite, z):
        control = self.control
        rms, shift = control.rms(activation.index), activation.completed_square()[1].detach()
        if control.noise:
            z = z + torch.randn_like(z) * (rms * control.noise).view(1, -1, 1, 1)
        bounds = Bounds(z.shape[1], not activation.training, shift, rms, control.clamp if control.clamping else math.inf)
        coefficients = _batch_coefficients(activation) if activation.training else _running_coefficients(activation)
        y, peak, moments = Polynomial.apply(z, coefficients, bounds, None, activation.gain, activation.offset)
        control.note(peak)
        if activation.training:
            mean, second, fourth = moments
            count = z.numel() // z.shape[1]
            _update(activation.linear_norm, mean, second - mean * mean, count)
            _update(activation.square_norm, (second - 1) / math.sqrt(2), (fourth - second * second) / 2, count)
        return y


def _batch_coefficients(activation: Hermite):
    h0, h1, h2 = HERMITE_RELU
    line, square = activation.linear_norm.eps, activation.square_norm.eps

    def coefficients(moments, gain, offset):
        mean, second, fourth = moments
        linear = h1 * ((second - mean * mean).clamp_min(0) + line).rsqrt()
        curve = h2 / math.sqrt(2) * ((fourth - second * second).clamp_min(0) / 2 + square).rsqrt()
        return gain * curve, gain * linear, gain * (h0 - linear * mean - curve * second) + offset

    return coefficients


def _running_coefficients(activation: Hermite):
    a, b, c = activation.running_coefficients()
    return lambda _, gain, offset: (gain * a, gain * b, gain * c + offset)


def _normalise(norm, z, skip):
    """Batch normalisation, plus skip where given."""
    def by_batch(moments, weight, bias):
        mean, second, _ = moments
        scale = weight * ((second - mean * mean).clamp_min(0) + norm.eps).rsqrt()
        return torch.zeros_like(scale), scale, bias - scale * mean

    def by_running(_, weight, bias):
        scale = weight * (norm.running_var + norm.eps).rsqrt()
        return torch.zeros_like(scale), scale, bias - scale * norm.running_mean

    y, _, (mean, second, _) = Polynomial.apply(z, by_batch if norm.training else by_running, Bounds(z.shape[1], not norm.training), skip, norm.weight, norm.bias)
    if norm.training:
        _update(norm, mean, second - mean * mean, z.numel() // z.shape[1])
    return y


@torch.no_grad()
def _update(norm, mean, variance, count: int) -> None:
    """Running statistics, as BatchNorm keeps them."""
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance.clamp_min(0) * (count / (count - 1)), norm.momentum)
    norm.num_batches_tracked += 1


def _convolve(conv, x):
    weight = conv.weight.contiguous(memory_format=torch.channels_last)
    if weight.shape[-1] == 1:  # thinned out first: oneDNN's gradient of a channels-last 1x1 convolution with a stride and few channels corrupts memory
        return F.conv2d(x[:, :, ::conv.stride, ::conv.stride].contiguous(memory_format=torch.channels_last), weight)
    return F.conv2d(CyclicPad.apply(x, conv.wrap), weight, stride=conv.stride)
