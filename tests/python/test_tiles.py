"""Products of bfloat16 in matrix tiles give what float32 gives, up to rounding."""

import shutil

import pytest
import torch
import torch.nn.functional as F

from obscura_train.errors import UserError
from obscura_train.fast import kernels
from obscura_train.fast.functions import Wave, convolve, make_bounds, no_bounds
from obscura_train.networks.resnet import SHAPES, ResNetShape
from obscura_train.padding import cyclic_pad

ROUNDING = 0.01  # of a whole tensor: twice 2^-9 and some more


@pytest.fixture(autouse=True)
def tiles():
    if not (shutil.which("g++") and shutil.which("ninja")):
        pytest.skip("needs g++ and ninja")
    if not kernels().tiles_available():
        pytest.skip("needs a processor with matrix tiles (AMX)")


def assert_alike(got, wanted):
    assert (got - wanted).norm() <= ROUNDING * wanted.norm()


def images(count, channels, rows, columns):
    return torch.randn(count, channels, rows, columns).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("inputs, outputs", [(16, 16), (16, 48), (48, 32)])
@pytest.mark.parametrize("size, rows, columns, wrap", [(3, 3, 3, 1), (3, 6, 4, 0), (3, 5, 8, 2), (3, 4, 32, 3), (3, 12, 24, 5), (1, 3, 4, 0), (1, 2, 16, 0)])
def test_a_convolution_and_its_gradients(size, rows, columns, wrap, inputs, outputs, stride):
    torch.manual_seed(6)
    x, weight = images(6, inputs, rows, columns).requires_grad_(), torch.randn(outputs, inputs, size, size, requires_grad=True)
    wanted = F.conv2d(cyclic_pad(x, wrap) if size == 3 else x, weight, stride=stride)
    identity = torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, inputs).contiguous()
    values, _, moments = convolve(Wave(x, identity, no_bounds(inputs)), weight, no_bounds(outputs), wrap, stride, in_tiles=True)
    assert_alike(values, wanted)
    torch.testing.assert_close(moments[1], values.square().mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    direction = torch.randn_like(wanted)
    for got, exact in zip(torch.autograd.grad(values, (x, weight), direction), torch.autograd.grad(wanted, (x, weight), direction)):
        assert_alike(got, exact)


def test_the_first_layer_has_three_channels():
    torch.manual_seed(7)
    x, weight = images(5, 3, 8, 16), torch.randn(16, 3, 3, 3, requires_grad=True)
    identity = torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, 3).contiguous()
    results = [convolve(Wave(x, identity, no_bounds(3)), weight, no_bounds(16), 2, 1, in_tiles)[0] for in_tiles in (False, True)]
    assert_alike(results[1], results[0])
    direction = torch.randn_like(results[0])
    exact, got = (torch.autograd.grad(values, weight, direction)[0] for values in results)
    assert_alike(got, exact)
    assert not torch.equal(got, exact)


def test_threads_change_nothing():
    torch.manual_seed(8)
    z, weight, coefficients = images(7, 16, 6, 6).requires_grad_(), torch.randn(32, 16, 3, 3, requires_grad=True), torch.randn(3, 16, requires_grad=True)
    bounds, out_bounds = (make_bounds(torch.randn(channels), torch.rand(channels) + 0.5, 2.0) for channels in (16, 32))
    results, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        outputs = convolve(Wave(z, coefficients, bounds), weight, out_bounds, 2, in_tiles=True)
        results.append([*outputs, *torch.autograd.grad(sum(output.square().sum() for output in outputs), (z, weight, coefficients))])
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


def test_what_overflows_shows():
    x = images(1, 16, 4, 16) * 1e38
    identity = torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, 16).contiguous()
    values, peak, _ = convolve(Wave(x, identity, no_bounds(16)), torch.full((16, 16, 3, 3), 1e3), no_bounds(16), in_tiles=True)
    assert torch.isinf(peak).all() and not torch.isfinite(values).all()


def test_a_run_in_bfloat16_learns_and_is_judged_in_float32(coloured_images, tmp_path, monkeypatch):
    from test_training import make_trainer, options
    monkeypatch.setitem(SHAPES, "resnet20", ResNetShape((1, 1), (16, 32)))  # narrower ones do not fill tiles
    histories = []
    for precision in ("float32", "bfloat16"):
        trainer = make_trainer(coloured_images, tmp_path / precision, options(epochs=3, frozen_epochs=1, compiled=True, precision=precision))
        trainer.run()
        histories.append([row["loss"] for row in trainer.history])
    exact, rounded = histories
    assert rounded[-1] < rounded[0] and rounded != exact
    assert rounded == pytest.approx(exact, rel=0.1)
    with pytest.raises(UserError, match="for --compiled kernels"):
        options(precision="bfloat16")
