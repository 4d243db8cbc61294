"""Images, and maps, moved as idle slots have them."""

import numpy as np
import pytest
import torch

from obscura_train.data.idle_moves import IdleMoves
from obscura_train.evaluation import calibrated_control
from obscura_train.fast import FastResNet
from obscura_train.folded import FoldedResNet
from obscura_train.layers import idle_moves
from obscura_train.networks import NetworkSpec, build
from obscura_train.networks.resnet import SHAPES, ResNetShape
from obscura_train.padding import turn


def test_a_raster_move_by_a_row_is_a_roll_of_rows():
    planes, raster = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5), IdleMoves(1, 2)
    np.testing.assert_array_equal(raster.apply(planes, np.array([[5, 0], [10, 0]])), np.stack([np.roll(planes[0], -1, axis=1), np.roll(planes[1], -2, axis=1)]))
    assert raster.apply(planes, np.array([[1, 0], [0, 0]]))[0, 0, 0, 4] == planes[0, 0, 1, 0]


def test_a_move_follows_the_padding_around():
    planes = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    moved = IdleMoves(2, 1).apply(planes, np.array([[1]]))[0, 0]
    np.testing.assert_array_equal(moved[:, :3], planes[0, 0, :, 1:])
    np.testing.assert_array_equal(moved[:, 3], np.roll(planes[0, 0, :, 0], -2))


def test_moves_reach_as_far_as_the_strides():
    """Three strides were once taken for two, and an image that was safe as it was, and not in idle slots, spoiled a batch."""
    assert IdleMoves(4, 2).all(32) == [(1,), (2,), (3,)]
    assert IdleMoves(4, 0).all(32) == []
    slim = IdleMoves(2, 3)
    assert slim.turned == 1 and len(slim.all(32)) == 31
    assert {move[0] for move in slim.all(32)} == {0, 1, 2, 3, 32, 33, 34, 35} and {move[1] for move in slim.all(32)} == {0, 1, 2, 3}
    raster = IdleMoves(1, 2)
    assert raster.turned == 1 and {move[0] for move in raster.all(32)} == {0, 1, 32, 33}


def test_drawn_moves_are_all_of_them_and_no_other():
    planes, moves = np.zeros((400, 1, 8, 8), np.uint8), IdleMoves(1, 2)
    assert {tuple(move) for move in moves.draw(planes, np.random.default_rng(0))} == set(moves.all(8))
    assert not IdleMoves(2, 0).draw(planes, np.random.default_rng(0)).any()


@pytest.mark.parametrize("name, strides", [("resnet34-slim", 3), ("vgg11", 4)])
@torch.no_grad()
def test_other_moves_change_no_score(name, strides):
    """What `all` leaves out is a move by whole steps of the last grid: the final mean sees the same numbers."""
    torch.manual_seed(0)
    network = build(NetworkSpec(name, 10, "relu", "twisted", 1, 1 << strides)).double().eval()
    moves = idle_moves(network)
    assert (moves.strides, moves.turned) == (strides, 0)
    planes, side = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)), 1 << strides
    scores = lambda move: network(torch.from_numpy(moves.apply(planes, np.array([[move]]))).double())
    for same in (side, 32):  # columns, and the rows of a wrap
        torch.testing.assert_close(scores(same), scores(0))
    assert not torch.allclose(scores(1), scores(0))


@torch.no_grad()
def test_a_turn_is_a_move_of_the_image_while_padding_wraps_alike():
    """One pixel of the grid of 16 is two of the grid of 32, where a wrap of two rows has become one."""
    torch.manual_seed(0)
    network = build(NetworkSpec("resnet34-slim", 10, "relu", "twisted", 1, 2)).double().eval()
    planes = np.random.default_rng(1).integers(0, 256, (2, 3, 32, 32))
    moved = IdleMoves(2, 3).apply(planes, np.array([[2, 0], [6, 0]]))
    turned = network(torch.from_numpy(planes).double(), torch.tensor([[1, 0], [3, 0]]))
    torch.testing.assert_close(turned, network(torch.from_numpy(moved).double()))
    deeper = network(torch.from_numpy(planes).double(), torch.tensor([[0, 1], [0, 1]]))
    assert not torch.allclose(deeper, network(torch.from_numpy(IdleMoves(2, 3).apply(planes, np.array([[4, 0], [4, 0]]))).double()), rtol=1e-6)


@torch.no_grad()
def test_all_forms_of_a_network_turn_alike(monkeypatch, coloured_images):
    monkeypatch.setitem(SHAPES, "resnet20", ResNetShape((1, 1, 1), (4, 4, 8)))
    torch.manual_seed(0)
    network = build(NetworkSpec("resnet20", 3, "hermite", "raster")).eval()
    planes = coloured_images.planes()
    control = calibrated_control(network, planes)
    pixels, turns = torch.from_numpy(planes[:6]).float(), torch.tensor([[0], [1], [2], [3], [1], [0]])
    wanted = network(pixels, turns)
    assert not torch.allclose(wanted, network(pixels), rtol=1e-3)
    forms = [FoldedResNet(network, control)] + ([FastResNet(network, control)] if FastResNet.supports(network) else [])
    for form in forms:
        torch.testing.assert_close(form(pixels, turns), wanted, rtol=1e-3, atol=1e-4)


def test_turned_pixels_come_from_further_on():
    x = torch.arange(12.0).view(1, 1, 3, 4).expand(2, 2, 3, 4)
    turned = turn(x, torch.tensor([0, 5]))
    torch.testing.assert_close(turned[0], x[0])
    assert turned[1, 1, 0, 0] == 5 and turned[1, 0, 2, 3] == 4


def test_a_dense_network_leaves_no_slot_idle():
    assert idle_moves(build(NetworkSpec("resnet20", 10, "hermite", "raster", dense=True))).all(32) == []
