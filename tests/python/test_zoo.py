"""Every network of the zoo, quadratic and ReLU: its size, one training step, its export.  And ensembles of them."""

import json

import numpy as np
from onnx.reference import ReferenceEvaluator
import pytest
import torch

from obscura_train.cli import main
from obscura_train.data import write_mosaic
from obscura_train.errors import UserError
from obscura_train.export import export_onnx
from obscura_train.networks import NETWORKS, NetworkSpec, build
from obscura_train.networks.resnet import SHAPES, ResNetShape
from obscura_train.networks.vgg import STAGES

from conftest import FULL_SHAPES, SIDE
from test_training import make_trainer, options

THIN = 16  # channels are divided by this: same structure, milliseconds a step
VGG_SIDE = 16


@pytest.fixture
def thin(monkeypatch):
    for name, shape in FULL_SHAPES.items():
        monkeypatch.setitem(SHAPES, name, ResNetShape(shape.blocks, tuple(max(2, c // THIN) for c in shape.channels)))
    for name, stages in STAGES.items():
        monkeypatch.setitem(STAGES, name, tuple(tuple(c // THIN for c in stage) for stage in stages))


@pytest.mark.parametrize("name, width, millions", [("resnet20", 1, 0.273), ("resnet32", 1, 0.47), ("resnet44", 1, 0.66), ("resnet56", 1, 0.86), ("resnet20", 4, 4.33),
                                                   ("resnet18", 1, 11.18), ("resnet34-slim", 1, 1.34), ("vgg11", 1, 9.23), ("vgg16", 1, 14.72)])
def test_sizes(monkeypatch, name, width, millions):
    for shape_name, shape in FULL_SHAPES.items():
        monkeypatch.setitem(SHAPES, shape_name, shape)
    with torch.device("meta"):
        network = build(NetworkSpec(name, width=width))
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("activation", ["hermite", "quadratic", "relu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_trains_a_step_and_exports(thin, name, activation, coloured_images, tmp_path):
    spec = NetworkSpec(name, classes=3, activation=activation)
    if name.startswith("vgg"):  # needs larger images: it halves four times
        coloured_images = type(coloured_images)(coloured_images.images.repeat(2, 1).repeat(2, 2), coloured_images.labels, coloured_images.classes)
    side = VGG_SIDE if name.startswith("vgg") else SIDE
    trainer = make_trainer(coloured_images, tmp_path, options(epochs=1, frozen_epochs=0, batch=50, side=side), spec)
    before = trainer.network.head.weight.clone()
    trainer.run()
    assert np.isfinite(trainer.history[0]["loss"]) and not torch.equal(before, trainer.network.head.weight)
    network, trainer.control.clamping = trainer.network.train(), False
    with torch.no_grad():
        for _ in range(50):  # statistics that fit random pixels, on which the export is checked: without them a deep quadratic network overflows
            network(torch.randint(0, 256, (32, 3, side, side)).float())
    network.eval()
    model = export_onnx(tmp_path / "net.onnx", spec, [network], side)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, side, side)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(ReferenceEvaluator(model).run(["logits"], {"image": pixels})[0], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_twin_shares_everything_but_the_activation():
    quadratic, relu = (build(NetworkSpec(classes=3, activation=activation)) for activation in ("quadratic", "relu"))
    assert [name for name, _ in quadratic.named_parameters()] == [name for name, _ in relu.named_parameters()]


def test_ensemble_of_seeds(coloured_images, tmp_path, capsys):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    data = ["--data", str(tmp_path / "set.webp"), "--side", str(SIDE)]
    train = ["train", *data, "--epochs", "2", "--frozen-epochs", "0", "--batch", "20", "--validation", "20", "--ema", "0.5", "--members", "2", "--seed", "5", "--out", str(tmp_path / "run")]
    assert main(train) == 0
    assert "ensemble of 2: accuracy" in capsys.readouterr().out
    members = [str(tmp_path / "run" / f"seed-{seed}" / "best.pt") for seed in (5, 6)]
    assert main(["evaluate", *members, *data, "--json", str(tmp_path / "both.json")]) == 0
    report = json.loads((tmp_path / "both.json").read_text())
    assert len(report["members"]) == 2 and 0 <= report["accuracy"] <= 100
    assert main(["evaluate", *members, *data, "--split", "validation", "--validation", "20", "--weights", "3", "1", "--json", str(tmp_path / "held.json")]) == 0
    held = json.loads((tmp_path / "held.json").read_text())
    assert held["members"][0]["images"] == 20 and len(held["spreads"]) == 2
    assert main(["evaluate", members[0], *data, "--weights", "1", "2"]) == 1 and "2 weights for 1" in capsys.readouterr().err
    assert main(["export", *members, "--weights", "1", "--out", str(tmp_path / "none.onnx")]) == 1 and "1 weights for 2" in capsys.readouterr().err
    assert main(["export", *members, "--side", str(SIDE), "--out", str(tmp_path / "both.onnx")]) == 0
    assert main([*train, "--resume"]) == 0  # nothing is left to do
    assert main([*train, "--start", members[0]]) == 1 and "its own random weights" in capsys.readouterr().err


def test_bad_members_are_refused(tmp_path, coloured_images, capsys):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    assert main(["train", "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--validation", "20", "--members", "0", "--out", str(tmp_path / "run")]) == 1
    assert "--members 0" in capsys.readouterr().err


def test_widths_are_checked():
    with pytest.raises(UserError, match="width 0"):
        NetworkSpec(width=0)
