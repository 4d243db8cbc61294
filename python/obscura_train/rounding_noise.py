"""Weights that are a little wrong while training, as they will be when they are integers.

The engine's compiler rounds a layer's folded weights to multiples of 2^-bits of the rms of what they add up to, each
taken times the mean of its input (study.round_rows).  A network that has learnt with errors of that size, other ones in
every step, bears whichever the compiler makes.  (Noise in place of rounding: Baskin et al., UNIQ, arXiv:1804.10969.)
"""

from contextlib import contextmanager

import torch

from .activations import Quadratic
from .errors import UserError
from .networks.resnet import ResNet
from .range_control import RangeControl


class RoundingNoise:
    """Errors of up to half a unit, evenly spread, in the convolutions of a ResNet with quadratic activations."""

    def __init__(self, network: ResNet, control: RangeControl, bits: int):
        if not isinstance(network, ResNet) or not all(isinstance(activation, Quadratic) for activation in network.activations):
            raise UserError("--weight-noise needs a residual network with quadratic activations, none of them left out")
        self.network, self.control, self.bits = network, control, bits

    @contextmanager
    def added(self):
        """Within, the weights are wrong; gradients are those of the wrong weights."""
        exact = [(weight, weight.detach().clone(), unit) for weight, unit in self.units()]
        with torch.no_grad():
            for weight, _, unit in exact:
                weight.add_((torch.rand_like(weight) - 0.5) * unit)
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, value, _ in exact:
                    weight.copy_(value)

    @torch.no_grad()
    def units(self) -> list[tuple[torch.nn.Parameter, torch.Tensor]]:
        """(weight [O, I, k, k], unit [O, I, 1, 1]) of every convolution, by the control's rms and the running statistics."""
        network, last = self.network, self.network.stem_act
        result = [self._unit(network.stem, network.stem_act, torch.ones_like(network.pixels.scale))]
        for block in network.blocks:
            result.append(self._unit(block.conv1, block.act1, self._size(last)))
            result.append(self._unit(block.conv2, block.act2, self._size(block.act1), block.norm2))
            if block.shortcut is not None:
                result.append(self._unit(block.shortcut, block.act2, self._size(last), block.shortcut_norm))
            last = block.act2
        return result

    def _size(self, activation: Quadratic) -> torch.Tensor:
        """Of what an activation a (z + shift)^2 + k adds to k, on average [C]."""
        return activation.completed_square()[0].abs() * self.control.rms(activation.index).square()

    def _unit(self, conv, activation: Quadratic, sizes: torch.Tensor, norm=None):
        unit = 2.0 ** -self.bits * self.control.rms(activation.index)
        if norm is not None:
            unit = unit / (norm.weight / (norm.running_var + norm.eps).sqrt()).abs().clamp_min(1e-6)
        return conv.weight, unit.view(-1, 1, 1, 1) / sizes.clamp_min(1e-12).view(1, -1, 1, 1)
