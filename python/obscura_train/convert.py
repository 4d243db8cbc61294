"""From a ReLU network to one for encryption: same convolutions, quadratic activations, cyclic padding.

Only the start: the result is trained with `warmup_epochs` (activations go from ReLU to quadratic step by step)
and distilled from the original.
"""

from dataclasses import replace

import torch

from .activations import FixedQuadratic, Hermite, Line, NormReLU
from .errors import UserError
from .networks import NetworkSpec, build


@torch.no_grad()
def convert_network(spec: NetworkSpec, network, activation: str, padding: str, twist: int = 4):
    """(new spec, new network) for a trained ReLU network."""
    if spec.activation != "relu":
        raise UserError(f"only ReLU networks can be converted; this one has '{spec.activation}' activations already")
    if activation == "relu":
        raise UserError("--activation relu converts nothing; choose hermite or quadratic")
    new_spec = replace(spec, activation=activation, padding=padding, twist=twist)
    new_network = build(new_spec)
    shared = {name: value for name, value in network.state_dict().items() if name in (state := new_network.state_dict()) and state[name].shape == value.shape}
    new_network.load_state_dict(shared, strict=False)
    for old, new in zip(_activations(network), _activations(new_network)):
        _copy_activation(old, new)
    return new_spec, new_network


def with_padding(spec: NetworkSpec, network, padding: str, twist: int):
    """(new spec, new network): the same weights under another padding, to be trained on."""
    new_spec = replace(spec, padding=padding, twist=twist)
    new_network = build(new_spec)
    new_network.load_state_dict(network.state_dict())
    return new_spec, new_network.train(network.training)


@torch.no_grad()
def without_activations(spec: NetworkSpec, network, places: tuple[str, ...]):
    """(new spec, new network): without the activations at `places` (NetworkSpec.linear), each replaced by its linear part, to be trained on."""
    if spec.activation != "hermite":
        raise UserError(f"only hermite activations can be left out of a trained network; this one has '{spec.activation}'")
    new_spec = replace(spec, linear=tuple(dict.fromkeys((*spec.linear, *places))))
    new_network = build(new_spec)
    kept, state = network.state_dict(), new_network.state_dict()
    new_network.load_state_dict({name: kept.get(name, value) for name, value in state.items()})
    for name, module in new_network.named_modules():
        old = network.get_submodule(name) if isinstance(module, Line) else None
        if isinstance(old, Hermite):
            module.take(old)
    return new_spec, new_network.train(network.training)


def make_dense(spec: NetworkSpec, network):
    """(new spec, new network): the same weights without strides, see networks/resnet.py.

    Under raster padding its last pixels of a row see what lies a part of a row further down, as no grid of the
    original does: the statistics of `dilated_blocks` have to be taken anew.
    """
    if spec.dense:
        raise UserError("the network is dense already")
    new_spec = replace(spec, dense=True)
    new_network = build(new_spec)
    new_network.load_state_dict(network.state_dict())
    return new_spec, new_network.train(network.training)


def dilated_blocks(network) -> list:
    """The blocks of a dense network that were behind a stride, or had one: only these compute something new."""
    return [block for block in network.blocks if block.conv2.dilation > 1]


def _activations(network) -> list:
    return [module for module in network.modules() if isinstance(module, (NormReLU, Hermite, FixedQuadratic))]


def _copy_activation(old: NormReLU, new) -> None:
    if isinstance(new, FixedQuadratic):
        new.norm.load_state_dict(old.norm.state_dict())
        return
    # Hermite normalises by itself: relu(w h + b) is about |w| relu(h) where b is small; its square's statistics are a Gaussian's
    mean, variance = old.norm.running_mean, old.norm.running_var
    new.linear_norm.running_mean.copy_(mean)
    new.linear_norm.running_var.copy_(variance)
    second_moment = mean.square() + variance
    new.square_norm.running_mean.copy_((second_moment - 1) / 2 ** 0.5)
    new.square_norm.running_var.copy_(variance.square() + 2 * mean.square() * variance)
    new.gain.copy_(old.norm.weight.abs())
