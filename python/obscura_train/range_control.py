"""Keeping every pre-activation in range.

A quadratic network grows doubly exponentially once a value leaves the range it was trained on, and under
encryption one such value wraps the modulus and spoils every image of its batch.  A mean penalty does not see
one image in ten thousand, so the *largest* |v| / rms(v) of each image is penalised beyond a limit, and values
are clamped a little further out, in training only, so that a wild image still gives useful gradients.
"""

import torch

PENALTY_CAP = 20.0  # an image this far outside pushes no harder: its gradient would drown all others


class RangeControl:
    """Watches the activations of one network.  Units: multiples of each channel's reference rms of v.

    active: penalise beyond `limit` and clamp at `clamp`.  recording: remember the peak of each image and layer.
    """

    def __init__(self, limit: float = 5.0, clamp: float = 8.0):
        if not 0 < limit < clamp:
            raise ValueError(f"range control needs 0 < limit < clamp, not limit {limit} and clamp {clamp}")
        self.limit, self.clamp = limit, clamp
        self.active = self.recording = False
        self.noise = 0.0  # deviation of the noise added to v, in multiples of its rms: models the CKKS error
        self._penalties: list[torch.Tensor] = []
        self._peaks: list[torch.Tensor] = []

    def attach(self, network: torch.nn.Module) -> "RangeControl":
        from .activations import Quadratic
        for module in network.modules():
            if isinstance(module, Quadratic):
                module.control = self
        return self

    def bound(self, activation, z: torch.Tensor) -> torch.Tensor:
        """Add the penalty of z [N, C, H, W] and return it clamped, with noise where asked for."""
        rms = activation.reference_rms().view(1, -1, 1, 1)
        shift = activation.completed_square()[1].detach().view(1, -1, 1, 1)
        low, high = -self.clamp * rms - shift, self.clamp * rms - shift
        excess = ((z + shift).abs() / rms).amax((1, 2, 3)) - self.limit
        self._penalties.append(excess.clamp(0, PENALTY_CAP).square().mean())
        z = torch.minimum(torch.maximum(z, low), high)
        return z + torch.randn_like(z) * (rms * self.noise) if self.noise else z

    def take_penalty(self) -> torch.Tensor | float:
        """The penalty summed over layers since the last call (mean over images)."""
        penalties, self._penalties = self._penalties, []
        return sum(penalties) if penalties else 0.0

    def record(self, activation, v: torch.Tensor) -> None:
        rms = activation.reference_rms().view(1, -1, 1, 1)
        self._peaks.append(torch.nan_to_num((v / rms).abs(), nan=torch.inf).amax((1, 2, 3)).detach())

    def take_peaks(self) -> torch.Tensor:
        """[layers, N]: the largest |v| / rms(v) of each image since the last call."""
        peaks, self._peaks = torch.stack(self._peaks), []
        return peaks
