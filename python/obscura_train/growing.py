"""A deeper residual network that starts from a trained shallower one: stage by stage, its first blocks are that one's."""

import torch
from torch import nn

from .errors import UserError
from .networks import NetworkSpec, build
from .networks.resnet import SHAPES


@torch.no_grad()
def grow(spec: NetworkSpec, small_spec: NetworkSpec, small: nn.Module):
    """(network, new blocks): a network of `spec`, with small's stem and blocks where stages have the same channels.

    What is left over starts from random weights; a new block that keeps its input's shape starts with nothing on its
    branch, so that it passes its input on, through its activation.  So does the head, unless classes and channels agree.
    From the first new block on, running statistics have to be taken anew.
    """
    for each in (spec, small_spec):
        if each.name not in SHAPES:
            raise UserError(f"{each.name} cannot grow or be grown into; residual networks can")
    if spec.linear or small_spec.linear:
        raise UserError("only networks with all of their activations grow; leave some out afterwards, with --start and --linear")
    for what in ("activation", "width"):
        if getattr(spec, what) != getattr(small_spec, what):
            raise UserError(f"{what} {getattr(small_spec, what)} cannot grow into {what} {getattr(spec, what)}")
    donors = dict(zip(_positions(small_spec), small.blocks))
    if donors.keys().isdisjoint(_positions(spec)):
        raise UserError(f"{small_spec.name} has no block that {spec.name} could start with: their stages differ in channels")
    network = build(spec)
    network.pixels.load_state_dict(small.pixels.state_dict())
    if network.stem.weight.shape == small.stem.weight.shape:
        network.stem.load_state_dict(small.stem.state_dict())
        network.stem_act.load_state_dict(small.stem_act.state_dict())
    if network.head.weight.shape == small.head.weight.shape:
        network.head.load_state_dict(small.head.state_dict())
    new = []
    for position, block in zip(_positions(spec), network.blocks):
        donor = donors.get(position)
        if donor is not None:
            block.load_state_dict(donor.state_dict())
            continue
        new.append(block)
        if block.shortcut is None:
            nn.init.zeros_(block.norm2.weight)
    return network, new


def _positions(spec: NetworkSpec) -> list[tuple[int, int, int]]:
    """(stage, channels, number within the stage) of every block."""
    shape = SHAPES[spec.name].widened(spec.width)
    return [(stage, channels, index) for stage, (count, channels) in enumerate(zip(shape.blocks, shape.channels)) for index in range(count)]
