"""The coefficients of Hermite activations by their batch's moments, and where their values are cut: numbers per channel only,
but for twenty layers a step they would cost PyTorch as much as a tenth of the convolutions if each were an operation of
its own autograd graph."""

import math

import torch

from ..activations import HERMITE_RELU, Hermite
from .functions import make_bounds


class BatchCoefficients(torch.autograd.Function):
    """(moments [3, C], gain, offset, linear eps, square eps) -> coefficients [3, C] of an activation normalised by its batch."""

    @staticmethod
    def forward(context, moments, gain, offset, line, square):
        h0, h1, h2 = HERMITE_RELU
        mean, second, fourth = moments
        variance, spread = second - mean * mean, (fourth - second * second) / 2
        of_linear, of_square = variance.clamp_min(0) + line, spread.clamp_min(0) + square
        linear, curve = h1 * of_linear.rsqrt(), h2 / math.sqrt(2) * of_square.rsqrt()
        constant = h0 - linear * mean - curve * second
        context.save_for_backward(mean, second, gain, linear, curve, constant, linear / of_linear * (variance > 0), curve / of_square * (spread > 0))
        return torch.stack([gain * curve, gain * linear, gain * constant + offset])

    @staticmethod
    def backward(context, gradient):
        mean, second, gain, linear, curve, constant, linear_slope, curve_slope = context.saved_tensors
        da, db, dc = gradient
        scaled = gain * dc
        d_variance = (gain * db - scaled * mean) * linear_slope / -2
        d_spread = (gain * da - scaled * second) * curve_slope / -4
        d_moments = torch.stack([-scaled * linear - 2 * mean * d_variance, d_variance - scaled * curve - 2 * second * d_spread, d_spread])
        return d_moments, da * curve + db * linear + dc * constant, dc, None, None


@torch.no_grad()
def bounds_of_all(activations: list[Hermite], control) -> list[torch.Tensor]:
    """Every activation's bounds [4, C] by its running statistics, worked out side by side as if they were one."""
    joined = Hermite(sum(len(activation.gain) for activation in activations))
    for norm in ("linear_norm", "square_norm"):
        for buffer in ("running_mean", "running_var"):
            setattr(getattr(joined, norm), buffer, torch.cat([getattr(getattr(activation, norm), buffer) for activation in activations]))
    shift = joined.completed_square()[1]
    measured = [control.reference[activation.index] for activation in activations]
    rms = joined.expected_rms() if any(part is None for part in measured) else torch.cat(measured)
    bounds = make_bounds(shift, rms, control.clamp if control.clamping else math.inf)
    return [part.contiguous() for part in bounds.split([len(activation.gain) for activation in activations], dim=1)]
