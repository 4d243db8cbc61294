"""The networks' training form on a CPU: channels-last, with everything between two convolutions in a few passes.

Computes what the plain modules compute, batch statistics or running ones, on the same parameters.
"""

from .build import kernels
from .resnet import FastResNet

__all__ = ["FastResNet", "kernels"]
