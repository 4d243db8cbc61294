"""Shared pieces: the package on the path, and tiny data sets that a tiny network can learn."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "python"))

from obscura_train.data import ImageSet  # noqa: E402
from obscura_train.networks import NetworkSpec, build  # noqa: E402
from obscura_train.networks.resnet import SHAPES, ResNetShape  # noqa: E402

SIDE = 8
FULL_SHAPES = dict(SHAPES)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def tiny_shape(monkeypatch):
    """'resnet20' with one block a stage and four to eight channels: same code, milliseconds a step."""
    monkeypatch.setitem(SHAPES, "resnet20", ResNetShape((1, 1), (4, 8)))


@pytest.fixture
def coloured_images() -> ImageSet:
    """120 noisy images of three classes: red, green or blue."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 120)
    images = generator.integers(0, 120, (120, SIDE, SIDE, 3))
    images[np.arange(120), :, :, labels] += 100
    return ImageSet(images.astype(np.uint8), labels.astype(np.uint8), ("red", "green", "blue"))


def trained_like(spec: NetworkSpec):
    """A network whose statistics fit: a few passes in training mode."""
    torch.manual_seed(3)
    network = build(spec)
    for _ in range(20):
        network(torch.randint(0, 256, (16, 3, 2 * SIDE, 2 * SIDE)).float())
    return network.eval()


@pytest.fixture
def network(coloured_images):
    """A tiny ResNet with random weights, its running statistics those of the images, in evaluation mode."""
    torch.manual_seed(3)
    network = build(NetworkSpec(classes=3))
    for _ in range(20):
        network(torch.from_numpy(coloured_images.planes()).float())
    return network.eval()
