"""Activations that are left out, so that layers around become one."""

import pytest
import torch

from obscura_train.activations import HERMITE_RELU, Line
from obscura_train.checkpoint import load_network, save_checkpoint
from obscura_train.cli import main
from obscura_train.convert import without_activations
from obscura_train.data import write_mosaic
from obscura_train.errors import UserError
from obscura_train.growing import grow
from obscura_train.networks import NetworkSpec

from conftest import SIDE, trained_like


def test_an_activation_that_is_left_out_keeps_its_linear_part():
    old = trained_like(NetworkSpec(classes=5))
    spec, new = without_activations(NetworkSpec(classes=5, linear=("stem",)), trained_like(NetworkSpec(classes=5, linear=("stem",))), ("1",))
    assert spec.linear == ("stem", "1") and [isinstance(activation, Line) for activation in new.activations] == [True, False, False, False, True]
    spec, new = without_activations(NetworkSpec(classes=5), old, ("stem",))
    z, curve = torch.randn(4, 4, SIDE, SIDE), old.stem_act  # as many channels as the stem has
    square = HERMITE_RELU[2] * curve.square_norm((z * z - 1) / 2 ** 0.5)
    torch.testing.assert_close(new.stem_act(z) + curve.gain.view(1, -1, 1, 1) * square, curve(z))
    for name, value in new.blocks.state_dict().items():
        assert torch.equal(value, old.blocks.state_dict()[name]), name


def test_only_known_places_of_hermite_networks_are_left_out():
    with pytest.raises(UserError, match="leave out at 7; resnet20 has stem, 0, 1"):
        NetworkSpec(linear=("0", "7"))
    with pytest.raises(UserError, match="vgg11 has none that can be"):
        NetworkSpec("vgg11", linear=("stem",))
    with pytest.raises(UserError, match="only hermite.*relu"):
        without_activations(NetworkSpec(activation="relu"), None, ("stem",))


def test_networks_without_them_do_not_grow():
    """Their blocks fit no others: this ended in PyTorch's list of missing keys."""
    whole, lean = NetworkSpec(classes=3), NetworkSpec(classes=3, linear=("stem",))
    for spec, small in ((whole, lean), (lean, whole)):
        with pytest.raises(UserError, match="with all of their activations grow"):
            grow(spec, small, trained_like(small))


@pytest.mark.parametrize("start", [True, False], ids=["from a trained network", "from random weights"])
def test_training_leaves_them_out(coloured_images, tmp_path, start):
    save_checkpoint(tmp_path / "start.pt", NetworkSpec(classes=3), trained_like(NetworkSpec(classes=3)), coloured_images.classes)
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    begin = ["--start", str(tmp_path / "start.pt")] if start else []
    assert main(["train", *begin, "--linear", "stem", "1", "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--out", str(tmp_path / "run"), "--validation", "20",
                 "--batch", "20", "--epochs", "2", "--frozen-epochs", "1", "--ema", "0.5", "--threads", "1"]) == 0
    spec, network, _ = load_network(tmp_path / "run" / "last.pt")
    assert spec.linear == ("stem", "1") and sum(isinstance(activation, Line) for activation in network.activations) == 2
    assert main(["export", str(tmp_path / "run" / "last.pt"), "--side", str(SIDE), "--out", str(tmp_path / "net.onnx")]) == 0


def test_studies_of_single_layers_refuse_such_networks(coloured_images, tmp_path, capsys):
    save_checkpoint(tmp_path / "net.pt", NetworkSpec(classes=3, linear=("stem",)), trained_like(NetworkSpec(classes=3, linear=("stem",))), coloured_images.classes)
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    assert main(["study", str(tmp_path / "net.pt"), "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--validation", "20", "--out", str(tmp_path / "study.md")]) == 1
    assert "left out" in capsys.readouterr().err
