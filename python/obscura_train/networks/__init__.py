"""The networks by name.  A NetworkSpec holds all that is needed to build one, and travels in every checkpoint."""

from dataclasses import dataclass

from torch import nn

from ..activations import ACTIVATIONS
from ..errors import UserError
from ..padding import PADDINGS, Padding
from .resnet import SHAPES, STEM, ResNet
from .vgg import STAGES, VGG

NETWORKS = tuple(SHAPES) + tuple(STAGES)


@dataclass(frozen=True)
class NetworkSpec:
    """width multiplies every channel count: resnet20 with width 4 is the 64-128-256 network.  twist is twisted padding's.  dense: see resnet.py.  linear: where activations are left out, "stem" or the number of the block that ends there."""

    name: str = "resnet20"
    classes: int = 10
    activation: str = "hermite"
    padding: str = "raster"
    width: int = 1
    twist: int = 4
    dense: bool = False
    linear: tuple[str, ...] = ()

    def __post_init__(self):
        for what, value, known in (("network", self.name, NETWORKS), ("activation", self.activation, ACTIVATIONS), ("padding", self.padding, PADDINGS)):
            if value not in known:
                raise UserError(f"unknown {what} '{value}'; known: {', '.join(known)}")
        if self.twist < 1 or self.twist & (self.twist - 1):
            raise UserError(f"a twist of {self.twist} rows: need a power of two")
        if self.width < 1 or self.classes < 2:
            raise UserError(f"width {self.width} and {self.classes} classes: need at least 1 and 2")
        if self.dense and self.name not in SHAPES:
            raise UserError(f"{self.name} has no dense form; residual networks do")
        places = (STEM, *map(str, range(sum(SHAPES[self.name].blocks)))) if self.name in SHAPES else ()
        unknown = [place for place in self.linear if place not in places]
        if unknown:
            raise UserError(f"no activation to leave out at {', '.join(unknown)}; {self.name} has {', '.join(places) or 'none that can be'}")


def build(spec: NetworkSpec) -> nn.Module:
    """A fresh network with random weights (torch's global generator)."""
    padding = Padding(spec.padding, spec.twist)
    if spec.name in SHAPES:
        return ResNet(SHAPES[spec.name].widened(spec.width), spec.classes, spec.activation, padding, spec.dense, linear=spec.linear)
    stages = tuple(tuple(channels * spec.width for channels in stage) for stage in STAGES[spec.name])
    return VGG(stages, spec.classes, spec.activation, padding)
