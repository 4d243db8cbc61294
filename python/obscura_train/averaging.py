"""The mean of several networks' weights: often better than each, where they are the ends of successive rounds of one
network's training (Izmailov et al., arXiv:1803.05407; Wortsman et al., arXiv:2203.05482)."""

from pathlib import Path

import torch

from .checkpoint import load_network
from .errors import UserError


def average_networks(paths: list[Path]):
    """(spec, network, class names) of the mean of all weights and running statistics."""
    if len(paths) < 2:
        raise UserError(f"{len(paths)} checkpoint given; an average takes two or more")
    spec, network, classes = load_network(paths[0])
    total = {name: value.double() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    for path in paths[1:]:
        other_spec, other, other_classes = load_network(path)
        if (other_spec, other_classes) != (spec, classes):
            raise UserError(f"{path}: {other_spec} with {len(other_classes)} classes, but {paths[0]} is {spec} with {len(classes)}; only networks of one kind can be averaged")
        for name, value in other.state_dict().items():
            if value.is_floating_point():
                total[name] += value
    network.load_state_dict({name: (value / len(paths)).to(torch.float32) if value.is_floating_point() else value for name, value in total.items()})
    return spec, network, classes
