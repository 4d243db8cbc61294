"""The range penalty pulls wherever a value is, and the clamp stays around the values that it is for."""

import pytest
import torch

from obscura_train.activations import make_activation
from obscura_train.networks import NetworkSpec, build
from obscura_train.range_control import PENALTY_CAP, RangeControl

from conftest import SIDE
from test_training import make_trainer, options


def test_penalty_is_the_square_then_a_line():
    """It once ended at the cap.  A layer that was beyond it for all images had nothing to bring it back."""
    control = RangeControl(build(NetworkSpec(classes=3)), limit=4.0, clamp=7.0)
    peaks = torch.tensor([[3.0, 6.0, 4.0 + 2 * PENALTY_CAP, torch.inf]], requires_grad=True)
    values = torch.stack([control.penalty(peaks[:, [i]]) for i in range(3)])
    assert values.tolist() == [0, 4, 3 * PENALTY_CAP**2]
    total = control.penalty(peaks)
    total.backward()
    assert torch.isfinite(total)
    assert (4 * peaks.grad).tolist() == [[0, 4, 2 * PENALTY_CAP, 0]]  # an overflow has no direction


@pytest.mark.parametrize("kind", ["hermite", "quadratic"])
def test_values_stay_within_the_clamp_while_statistics_move(kind):
    """The shift of v = z + shift follows the running statistics.  Beside an rms(v) measured before, a channel's whole
    distribution could come to lie outside of the clamp and be cut to one value, which moved the statistics further."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(make_activation(kind, 4)).train()
    activation, control = network[0], RangeControl(network, limit=4.5, clamp=7.0)
    control.clamping = True
    control.follow()
    for mean in torch.linspace(0, 40, 200):
        z = mean + 0.3 * torch.randn(64, 4, SIDE, SIDE)
        cut = control.watch(activation, z)
        assert cut.std((0, 2, 3)).min() > 0.25, f"cut to a constant at mean {mean:.1f}"
        activation(z)
        control.take_peaks()


def test_training_follows_the_statistics_until_they_are_frozen(coloured_images, tmp_path):
    trainer = make_trainer(coloured_images, tmp_path, options())
    step, measured = trainer._step, {}

    def watched(*arguments):
        measured[trainer.epoch] = [reference is not None for reference in trainer.control.reference]
        return step(*arguments)

    trainer._step = watched
    trainer.run()
    assert [any(measured[epoch]) for epoch in range(4)] == [False, False, True, True]
    assert all(measured[3])
