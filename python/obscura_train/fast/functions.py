"""Autograd over the compiled kernels: an activation or normalisation by its batch's moments, and the padding."""

import torch

from .build import kernels


class CyclicPad(torch.autograd.Function):
    """padding.cyclic_pad for channels-last tensors."""

    @staticmethod
    def forward(context, x, wrap):
        context.wrap = wrap % x.shape[2]
        return kernels().cyclic_pad(x, context.wrap)

    @staticmethod
    def backward(context, gradient):
        return kernels().cyclic_pad_gradient(gradient.contiguous(memory_format=torch.channels_last), context.wrap), None


class Polynomial(torch.autograd.Function):
    """(z, coefficients, bounds, skip, *parameters) -> (y, peak [N], moments [3, C]).

    y = (a z + b) z + c (+ skip) with (a, b, c) = coefficients(moments, *parameters), each [C], and moments the batch's
    means of z, z^2 and z^4, or None where bounds.running is set.  z is cut to bounds.low and bounds.high first.
    The gradient of an image's peak, max |z + shift| / rms, goes to its largest value.
    """

    @staticmethod
    def forward(context, z, coefficients, bounds, skip, *parameters):
        sums, largest = kernels().moments(z, bounds.low, bounds.high, bounds.shift)
        peak = torch.nan_to_num(largest / bounds.rms, nan=torch.inf).amax(1)
        count = z.numel() // z.shape[1]
        with torch.enable_grad():  # a graph of its own, over numbers per channel only
            moments = None if bounds.running else (sums.sum(0, dtype=torch.float64) / count).float().requires_grad_(True)
            leaves = [parameter.detach().requires_grad_(True) for parameter in parameters]
            context.results = [value.contiguous() for value in coefficients(moments, *leaves)]
        a, b, c = (value.detach() for value in context.results)
        context.save_for_backward(z, a, b)
        context.inputs, context.bounds, context.count, context.has_skip = ([] if moments is None else [moments]) + leaves, bounds, count, skip is not None
        reported = torch.zeros(3, z.shape[1]) if moments is None else moments.detach()
        context.mark_non_differentiable(reported)
        return kernels().polynomial(z, bounds.low, bounds.high, a, b, c, skip), peak, reported

    @staticmethod
    def backward(context, dy, d_peak, _):
        z, a, b = context.saved_tensors
        bounds, dy = context.bounds, dy.contiguous(memory_format=torch.channels_last)
        sums = kernels().coefficient_gradient(dy, z, bounds.low, bounds.high).sum(0, dtype=torch.float64).float()
        pairs = [(result, gradient) for result, gradient in zip(context.results, sums) if result.requires_grad]
        gradients = torch.autograd.grad([r for r, _ in pairs], context.inputs, [g for _, g in pairs], allow_unused=True)
        d_moments = torch.zeros_like(sums)
        if not bounds.running:
            d_moments, gradients = gradients[0] / context.count, gradients[1:]
        d_peak = torch.zeros(len(z)) if d_peak is None else d_peak.contiguous()
        dz = kernels().input_gradient(dy, z, bounds.low, bounds.high, a, b, *d_moments, bounds.shift, bounds.rms, d_peak)
        return dz, None, None, dy if context.has_skip else None, *gradients


class Bounds:
    """low, high, shift and rms per channel; `running`: coefficients come from running statistics, not the batch's."""

    def __init__(self, channels: int, running: bool, shift=None, rms=None, clamp: float = float("inf")):
        self.running = running
        self.shift = torch.zeros(channels) if shift is None else shift.contiguous()
        self.rms = torch.ones(channels) if rms is None else rms.contiguous()
        self.low, self.high = -self.shift - clamp * self.rms, -self.shift + clamp * self.rms
