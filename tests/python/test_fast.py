"""The compiled training form computes what the plain modules compute: values, gradients, statistics, whole runs."""

import copy
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from obscura_train.activations import NormReLU
from obscura_train.fast import FastResNet
from obscura_train.fast.functions import Wave, combine, convolve, make_bounds, no_bounds
from obscura_train.networks import NetworkSpec, build
from obscura_train.networks.resnet import SHAPES, ResNetShape
from obscura_train.padding import cyclic_pad
from obscura_train.range_control import RangeControl

pytestmark = pytest.mark.skipif(not (shutil.which("g++") and shutil.which("ninja")), reason="needs g++ and ninja")

SIDE = 16


def small_network(monkeypatch, channels, padding, activation="hermite", linear=()):
    """Two stages, with running statistics of a few batches."""
    monkeypatch.setitem(SHAPES, "resnet20", ResNetShape((2, 1), channels))
    torch.manual_seed(3)
    network = build(NetworkSpec(classes=5, padding=padding, activation=activation, linear=linear))
    for _ in range(10):
        network(torch.randint(0, 256, (16, 3, SIDE, SIDE)).float())
    return network


@pytest.fixture(params=[((16, 32), "raster"), ((8, 24), "raster"), ((16, 32), "twisted")], ids=["whole vectors", "rests", "twisted"])
def network(request, monkeypatch):
    return small_network(monkeypatch, *request.param)


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_values_gradients_and_statistics_agree(network, training):
    compare(network, training)


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_left_out_activations_agree(monkeypatch, training):
    compare(small_network(monkeypatch, (16, 32), "twisted", linear=("stem", "0", "2")), training)


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_relu_agrees(monkeypatch, training):
    """Lines that rise and lines that fall, cut where they meet zero."""
    network = small_network(monkeypatch, (16, 32), "twisted", "relu")
    norms = [module.norm for module in network.modules() if isinstance(module, NormReLU)]
    with torch.no_grad():
        for norm in norms:
            norm.weight.copy_(torch.randn_like(norm.weight))
            norm.bias.copy_(torch.randn_like(norm.bias))
    compare(network, training)


def compare(network, training):
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


def test_threads_change_nothing():
    torch.manual_seed(5)
    z, skip = (torch.randn(7, 16, 6, 6).contiguous(memory_format=torch.channels_last).requires_grad_() for _ in range(2))
    weight, coefficients = torch.randn(16, 16, 3, 3, requires_grad=True), torch.randn(3, 16, requires_grad=True)
    bounds = make_bounds(torch.randn(16), torch.rand(16) + 0.5, 2.0)
    results, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        inner, peak, moments = convolve(Wave(z, coefficients, bounds), weight, bounds, 2)
        v, second_peak, second_moments = combine(Wave(inner, coefficients, bounds), Wave(skip, coefficients, bounds), bounds)
        outputs = (v, peak, moments, second_peak, second_moments)
        results.append([*outputs, *torch.autograd.grad(sum(output.square().sum() for output in outputs), (z, skip, weight, coefficients))])
    torch.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert torch.equal(a, b)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size, rows, columns, wrap", [(3, 3, 3, 1), (3, 4, 6, 3), (3, 6, 4, 0), (3, 5, 8, 2), (1, 3, 4, 0)])
def test_convolutions_of_odd_shapes_agree(size, rows, columns, wrap, stride):
    """Fewer pixels than a block of sums, rests of channels, any wrap; a stride meets borders of both parities."""
    torch.manual_seed(4)
    x = torch.randn(3, 8, rows, columns, requires_grad=True)
    weight = torch.randn(24, 8, size, size, requires_grad=True)
    padded = cyclic_pad(x, wrap) if size == 3 else x
    wanted = F.conv2d(padded, weight, stride=stride)
    direction = torch.randn_like(wanted)
    by_torch = torch.autograd.grad(wanted, (x, weight), direction)
    identity = torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, 8).contiguous()
    given = Wave(x.contiguous(memory_format=torch.channels_last), identity, no_bounds(8))
    values, peak, moments = convolve(given, weight, no_bounds(24), wrap, stride)
    torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(peak, wanted.abs().amax((1, 2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moments, torch.stack([wanted.pow(k).mean((0, 2, 3)) for k in (1, 2, 4)]), rtol=1e-3, atol=1e-3)
    for a, b in zip(torch.autograd.grad(values, (x, weight), direction), by_torch):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_kernels_refuse_what_does_not_fit():
    wave = Wave(torch.zeros(1, 8, 4, 4).contiguous(memory_format=torch.channels_last), torch.zeros(3, 8), no_bounds(8))
    with pytest.raises(RuntimeError, match="channels in multiples of 8, not 12"):
        convolve(wave, torch.zeros(12, 8, 3, 3), no_bounds(12), 1)
    with pytest.raises(RuntimeError, match="weight: need float32"):
        convolve(wave, torch.zeros(8, 16, 3, 3), no_bounds(8), 1)
    with pytest.raises(RuntimeError, match="bounds: need float32"):
        convolve(wave, torch.zeros(16, 8, 3, 3), no_bounds(8), 1)
    with pytest.raises(RuntimeError, match="cannot add"):
        combine(wave, Wave(torch.zeros(1, 8, 2, 2).contiguous(memory_format=torch.channels_last), torch.zeros(3, 8), no_bounds(8)), no_bounds(8))


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
