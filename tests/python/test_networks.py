"""Padding, activations, folding and ONNX: every form of a network computes the same."""

import numpy as np
from onnx.reference import ReferenceEvaluator
import pytest
import torch

from obscura_train.activations import make_activation
from obscura_train.convert import dilated_blocks, make_dense, with_padding
from obscura_train.errors import UserError
from obscura_train.export import export_onnx
from obscura_train.folded import BoundedSquare, FoldedResNet
from obscura_train.layers import Conv
from obscura_train.networks import NetworkSpec, build
from obscura_train.padding import cyclic_pad
from obscura_train.range_control import RangeControl
from obscura_train.statistics import fit_statistics

from conftest import trained_like

SIDE = 16


@pytest.mark.parametrize("wrap", [1, 2, 4])
@pytest.mark.parametrize("reach", [1, 3])
def test_cyclic_pad_wraps_to_the_start_of_a_lower_row(wrap, reach):
    height, width = 4, 5
    pixels = torch.arange(height * width, dtype=torch.float32).view(1, 1, height, width)
    padded = cyclic_pad(pixels, wrap, reach)
    assert padded.shape == (1, 1, height + 2 * reach, width + 2 * reach)
    for y in range(-reach, height + reach):
        for x in range(-reach, width + reach):
            row = (y + wrap * (x // width)) % height
            assert padded[0, 0, y + reach, x + reach] == row * width + x % width


@pytest.mark.parametrize("reach", [1, 2])
def test_cyclic_pad_gradient(reach):
    x = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cyclic_pad(x, 2, reach), x)


def test_twisted_padding_wraps_by_half_as_many_rows_after_a_stride():
    network = build(NetworkSpec("resnet34-slim", padding="twisted"))
    assert [conv.wrap for conv in (network.stem, network.blocks[3].conv1, network.blocks[3].conv2, network.blocks[7].conv2, network.blocks[15].conv2)] == [4, 4, 2, 1, 1]
    with pytest.raises(UserError, match="twist of 3 rows"):
        NetworkSpec(padding="twisted", twist=3)


def test_weights_stay_under_another_padding():
    old = trained_like(NetworkSpec(classes=5, padding="raster"))
    spec, new = with_padding(NetworkSpec(classes=5, padding="raster"), old, "twisted", 2)
    assert (spec.padding, spec.twist, new.stem.wrap) == ("twisted", 2, 2)
    for name, value in old.state_dict().items():
        torch.testing.assert_close(new.state_dict()[name], value)


def moved_right(pixels, columns: int, wrap: int):
    """[N, C, H, W] around a torus whose rows go on `wrap` rows lower."""
    return torch.cat((pixels[..., -columns:].roll(wrap, 2), pixels[..., :-columns]), 3) if columns else pixels


def test_twisted_padding_lets_images_move_by_cells():
    """The scores do not change when an image moves by a cell's width around the twisted torus: cells trade places."""
    network = trained_like(NetworkSpec(classes=5, padding="twisted"))
    pixels = torch.randint(0, 256, (2, 3, SIDE, SIDE)).float()
    cell = network.stem.wrap
    with torch.no_grad():
        torch.testing.assert_close(network(moved_right(pixels, cell, cell)), network(pixels), rtol=1e-4, atol=1e-4)


def test_a_dense_network_is_the_mean_over_all_shifts():
    """Under twisted padding exactly: its one stride makes four networks of it, by even and odd rows and columns."""
    spec = NetworkSpec(classes=5, padding="twisted")
    network = trained_like(spec)
    dense_spec, dense = make_dense(spec, network)
    assert dense_spec.dense and [conv.stride for conv in dense.modules() if isinstance(conv, Conv)] == [1] * 6
    pixels = torch.randint(0, 256, (3, 3, SIDE, SIDE)).float()
    shifts = [moved_right(pixels.roll(down, 2), right, network.stem.wrap) for down in (0, 1) for right in (0, 1)]
    with torch.no_grad():
        expected = sum(network(shift) for shift in shifts) / 4
        torch.testing.assert_close(dense(pixels), expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(network(pixels), expected, rtol=1e-3, atol=1e-3)


def test_only_residual_networks_become_dense_and_only_once():
    with pytest.raises(UserError, match="vgg11 has no dense form"):
        make_dense(NetworkSpec("vgg11"), None)
    with pytest.raises(UserError, match="dense already"):
        make_dense(NetworkSpec(dense=True), None)


def test_statistics_of_other_parts_stay():
    """A bundled network lost its range by statistics of 2,560 images that took the place of all of training's."""
    _, network = make_dense(NetworkSpec(classes=5), trained_like(NetworkSpec(classes=5)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert dilated_blocks(network) == [network.blocks[1]]
    fit_statistics(network, np.random.default_rng(4).integers(0, 99, (64, 3, SIDE, SIDE)).astype(np.uint8), dilated_blocks(network))
    for name, value in network.state_dict().items():
        taken = name.startswith("blocks.1.") and ("running" in name or "tracked" in name)
        assert torch.equal(value, before[name]) != taken, name


def test_statistics_are_those_of_the_images_given():
    network = trained_like(NetworkSpec(classes=5))
    planes = np.random.default_rng(4).integers(0, 256, (256, 3, SIDE, SIDE)).astype(np.uint8)
    for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.fill_(7)
    fit_statistics(network, planes)
    assert not network.training and network.stem_act.linear_norm.momentum == 0.1
    with torch.no_grad():
        z = network.stem(network.pixels(torch.from_numpy(planes).float()))
    torch.testing.assert_close(network.stem_act.linear_norm.running_mean, z.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.stem_act.linear_norm.running_var, z.var((0, 2, 3)), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("kind", ["hermite", "quadratic"])
def test_evaluation_is_the_training_curve_by_running_statistics(kind):
    torch.manual_seed(0)
    activation, z = make_activation(kind, 3), 2 * torch.randn(64, 3, 8, 8) + 0.5
    for _ in range(200):
        expected = activation(z)
    torch.testing.assert_close(activation.eval()(z), expected, rtol=1e-2, atol=1e-2)
    a, shift, k = (t.view(1, -1, 1, 1) for t in activation.completed_square())
    torch.testing.assert_close(a * (z + shift) ** 2 + k, activation(z))


def test_bounded_square_clamps_and_sends_the_peak_gradient_to_the_largest_value():
    v = torch.tensor([[[[1.0, -6.0]]], [[[2.0, 3.0]]]], requires_grad=True)
    square, peak = BoundedSquare.apply(v, torch.tensor([1.0]), 4.0, 5.0)
    assert square.flatten().tolist() == [1, 25, 4, 9] and peak.tolist() == [6, 3]
    (square.sum() + 10 * peak.sum()).backward()
    assert v.grad.flatten().tolist() == [2, -10, 4, 6]  # the peak within the limit passes nothing


@pytest.mark.parametrize("activation, dense, linear", [("hermite", False, ()), ("quadratic", False, ()), ("hermite", True, ()), ("hermite", False, ("stem", "0", "1")), ("hermite", False, ("0",))])
def test_folded_form_agrees_in_value_and_gradient(activation, dense, linear):
    network = trained_like(NetworkSpec(classes=5, activation=activation, dense=dense, linear=linear))
    control = RangeControl(network, limit=1.5, clamp=2.5)
    control.clamping = True
    pixels = torch.randint(0, 256, (6, 3, SIDE, SIDE)).float()
    results = []
    for form in (network, FoldedResNet(network, control)):
        network.zero_grad()
        logits, peaks = form(pixels), control.take_peaks()
        (logits.square().sum() + control.penalty(peaks)).backward()
        results.append((logits, peaks, [parameter.grad.clone() for parameter in network.parameters()]))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-4)
    for plain, folded in zip(results[0][2], results[1][2]):
        assert (plain - folded).norm() <= 1e-2 * plain.norm() + 1e-4


@pytest.mark.parametrize("spec", [NetworkSpec(classes=5), NetworkSpec(classes=5, activation="quadratic", padding="zeros"),
                                  NetworkSpec(classes=5, activation="relu"), NetworkSpec("vgg11", classes=5), NetworkSpec(classes=5, padding="twisted"), NetworkSpec(classes=5, dense=True),
                                  NetworkSpec(classes=5, padding="twisted", dense=True), NetworkSpec(classes=5, padding="zeros", dense=True),
                                  NetworkSpec(classes=5, padding="twisted", linear=("stem", "1"))], ids=str)
def test_onnx_agrees(spec, tmp_path):
    network = trained_like(spec)
    model = export_onnx(tmp_path / "net.onnx", spec, [network], SIDE, ("a", "b"))
    pixels = np.random.default_rng(5).integers(0, 256, (3, 3, SIDE, SIDE)).astype(np.float32)
    exported = ReferenceEvaluator(model).run(["logits"], {"image": pixels})[0]
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(exported, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_ensemble_is_the_mean(tmp_path):
    spec = NetworkSpec(classes=4)
    members = [trained_like(spec), build(spec).eval()]
    model = export_onnx(tmp_path / "both.onnx", spec, members, SIDE)  # raises unless it is the mean of the logits
    assert sum(node.op_type == "Gemm" for node in model.graph.node) == 2


def test_names_of_networks_are_checked():
    with pytest.raises(UserError, match="resnet21.*known.*resnet20"):
        NetworkSpec("resnet21")
