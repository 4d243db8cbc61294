"""The compiled training form computes what the plain modules compute: values, gradients, statistics, whole runs."""

import copy
import shutil

import numpy as np
import pytest
import torch

from obscura_train.fast import FastResNet
from obscura_train.networks import NetworkSpec, build
from obscura_train.networks.resnet import SHAPES, ResNetShape
from obscura_train.range_control import RangeControl

pytestmark = pytest.mark.skipif(not (shutil.which("g++") and shutil.which("ninja")), reason="needs g++ and ninja")

SIDE = 16


@pytest.fixture(params=[((16, 32), "raster"), ((12, 20), "raster"), ((16, 32), "twisted")], ids=["whole vectors", "rests", "twisted"])
def network(request, monkeypatch):
    monkeypatch.setitem(SHAPES, "resnet20", ResNetShape((2, 1), request.param[0]))
    torch.manual_seed(3)
    network = build(NetworkSpec(classes=5, padding=request.param[1]))
    for _ in range(10):
        network(torch.randint(0, 256, (16, 3, SIDE, SIDE)).float())
    return network


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_values_gradients_and_statistics_agree(network, training):
    plain, fast = network, copy.deepcopy(network)
    pixels, results = torch.randint(0, 256, (6, 3, SIDE, SIDE)).float(), []
    for form, is_fast in ((plain, False), (fast, True)):
        form.train(training)
        control = RangeControl(form, limit=1.5, clamp=2.5)
        control.clamping = True
        logits, peaks = (FastResNet(form, control) if is_fast else form)(pixels), control.take_peaks()
        (logits.square().sum() + control.penalty(peaks)).backward()
        results.append((logits, peaks))
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    for (name, a), b in zip(plain.named_parameters(), fast.parameters()):
        assert (a.grad - b.grad).norm() <= 1e-3 * a.grad.norm() + 1e-3, name
    for (name, a), b in zip(plain.named_buffers(), fast.buffers()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)


def test_an_overflowing_image_shows(network):
    network.eval()
    control = RangeControl(network)
    with torch.no_grad():
        network.blocks[0].conv1.weight *= 1e30
        FastResNet(network, control)(torch.randint(0, 256, (2, 3, SIDE, SIDE)).float())
    assert torch.isinf(control.take_peaks().amax(0)).all()


def test_runs_resume_exactly_and_learn(coloured_images, tmp_path):
    from test_training import make_trainer, options, resumed
    settings = options(epochs=3, frozen_epochs=2, compiled=True)
    whole = make_trainer(coloured_images, tmp_path / "whole", settings)
    whole.run()
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]
    assert resumed(coloured_images, tmp_path / "parts", settings, 2).history == whole.history
