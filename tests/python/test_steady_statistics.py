"""Running statistics survive a wild batch, and are BatchNorm's own otherwise."""

import copy

import torch
from torch import nn

from obscura_train.steady_statistics import MOST_DRIFT, MOST_GROWTH, SteadyStatistics

from test_training import make_trainer, options


def test_usual_batches_are_left_alone():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4).train()
    plain, steady = copy.deepcopy(norm), SteadyStatistics(norm)
    for _ in range(50):
        batch = 0.3 + 1.4 * torch.randn(16, 4, 5, 5)
        norm(batch), plain(batch)
        steady.settle()
    assert torch.equal(norm.running_mean, plain.running_mean) and torch.equal(norm.running_var, plain.running_var)


def test_wild_channels_are_held_and_the_others_are_not():
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4).train()
    steady = SteadyStatistics(norm)
    batch = torch.randn(16, 4, 5, 5)
    batch[0, 1, 0, 0] = torch.inf
    batch[0, 2, 0, 0] = 1e6
    norm(batch)
    steady.settle()
    assert norm.running_mean[1] == 0 and norm.running_var[1] == 1
    assert norm.running_mean[2] == MOST_DRIFT and norm.running_var[2] == MOST_GROWTH
    assert 0 < norm.running_mean[[0, 3]].abs().min() < 0.1 and (norm.running_var[[0, 3]] - 1).abs().max() < 0.1
    norm(torch.randn(16, 4, 5, 5))
    steady.settle()
    assert torch.isfinite(norm.running_var).all() and norm.running_var[1] != 1, "a channel that was held goes on"


def test_a_step_that_overflows_leaves_a_network_that_trains_on(coloured_images, tmp_path):
    """A deep network's running variances became infinite in one step of an epoch, and stayed so: with batch statistics
    it trained on, but every image overflowed in evaluation, and no rms(v) could be measured any more."""
    trainer = make_trainer(coloured_images, tmp_path, options(epochs=3, frozen_epochs=0))
    step, calls = trainer._step, []

    def once_wild(forward, chosen, generator):
        calls.append(len(calls))
        if calls[-1] != 3:
            return step(forward, chosen, generator)
        trainer.control.clamp *= 1e30  # as an rms(v) did that was measured too large
        result = step(lambda pixels: forward(pixels * 1e20), chosen, generator)
        trainer.control.clamp /= 1e30
        return result

    trainer._step = once_wild
    trainer.run()
    assert len(calls) == 15, "the wild step lies within the run"
    for network in (trainer.network, trainer.average.network):
        assert all(torch.isfinite(buffer).all() for buffer in network.buffers())
    assert trainer.history[-1]["accuracy"] > 50
