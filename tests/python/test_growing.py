"""A deeper network that starts from a shallower one."""

import numpy as np
import pytest
import torch

from obscura_train.checkpoint import load_network, save_checkpoint
from obscura_train.cli import main
from obscura_train.data import write_mosaic
from obscura_train.errors import UserError
from obscura_train.growing import grow
from obscura_train.networks import NetworkSpec, build
from obscura_train.networks.resnet import SHAPES, ResNetShape

from conftest import SIDE


@pytest.fixture(autouse=True)
def deeper_shape(monkeypatch):
    """One block more in each stage of the tiny network, and a third stage."""
    monkeypatch.setitem(SHAPES, "resnet32", ResNetShape((2, 2, 1), (4, 8, 16)))


def small_network(**changes):
    torch.manual_seed(3)
    spec = NetworkSpec(classes=3, **changes)
    return spec, build(spec).eval()


def test_blocks_are_taken_stage_by_stage():
    small_spec, small = small_network()
    network, new = grow(NetworkSpec("resnet32", classes=5), small_spec, small)
    for taken, donor in ((network.blocks[0], small.blocks[0]), (network.blocks[2], small.blocks[1]), (network.stem, small.stem)):
        for name, value in donor.state_dict().items():
            assert torch.equal(taken.state_dict()[name], value)
    assert new == [network.blocks[1], network.blocks[3], network.blocks[4]]
    assert network.head.out_features == 5


def test_a_new_block_passes_its_input_on():
    small_spec, small = small_network()
    _, new = grow(NetworkSpec("resnet32", classes=3), small_spec, small)
    block, x = new[0].eval(), torch.randn(2, 4, SIDE, SIDE)
    assert torch.equal(block(x), block.act2(x))


def test_a_network_grown_into_its_own_shape_is_itself():
    spec, small = small_network()
    network, new = grow(spec, spec, small)
    images = torch.randint(0, 256, (4, 3, SIDE, SIDE)).float()
    assert not new and torch.equal(network.eval()(images), small(images))


def test_what_cannot_grow_is_refused():
    spec, small = small_network()
    with pytest.raises(UserError, match="activation hermite cannot grow into activation relu"):
        grow(NetworkSpec("resnet32", classes=3, activation="relu"), spec, small)
    with pytest.raises(UserError, match="vgg11 cannot grow"):
        grow(NetworkSpec("vgg11", classes=3), spec, small)
    with pytest.raises(UserError, match="no block that resnet18 could start with"):
        grow(NetworkSpec("resnet18", classes=3), spec, small)


def test_command_line(coloured_images, tmp_path, capsys):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    spec, small = small_network(padding="twisted", twist=2)
    save_checkpoint(tmp_path / "small.pt", spec, small, coloured_images.classes)
    arguments = ["train", "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--network", "resnet32", "--twist", "2", "--grow", str(tmp_path / "small.pt"),
                 "--epochs", "1", "--frozen-epochs", "1", "--batch", "20", "--validation", "20"]
    assert main([*arguments, "--out", str(tmp_path / "grown")]) == 0
    assert "2 of 5 blocks taken from" in capsys.readouterr().out
    grown_spec, grown, _ = load_network(tmp_path / "grown/best.pt")
    assert grown_spec.name == "resnet32" and len(grown.blocks) == 5
    assert main([*arguments, "--start", str(tmp_path / "small.pt"), "--out", str(tmp_path / "both")]) == 1
    assert "begin with one of them" in capsys.readouterr().err


def test_statistics_are_taken_behind_the_first_new_block(coloured_images, tmp_path):
    """A grown network has to answer by its running statistics as it does by the batch's: the range control reads them."""
    from obscura_train.commands import _grown_network
    spec, small = small_network(padding="twisted", twist=2)
    save_checkpoint(tmp_path / "small.pt", spec, small, coloured_images.classes)
    network = _grown_network(NetworkSpec("resnet32", classes=3, padding="twisted", twist=2), tmp_path / "small.pt", coloured_images)
    pixels = torch.from_numpy(coloured_images.planes()).float()
    with torch.no_grad():
        x = network.stem_act.eval()(network.stem(network.pixels(pixels)))
        block = network.blocks[0].eval()
        z = network.blocks[1].conv1(block(x))
    norm = network.blocks[1].act1.linear_norm
    assert np.allclose(norm.running_mean, z.mean((0, 2, 3)), rtol=0.05, atol=0.05 * float(z.std()))
