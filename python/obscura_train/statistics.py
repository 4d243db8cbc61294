"""Running statistics taken anew, for a network whose function has changed a little while its weights have not."""

import numpy as np
import torch
from torch import nn

STATISTICS_IMAGES = 2560
STATISTICS_BATCH = 64


@torch.no_grad()
def fit_statistics(network: nn.Module, planes: np.ndarray, parts: list[nn.Module] | None = None, count: int = STATISTICS_IMAGES) -> None:
    """Sets the running means and variances of `parts` (the whole network if None) to the mean over batches of the first
    `count` of planes uint8 [n, colours, H, W].  The rest runs on its own: what training has seen of rare images is in there.
    """
    parts = [network] if parts is None else parts
    norms = [module for part in parts for module in part.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    training, momenta = network.training, [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's word for the plain mean of all batches
    device = next(network.parameters()).device
    network.eval()
    for part in parts:
        part.train()
    for start in range(0, min(count, len(planes)), STATISTICS_BATCH):
        network(torch.from_numpy(planes[start:start + STATISTICS_BATCH]).to(device).float())
    network.train(training)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
