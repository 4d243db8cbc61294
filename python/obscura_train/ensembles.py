"""Members of an ensemble that speak equally loud, or as loud as is wished.

The mean of logits is the members' mean only where their logits are of one size.  A network trained on labels gives logits
three times as large as one that learnt a teacher's soft answers, and outvotes it.
"""

import copy

import numpy as np
import torch

from .errors import UserError


def weighted(networks: list, weights: list[float] | None) -> list:
    """The networks with their logits multiplied by weights of mean 1; as they are without weights."""
    if not weights:
        return networks
    if len(weights) != len(networks):
        raise UserError(f"{len(weights)} weights for {len(networks)} networks: give one for each")
    if not all(0 < weight < float("inf") for weight in weights):
        raise UserError(f"weights {' '.join(map(str, weights))}: all have to be above 0")
    mean = sum(weights) / len(weights)
    members = [copy.deepcopy(network) for network in networks]
    with torch.no_grad():
        for member, weight in zip(members, weights):
            member.head.weight *= weight / mean
            member.head.bias *= weight / mean
    return members


@torch.no_grad()
def member_logits(networks: list, planes: np.ndarray, batch: int = 100) -> torch.Tensor:
    """[networks, images, classes] of planes uint8 [n, colours, H, W]."""
    pixels = [torch.from_numpy(planes[start:start + batch]).float() for start in range(0, len(planes), batch)]
    return torch.stack([torch.cat([network.eval()(part) for part in pixels]) for network in networks])


def accuracy_of_mean(logits: torch.Tensor, labels: np.ndarray) -> float:
    """Percent of the images whose label the mean of the networks' logits [networks, images, classes] gives."""
    return 100 * float((logits.mean(0).argmax(1).numpy() == labels).mean())


def spreads(logits: torch.Tensor) -> list[float]:
    """How loud each network is: the deviation of its logits from each image's mean."""
    return [float((of_one - of_one.mean(1, keepdim=True)).square().mean().sqrt()) for of_one in logits]
