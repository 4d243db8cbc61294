"""Autograd over the compiled kernels.

A layer's values are kept as its convolution gave them.  The activation belongs to whoever reads them: a *wave* is values z
with the coefficients of y = (a z + b) z + c per channel, which the reading kernel computes in passing.
"""

from dataclasses import dataclass, replace

import torch

from .build import kernels


@dataclass(frozen=True)
class Wave:
    """z [N, C, H, W] in channels-last order, coefficients [3, C] (a, b, c), bounds [4, C] that z is cut to."""

    z: torch.Tensor
    coefficients: torch.Tensor
    bounds: torch.Tensor  # may want gradients too: ReLU is a line that is cut where it meets zero

    def with_values(self, z: torch.Tensor) -> "Wave":
        return replace(self, z=z.contiguous(memory_format=torch.channels_last))

    def values(self) -> torch.Tensor:
        """y, by PyTorch."""
        a, b, c, low, high = (row.view(1, -1, 1, 1) for row in (*self.coefficients, *self.bounds[:2]))
        z = torch.minimum(torch.maximum(self.z, low), high)
        return (a * z + b) * z + c


def make_bounds(shift: torch.Tensor, rms: torch.Tensor, clamp: float) -> torch.Tensor:
    """[4, C]: where z is cut, so that |z + shift| <= clamp * rms; and shift and rms, by which peaks are measured."""
    return torch.stack([-shift - clamp * rms, -shift + clamp * rms, shift, rms])


def no_bounds(channels: int) -> torch.Tensor:
    return make_bounds(torch.zeros(channels), torch.ones(channels), torch.inf)


class _Layer(torch.autograd.Function):
    """What both functions below share: they give (values, peak [N], moments [3, C]).

    Moments are the batch's means of z, z^2 and z^4, cut to the bounds; an image's peak is its max |z + shift| / rms, whose
    gradient goes to its largest value.
    """

    @staticmethod
    def gradients(values, d_values, d_peak, d_moments):
        d_values = torch.zeros_like(values) if d_values is None else d_values.contiguous(memory_format=torch.channels_last)
        d_peak = torch.zeros(len(values)) if d_peak is None else d_peak.contiguous()
        d_moments = torch.zeros(3, values.shape[1]) if d_moments is None else d_moments * (values.shape[1] / values.numel())
        return d_values, d_moments, d_peak

    @staticmethod
    def of_curve(d_curve):
        """d_curve [5, C], the gradients of a, b, c, low and high, as those of coefficients and of bounds."""
        return (None, None) if d_curve is None else (d_curve[:3], torch.cat([d_curve[3:], torch.zeros_like(d_curve[:2])]))


class _Convolution(_Layer):
    @staticmethod
    def forward(context, z, coefficients, bounds, weight, out_bounds, wrap, stride, in_tiles):
        context.set_materialize_grads(False)
        results = kernels().convolve(z, coefficients, bounds, weight, out_bounds, wrap, stride, in_tiles)
        context.save_for_backward(z, coefficients, bounds, weight, results[0], out_bounds)
        context.geometry, context.in_tiles = (wrap, stride), in_tiles
        return results

    @staticmethod
    def backward(context, *gradients):
        *inputs, out, out_bounds = context.saved_tensors
        wants_input = any(context.needs_input_grad[:3])
        dz, d_curve, d_weight = kernels().convolve_gradient(*_Layer.gradients(out, *gradients), out, out_bounds, *inputs, *context.geometry, wants_input, context.in_tiles)
        return dz, *_Layer.of_curve(d_curve), d_weight, None, None, None, None


class _Combination(_Layer):
    @staticmethod
    def forward(context, *inputs):
        context.set_materialize_grads(False)
        results = kernels().combine(*inputs)
        context.save_for_backward(*inputs, results[0])
        return results

    @staticmethod
    def backward(context, *gradients):
        *inputs, out_bounds, v = context.saved_tensors
        dz, d_curve, d_skip, d_skip_curve = kernels().combine_gradient(*_Layer.gradients(v, *gradients), v, out_bounds, *inputs)
        return dz, *_Layer.of_curve(d_curve), d_skip, *_Layer.of_curve(d_skip_curve), None


def convolve(wave: Wave, weight: torch.Tensor, out_bounds: torch.Tensor, wrap: int = 0, stride: int = 1, in_tiles: bool = False):
    """(values, peak [N], moments [3, C]) of a convolution with cyclic padding; in_tiles: with products of bfloat16, where the channels fit."""
    return _Convolution.apply(wave.z, wave.coefficients, wave.bounds, weight.contiguous(), out_bounds, wrap % wave.z.shape[2], stride, in_tiles)


def combine(wave: Wave, skip: Wave, out_bounds: torch.Tensor):
    """The same of the sum of two waves."""
    return _Combination.apply(wave.z, wave.coefficients, wave.bounds, skip.z, skip.coefficients, skip.bounds, out_bounds)
