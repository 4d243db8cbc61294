"""Images sought by gradient ascent, within the pixel range, for the largest possible peak."""

import numpy as np
import torch

from .evaluation import fast_form
from .range_control import RangeControl


def worst_images(network, control: RangeControl, planes: np.ndarray, steps: int = 20, step_size: float = 16.0) -> np.ndarray:
    """Push images uint8 [n, 3, H, W] towards larger peaks; step_size in grey levels, shrinking to a quarter.  uint8, same shape."""
    network.eval()
    forward = fast_form(network, control)
    device = next(network.parameters()).device
    limit, control.limit, control.clamping = control.limit, 1e-3, False  # every peak is to pass a gradient
    pixels = torch.from_numpy(planes).to(device).float()
    best, best_peak = pixels.clone(), torch.zeros(len(planes), device=device)
    for step in range(steps + 1):
        pixels.requires_grad_(True)
        forward(pixels)
        peaks = control.take_peaks()
        worst = peaks.amax(0).detach()
        better = worst > best_peak
        best[better], best_peak[better] = pixels.detach()[better], worst[better]
        if step == steps:
            break
        gradient, = torch.autograd.grad(peaks.clamp_min(1e-6).log().sum(), pixels)
        size = step_size * (1 - 0.75 * step / steps)
        pixels = (pixels.detach() + size * gradient.nan_to_num().sign()).clamp(0, 255)
    control.limit = limit
    return best.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
