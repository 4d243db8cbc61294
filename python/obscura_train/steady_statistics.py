"""Running statistics that one wild batch cannot spoil.

A batch in which a value explodes moves a running variance by many powers of ten, or to infinity, where it stays.
The clamp and the range penalty follow these statistics, and inference computes with them.
"""

import torch
from torch import nn

MOST_GROWTH = 4  # of a running variance in one step: with PyTorch's momentum of 0.1, a batch of some thirty times the usual variance
MOST_DRIFT = 2  # of a running mean in one step, in running deviations: a batch twenty deviations away


class SteadyStatistics:
    """Call `settle()` after every step that has moved the running statistics of `network`."""

    def __init__(self, network: nn.Module):
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        self.parts = [norm.running_mean for norm in norms], [norm.running_var for norm in norms]
        self.sizes = [norm.num_features for norm in norms]
        self.remember()

    def remember(self) -> None:
        """Take the statistics as they are for good ones."""
        self.before = [torch.cat(parts) if parts else torch.zeros(0) for parts in self.parts]  # means, variances: [channels of all layers]

    @torch.no_grad()
    def settle(self) -> None:
        """Limits what the step did to each channel; one that it made infinite or NaN stays as it was."""
        if not self.sizes:
            return
        old_mean, old_variance = self.before
        mean, variance = (torch.cat(parts) for parts in self.parts)
        reach = MOST_DRIFT * old_variance.sqrt()
        sane = torch.isfinite(mean) & torch.isfinite(variance)
        mean = torch.where(sane, mean.clamp(old_mean - reach, old_mean + reach), old_mean)
        variance = torch.where(sane, torch.minimum(variance, MOST_GROWTH * old_variance), old_variance)
        self.before = [mean, variance]
        for parts, whole in zip(self.parts, self.before):
            torch._foreach_copy_(parts, list(whole.split(self.sizes)))
