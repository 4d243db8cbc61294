"""A residual network as it is computed under encryption: linear layer, square, linear layer, square ...

Batch normalisation (by its running statistics), activation coefficients and constants are folded into the
weights, differentiably, so that training through this form still moves the network's own parameters.  It sees
exactly the function that inference computes, and on a CPU it takes half the time of the unfolded one.
Needs quadratic activations and cyclic padding (a constant passes through a convolution without borders).
"""

import torch
import torch.nn.functional as F

from .activations import Line, Quadratic
from .networks.resnet import ResNet
from .padding import cyclic_pad, turn
from .range_control import RangeControl


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
    """An activation's output a * u + k per channel, with u = v^2 not yet scaled, or v where it is left out; mean is u's on typical images."""

    def __init__(self, u, a, k, mean):
        self.u, self.a, self.k, self.mean = u, a, k, mean


class FoldedResNet:
    """Runs a ResNet with quadratic activations and cyclic padding in folded form, watched by its RangeControl.

    Peaks go to the control as in the unfolded form; clamping follows the control too.
    rounding(rows, inputs, rms) -> (rows, excess), if given, stands for a compiler's: rows are the weights that add up
    to one v, a list of [O, I, k, k] or, for a skip connection, [O]; inputs the mean of each one's u, [I] or [O]; rms
    [O] that of v; excess [O] is what rounding adds to v on average.
    """

    def __init__(self, network: ResNet, control: RangeControl, rounding=None):
        self.network, self.control, self.rounding = network, control, rounding

    @staticmethod
    def supports(network) -> bool:
        return isinstance(network, ResNet) and network.stem.wrap > 0 and all(isinstance(activation, (Quadratic, Line)) for activation in network.activations)

    def __call__(self, pixels: torch.Tensor, turns: torch.Tensor | None = None) -> torch.Tensor:
        """pixels [N, colours, H, W] (0..255) to logits [N, classes]; turns: the network's."""
        network = self.network
        turned = network.turns_before(turns)
        ones = torch.ones_like(network.pixels.scale)
        wave = _Wave(network.pixels(pixels), ones, torch.zeros_like(ones), torch.zeros_like(ones))
        wave = self._activate(network.stem_act, *self._weights(wave, network.stem))
        for index, block in enumerate(network.blocks):
            if index in turned:
                wave.u = turn(wave.u, turned[index])
            inner = self._activate(block.act1, *self._weights(wave, block.conv1))
            wave = self._activate(block.act2, *self._weights(inner, block.conv2, block.norm2), block, wave)
        return network.head(wave.u.mean((2, 3)) * wave.a + wave.k)

    def _weights(self, wave: _Wave, conv, norm=None):
        """(wave, conv, weight without the wave's scale, constant per output channel, the wave's included)."""
        weight, constant = conv.weight, 0.0
        if norm is not None:
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            weight, constant = weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
        return wave, conv, weight, constant + weight.sum((2, 3)) @ wave.k

    def _activate(self, activation, wave, conv, weight, constant, block=None, skip=None) -> _Wave:
        a, shift, k = activation.line() if isinstance(activation, Line) else activation.completed_square()
        bias, rows = constant + shift, [weight * wave.a.view(1, -1, 1, 1)]
        if block is not None and block.shortcut is not None:
            _, shortcut, shortcut_weight, shortcut_constant = self._weights(skip, block.shortcut, block.shortcut_norm)
            rows.append(shortcut_weight * skip.a.view(1, -1, 1, 1))
            bias = bias + shortcut_constant
        elif block is not None:
            rows.append(skip.a)
            bias = bias + skip.k
        if self.rounding is not None:
            rows, excess = self.rounding(rows, [wave.mean] if skip is None else [wave.mean, skip.mean], self.control.rms(activation.index))
            bias = bias - excess
        x = cyclic_pad(wave.u, conv.wrap, conv.dilation) if weight.shape[-1] == 3 else wave.u
        v = F.conv2d(x, rows[0], bias, stride=conv.stride, dilation=conv.dilation)
        if block is not None:
            v = v + F.conv2d(skip.u, rows[1], stride=shortcut.stride) if block.shortcut is not None else torch.addcmul(v, skip.u, rows[1].view(1, -1, 1, 1))
        if isinstance(activation, Line):
            return _Wave(v, a, k, activation.norm.running_mean)
        control, rms = self.control, self.control.rms(activation.index)
        if control.noise:
            v = v + torch.randn_like(v) * (rms * control.noise).view(1, -1, 1, 1)
        u, peaks = BoundedSquare.apply(v, rms, control.limit, control.clamp if control.clamping else torch.inf)
        control.note(peaks)
        return _Wave(u, a, k, rms.square())
