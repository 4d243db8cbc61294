"""Images moved as idle slots have them."""

import numpy as np
import pytest
import torch

from obscura_train.data.idle_moves import IdleMoves
from obscura_train.layers import idle_moves
from obscura_train.networks import NetworkSpec, build


def test_a_raster_move_by_a_row_is_a_roll_of_rows():
    planes, raster = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5), IdleMoves(1, 2)
    np.testing.assert_array_equal(raster.apply(planes, np.array([5, 10])), np.stack([np.roll(planes[0], 1, axis=1), np.roll(planes[1], 2, axis=1)]))
    assert raster.apply(planes, np.array([1, 0]))[0, 0, 1, 0] == planes[0, 0, 0, 4]


def test_a_move_follows_the_padding_around():
    planes = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    moved = IdleMoves(2, 1).apply(planes, np.array([1]))[0, 0]
    np.testing.assert_array_equal(moved[:, 1:], planes[0, 0, :, :3])
    np.testing.assert_array_equal(moved[:, 0], np.roll(planes[0, 0, :, 3], 2))


def test_moves_reach_as_far_as_the_strides():
    """Three strides were once taken for two, and images moved by four rows spoiled batches that had been called safe."""
    assert IdleMoves(4, 2).pixels(32) == (1, 2, 3)
    assert IdleMoves(1, 2).pixels(32) == (1, 2, 3, 32, 33, 34, 35, 64, 65, 66, 67, 96, 97, 98, 99)
    assert len(IdleMoves(2, 3).pixels(32)) == 31 and 64 in IdleMoves(2, 3).pixels(32)
    assert IdleMoves(4, 0).pixels(32) == ()


def test_drawn_moves_are_all_of_them_and_no_other():
    planes, moves = np.zeros((400, 1, 8, 8), np.uint8), IdleMoves(2, 2)
    assert set(moves.draw(planes, np.random.default_rng(0))) == set(moves.pixels(8))
    assert set(IdleMoves(2, 0).draw(planes, np.random.default_rng(0))) == {0}


@pytest.mark.parametrize("name, strides", [("resnet34-slim", 3), ("vgg11", 4)])
@torch.no_grad()
def test_other_moves_change_no_score(name, strides):
    """What `pixels` leaves out is a move by whole steps of the last grid: the final mean sees the same numbers."""
    torch.manual_seed(0)
    network = build(NetworkSpec(name, 10, "relu", "twisted", 1, 1 << strides)).double().eval()
    moves = idle_moves(network)
    assert moves.strides == strides
    planes, side = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)), 1 << strides
    scores = lambda move: network(torch.from_numpy(moves.apply(planes, np.array([move]))).double())
    for same in (side, 32):  # columns, and the rows of a wrap
        torch.testing.assert_close(scores(same), scores(0))
    assert not torch.allclose(scores(1), scores(0))


def test_a_dense_network_leaves_no_slot_idle():
    assert idle_moves(build(NetworkSpec("resnet20", 10, "hermite", "raster", dense=True))).pixels(32) == ()
