"""Parameter clustering: the weights of a model share a few values, so that a compiler can store and multiply less.

The weights of a *group* (the whole model, a layer, or a slice: one column of a layer's kernels) are replaced by the
nearest of `count` centroids.  Training then moves centroids, not weights: after each step, the weights that share a
centroid are set to their mean, which is a step along the mean of their gradients.  Which weight belongs to
which centroid never changes, and equal values say it, so nothing but the weights themselves has to be kept.
"""

import numpy as np
import torch

from .layers import Conv

GROUPS = ("model", "layer", "slice")
LLOYD_STEPS = 50
LEAST_SHARE = 4  # weights for each value, on average, in a clustered layer


def clustered_weights(network) -> list[torch.nn.Parameter]:
    """The weights that clustering applies to: those of all convolutions."""
    return [module.weight for module in network.modules() if isinstance(module, Conv)]


def weight_groups(network, per: str) -> list[list[torch.Tensor]]:
    """Views of the weights, by the groups that share centroids; per is one of GROUPS."""
    weights = [weight.data for weight in clustered_weights(network)]
    if per == "model":
        return [weights]
    if per == "layer":
        return [[weight] for weight in weights]
    return [[weight[..., column]] for weight in weights for column in range(weight.shape[-1])]


def nearest_centroids(values: np.ndarray, count: int) -> np.ndarray:
    """values [n], each replaced by its centroid: k-means on a line, from quantiles, to a fixed point."""
    distinct, multiplicity = np.unique(values.astype(np.float64), return_counts=True)
    if len(distinct) <= count:
        return values
    total, weighted = np.concatenate([[0], np.cumsum(multiplicity)]), np.concatenate([[0], np.cumsum(multiplicity * distinct)])
    centroids = np.quantile(values, (np.arange(count) + 0.5) / count)
    for _ in range(LLOYD_STEPS):
        borders = np.concatenate([[0], np.searchsorted(distinct, (centroids[1:] + centroids[:-1]) / 2), [len(distinct)]])
        members = np.diff(total[borders])
        moved = np.where(members > 0, np.diff(weighted[borders]) / np.maximum(members, 1), centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = np.sort(moved)
    return centroids[np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)].astype(np.float32)


@torch.no_grad()
def cluster(network, count: int, per: str) -> None:
    """Replace the convolutions' weights by at most `count` values a group, in place."""
    for group in weight_groups(network, per):
        flat = np.concatenate([part.cpu().numpy().ravel() for part in group])
        _write(group, torch.from_numpy(nearest_centroids(flat, count)))


def distinct_values(network, per: str) -> int:
    """The most values that any group has."""
    return max(len(torch.unique(torch.cat([part.reshape(-1) for part in group]))) for group in weight_groups(network, per))


def shared_values(network) -> int | None:
    """The most values that any layer has, if its weights share them: few, and each used several times."""
    sizes = [(len(torch.unique(weight)), weight.numel()) for weight in clustered_weights(network)]
    values, weights = max(sizes, default=(0, 0))
    return values if 0 < values * LEAST_SHARE <= weights else None


class SharedWeights:
    """Which of a clustered network's weights are equal, and how to keep them so."""

    def __init__(self, network, per: str):
        self.per, self.members, self.counts = per, [], []
        for group in weight_groups(network, per):
            _, member, count = torch.unique(torch.cat([part.reshape(-1) for part in group]), return_inverse=True, return_counts=True)
            self.members.append(member)
            self.counts.append(count)

    @torch.no_grad()
    def merge(self, network) -> None:
        """Set the weights that belong together to their mean; `network` is the clustered one or a copy."""
        for group, member, count in zip(weight_groups(network, self.per), self.members, self.counts):
            flat = torch.cat([part.reshape(-1) for part in group]).double()
            means = torch.zeros(len(count), dtype=torch.float64, device=flat.device).index_add_(0, member, flat) / count
            _write(group, means.float()[member])


def _write(group: list[torch.Tensor], flat: torch.Tensor) -> None:
    start = 0
    for part in group:
        part.copy_(flat[start:start + part.numel()].view(part.shape))
        start += part.numel()
