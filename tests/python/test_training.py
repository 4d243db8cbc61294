"""Runs: they learn, resume exactly, keep their range, and end in files that other commands read."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from obscura_train.cli import main
from obscura_train.checkpoint import load_network, read_checkpoint
from obscura_train.data import split_validation, write_mosaic
from obscura_train.errors import UserError
from obscura_train.networks import NetworkSpec, build
from obscura_train.options import TrainOptions
from obscura_train.schedule import rate_factor
from obscura_train.trainer import Trainer

from conftest import SIDE


def options(**changes) -> TrainOptions:
    return TrainOptions(**{"epochs": 2, "frozen_epochs": 2, "batch": 20, "validation": 20, "side": SIDE, "stress": 3, "ema": 0.8, "threads": 1} | changes)


def make_trainer(images, folder, settings, spec=NetworkSpec(classes=3)) -> Trainer:
    torch.manual_seed(settings.seed)
    return Trainer(spec, build(spec), *split_validation(images, settings.validation), settings, folder)


@pytest.mark.parametrize("spec", [NetworkSpec(classes=3), NetworkSpec(classes=3, activation="quadratic", padding="zeros"), NetworkSpec(classes=3, activation="relu")], ids=str)
def test_training_lowers_the_loss(coloured_images, tmp_path, spec):
    trainer = make_trainer(coloured_images, tmp_path, options(epochs=10), spec)
    trainer.run()
    assert trainer.history[-1]["loss"] < 0.9 * trainer.history[0]["loss"]
    assert trainer.history[-1]["phase"] == "frozen" and trainer.history[-1]["accuracy"] > 60
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 12
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")


def resumed(images, folder, settings, stop):
    """The trainer of a run that was interrupted after `stop` epochs and has then gone on to its end."""
    first = make_trainer(images, folder, settings)
    save = first._save

    def save_and_stop():
        save()
        if first.epoch == stop:
            raise KeyboardInterrupt

    first._save = save_and_stop
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = make_trainer(images, folder, settings)
    second.resume(folder / "last.pt")
    second.run()
    return second


def test_resume_is_exact(coloured_images, tmp_path):
    settings = options(noise=0.01)
    whole = make_trainer(coloured_images, tmp_path / "whole", settings)
    whole.run()
    for stop in (1, 2, 3):
        second = resumed(coloured_images, tmp_path / str(stop), settings, stop)
        assert second.history == whole.history
        for name, value in whole.average.network.state_dict().items():
            assert torch.equal(value, second.average.network.state_dict()[name]), (stop, name)


def test_crops_are_for_the_first_epochs(coloured_images, tmp_path, monkeypatch):
    """Smaller images while rates are high, whole ones before and while statistics are frozen."""
    padded = np.pad(coloured_images.images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    trainer = make_trainer(replace(coloured_images, images=padded), tmp_path, options(side=16, crop=8, crop_epochs=1))
    sides, step = [], trainer._step
    def watched(forward, chosen, generator):
        def seen(pixels):
            sides.append((trainer.epoch, *pixels.shape[2:]))
            return forward(pixels)
        return step(seen, chosen, generator)
    monkeypatch.setattr(trainer, "_step", watched)
    trainer.run()
    assert set(sides) == {(0, 8, 8), (1, 16, 16), (2, 16, 16), (3, 16, 16)}


def test_resume_with_other_options_is_refused(coloured_images, tmp_path):
    make_trainer(coloured_images, tmp_path, options(epochs=1, frozen_epochs=0)).run()
    with pytest.raises(UserError, match="batch: 20 -> 10"):
        make_trainer(coloured_images, tmp_path, options(epochs=1, frozen_epochs=0, batch=10)).resume(tmp_path / "last.pt")


def test_options_are_checked():
    for changes, message in (({"clamp": 1.0}, "beyond --limit"), ({"epochs": 0, "frozen_epochs": 0}, "nothing to do"),
                             ({"crop": SIDE, "crop_epochs": 1}, "crops from 8 to 7"), ({"side": 32, "crop": 24, "crop_epochs": 3}, "at most the 2 epochs"),
                             ({"batch": 0}, "--batch is 0"), ({"schedule": "steps"}, "unknown schedule"), ({"ema": 1.0}, "ema 1.0")):
        with pytest.raises(UserError, match=message):
            options(**changes)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
def test_schedules_stay_between_zero_and_the_peak(schedule):
    factors = [rate_factor(schedule, step, 1000) for step in range(1000)]
    assert 0 < min(factors) and max(factors) <= 1
    assert schedule == "constant" or factors[-1] < 0.01 and max(factors) > 0.9


def test_command_line_from_training_to_card(coloured_images, tmp_path, capsys):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    data = ["--data", str(tmp_path / "set.webp"), "--side", str(SIDE)]
    small = ["--epochs", "2", "--frozen-epochs", "1", "--batch", "20", "--validation", "20"]
    relu, quadratic = str(tmp_path / "relu"), str(tmp_path / "quadratic")
    assert main(["train", *data, *small, "--twist", "64", "--out", relu]) == 1
    assert "a twist of 64 rows" in capsys.readouterr().err
    assert main(["train", *data, *small, "--activation", "relu", "--out", relu]) == 0
    assert main(["train", *data, *small, "--activation", "relu", "--out", relu]) == 1
    assert "exists: give --resume" in capsys.readouterr().err
    for activation in ("quadratic", "hermite"):
        assert main(["convert", relu + "/best.pt", *data, *small, "--warmup-epochs", "1", "--activation", activation, "--out", quadratic + activation]) == 0
    best = quadratic + "hermite/best.pt"
    assert load_network(best)[0].activation == "hermite"
    assert main(["evaluate", best, *data, "--json", str(tmp_path / "e.json")]) == 0
    assert json.loads((tmp_path / "e.json").read_text())["images"] == 120
    assert main(["stress", best, *data, "--count", "8", "--adversarial", "4", "--card", str(tmp_path / "card.md")]) == 0
    card = (tmp_path / "card.md").read_text()
    assert "gradient-maximised" in card and "moved by 1 column" in card
    dense = str(tmp_path / "dense.pt")
    capsys.readouterr()
    assert main(["dense", best, *data, "--validation", "20", "--out", dense]) == 0
    assert "dense: accuracy" in capsys.readouterr().out and load_network(dense)[0].dense
    assert main(["stress", dense, *data, "--count", "8", "--adversarial", "0", "--card", str(tmp_path / "dense.md")]) == 0
    card = (tmp_path / "dense.md").read_text()
    assert "width 1, dense" in card and "moved by" not in card
    assert main(["export", best, quadratic + "quadratic/best.pt", "--side", str(SIDE), "--out", str(tmp_path / "both.onnx")]) == 0


def test_adversary_finds_larger_peaks(coloured_images, tmp_path):
    from obscura_train.adversary import worst_images
    from obscura_train.evaluation import calibrated_control, evaluate
    trainer = make_trainer(coloured_images, tmp_path, options())
    trainer.run()
    network, planes = trainer.average.network, coloured_images.planes()[:10]
    control = calibrated_control(network, coloured_images.planes())
    found = worst_images(network, control, planes)
    assert np.all(evaluate(network, control, found).peaks >= evaluate(network, control, planes).peaks * 0.99)
    assert evaluate(network, control, found).worst > 1.2 * evaluate(network, control, planes).worst


def test_unreadable_checkpoints(tmp_path):
    (tmp_path / "junk.pt").write_bytes(b"junk")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    for name, message in (("junk.pt", "not a readable checkpoint"), ("other.pt", "not a checkpoint of this tool"), ("none.pt", "no such checkpoint")):
        with pytest.raises(UserError, match=message):
            read_checkpoint(tmp_path / name)
