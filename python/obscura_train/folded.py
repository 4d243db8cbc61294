"""A residual network as it is computed under encryption: linear layer, square, linear layer, square ...

Batch normalisation (by its running statistics), activation coefficients and constants are folded into the
weights, differentiably, so that training through this form still moves the network's own parameters.  It sees
exactly the function that inference computes, and on a CPU it takes half the time of the unfolded one.
Needs quadratic activations and raster padding (a constant passes through a convolution without borders).
"""

import torch
import torch.nn.functional as F

from .padding import raster_pad


class BoundedSquare(torch.autograd.Function):
    """(v [N, C, H, W], rms [C], limit, clamp) -> (v^2 clamped, peak [N] = max |v| / rms).

    Values beyond clamp * rms are clamped and pass no gradient; the gradient of an image's peak goes to its largest value.
    """

    @staticmethod
    def forward(context, v, rms, limit, clamp):
        square = v * v
        ratio = square.flatten(2).amax(2) / rms.square()
        ratio = torch.nan_to_num(ratio, nan=torch.inf, posinf=torch.inf)
        peak, channel = ratio.amax(1).sqrt(), ratio.argmax(1)
        wild = (peak > limit).nonzero().flatten()
        if len(wild):
            square[wild] = torch.minimum(square[wild], (clamp * rms).square().view(1, -1, 1, 1))
        context.save_for_backward(v, rms, channel, wild)
        context.clamp = clamp
        return square, peak

    @staticmethod
    def backward(context, d_square, d_peak):
        v, rms, channel, wild = context.saved_tensors
        dv = torch.mul(d_square, v).mul_(2)
        for image in wild.tolist():
            values, slope = v[image], dv[image]
            slope[values.abs() > (context.clamp * rms).view(-1, 1, 1)] = 0
            plane = values[channel[image]].flatten()
            place = plane.abs().argmax()
            slope[channel[image]].view(-1)[place] += d_peak[image] * plane[place].sign() / rms[channel[image]]
        return dv, None, None, None


class _Wave:
    """An activation's output a * u + k per channel, with u = v^2 not yet scaled."""

    def __init__(self, u, a, k):
        self.u, self.a, self.k = u, a, k


class FoldedResNet:
    """Runs `network` (a ResNet with quadratic activations and raster padding) in folded form.

    forward(pixels) -> (logits [N, classes], peaks [layers, N] in multiples of rms(v)).  `reference` holds rms(v)
    per layer; measure it with `measure` on typical images, because the running statistics age while weights move.
    """

    def __init__(self, network, limit: float, clamp: float):
        self.network, self.limit, self.clamp = network, limit, clamp
        self.activations = [network.stem_act] + [act for block in network.blocks for act in (block.act1, block.act2)]
        self.reference = [activation.reference_rms() for activation in self.activations]

    def forward(self, pixels: torch.Tensor):
        network = self.network
        self._peaks, self._noise_free = [], True
        x = network.pixels(pixels)
        ones = torch.ones_like(network.pixels.scale)
        wave = self._activate(network.stem_act, *self._linear(_Wave(x, ones, 0 * ones), network.stem))
        for block in network.blocks:
            inner = self._activate(block.act1, *self._linear(wave, block.conv1))
            z, bias = self._linear(inner, block.conv2, block.norm2)
            if block.shortcut is None:
                z, bias = torch.addcmul(z, wave.u, wave.a.view(1, -1, 1, 1)), bias + wave.k
            else:
                skip, skip_bias = self._linear(wave, block.shortcut, block.shortcut_norm)
                z, bias = z + skip, bias + skip_bias
            wave = self._activate(block.act2, z, bias)
        features = wave.u.mean((2, 3)) * wave.a + wave.k
        return network.head(features), torch.stack(self._peaks)

    def _linear(self, wave: _Wave, conv, norm=None):
        """The convolution of a wave without its constant, and that constant per output channel."""
        weight, constant = conv.weight, 0.0
        if norm is not None:
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            weight, constant = weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
        constant = constant + weight.sum((2, 3)) @ wave.k
        x = raster_pad(wave.u) if weight.shape[-1] == 3 else wave.u
        return F.conv2d(x, weight * wave.a.view(1, -1, 1, 1), stride=conv.stride), constant

    def _activate(self, activation, z, bias) -> _Wave:
        a, shift, k = activation.completed_square()
        v = z + (bias + shift).view(1, -1, 1, 1)
        u, peak = BoundedSquare.apply(v, self.reference[len(self._peaks)], self.limit, self.clamp)
        self._peaks.append(peak)
        return _Wave(u, a, k)
