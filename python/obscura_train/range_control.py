"""Keeping every pre-activation in range.

A quadratic network grows doubly exponentially once a value leaves the range it was trained on, and under
encryption one such value wraps the modulus and spoils every image of its batch.  A mean penalty does not see
one image in ten thousand, so the *largest* |v| / rms(v) of each image is penalised beyond a limit, and values
are clamped a little further out, in training only, so that a wild image still gives useful gradients.
(v is the number that is squared under encryption, see activations.py.)
"""

import torch

from .activations import Quadratic

PENALTY_CAP = 20.0  # an image this far outside pushes no harder: its gradient would drown all others
OVERFLOWED = 1e4  # an excess that says no more than that it is one


class RangeControl:
    """Watches the quadratic activations of one network.  Unit: each channel's rms of v on typical images.

    limit: the penalty starts here.  clamp: values are cut here while `clamping` is on.
    noise: deviation of the noise added to v (models the error of the encrypted computation).
    """

    def __init__(self, network: torch.nn.Module, limit: float = 4.5, clamp: float = 7.0, noise: float = 0.0):
        if not 0 < limit < clamp:
            raise ValueError(f"range control needs 0 < limit < clamp, not limit {limit} and clamp {clamp}")
        self.limit, self.clamp, self.noise = limit, clamp, noise
        self.clamping = False
        self.activations = [module for module in network.modules() if isinstance(module, Quadratic)]
        self.reference = [None] * len(self.activations)
        self._peaks: list[torch.Tensor] = []
        self._measured: list[torch.Tensor] | None = None
        for index, activation in enumerate(self.activations):
            activation.control, activation.index = self, index

    def rms(self, index: int) -> torch.Tensor:
        """rms(v) per channel of activation `index`: as measured, or else by its running statistics."""
        measured = self.reference[index]
        return self.activations[index].expected_rms() if measured is None else measured

    def follow(self) -> None:
        """Take rms(v) from the running statistics from now on, as they move.

        For training with batch statistics: they move the shift as well, and a channel whose shift moved away from a measured
        rms would have all its values cut to one.
        """
        self.reference = [None] * len(self.activations)

    def watch(self, activation: Quadratic, z: torch.Tensor) -> torch.Tensor:
        """Note each image's peak; return z [N, C, H, W], with noise, and clamped while `clamping` is on."""
        rms = self.rms(activation.index).view(1, -1, 1, 1)
        shift = activation.completed_square()[1].view(1, -1, 1, 1)
        v = z + shift
        self.note(((v.abs() / rms).nan_to_num(nan=torch.inf)).amax((1, 2, 3)))
        if self._measured is not None:
            self._measured.append(v.square().mean((0, 2, 3)).sqrt())
        if not (self.clamping or self.noise):
            return z
        if self.clamping:
            v = torch.minimum(torch.maximum(v, -self.clamp * rms), self.clamp * rms)
        if self.noise:
            v = v + torch.randn_like(v) * (rms * self.noise)
        return v - shift

    def note(self, peaks: torch.Tensor) -> None:
        """Remember one layer's peaks [N]."""
        self._peaks.append(peaks)

    def take_peaks(self) -> torch.Tensor:
        """[layers, N]: the largest |v| / rms(v) of each image in the forward pass since the last call."""
        peaks, self._peaks = self._peaks, []
        return torch.stack(peaks) if peaks else torch.zeros(0, 0)

    @torch.no_grad()
    def measure(self, network: torch.nn.Module, pixels: torch.Tensor) -> None:
        """Take rms(v) from typical images [N, colours, H, W], clamped so that a wild one does not count."""
        if not self.activations:
            return
        training, clamping, noise = network.training, self.clamping, self.noise
        network.eval()
        self.follow()  # or the last measurement's clamp would show in this one
        self.clamping, self.noise, self._measured = True, 0.0, []
        network(pixels)
        self.reference, self._measured = [rms.clamp_min(1e-12) for rms in self._measured], None
        self.clamping, self.noise = clamping, noise
        self.take_peaks()
        network.train(training)

    def penalty(self, peaks: torch.Tensor) -> torch.Tensor:
        """The squared excess over the limit, summed over layers, mean over images; peaks [layers, N].

        Beyond PENALTY_CAP it goes on in a straight line.  It must not end there: a layer that is beyond it for all images would
        have nothing to bring it back, and training goes on with what the clamp leaves of it.
        """
        if peaks.numel() == 0:
            return torch.zeros(())
        excess = (peaks - self.limit).clamp(0, OVERFLOWED)
        near = excess.clamp(max=PENALTY_CAP)
        return (near * (2 * excess - near)).sum(0).mean()
