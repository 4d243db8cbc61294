"""Weights with errors as rounding makes: their size, that they go again, and training with them."""

import pytest
import torch

from obscura_train.errors import UserError
from obscura_train.evaluation import calibrated_control
from obscura_train.folded import FoldedResNet
from obscura_train.networks import NetworkSpec, build
from obscura_train.rounding_noise import RoundingNoise
from obscura_train.study import round_rows

from test_training import make_trainer, options, resumed

BITS = 6


@pytest.fixture
def noise(network, coloured_images):
    return RoundingNoise(network, calibrated_control(network, coloured_images.planes()), BITS)


def test_units_are_those_of_the_folded_weights(network, noise, coloured_images):
    """Rounded to whole units, the convolutions' weights are what rounding leaves of the folded ones."""
    folded = []

    def note(rows, means, rms):
        rounded, excess = round_rows(BITS)(rows, means, rms)
        folded.append((rows, rounded))
        return rows, excess * 0

    with torch.no_grad():
        FoldedResNet(network, noise.control, note)(torch.from_numpy(coloured_images.planes()[:2]).float())
        units = iter(noise.units())
        for rows, rounded in folded:
            for row, integer in zip(rows, rounded):
                if row.ndim == 1:  # a skip connection, which is no convolution's weight
                    continue
                weight, unit = next(units)
                ratio = row / weight
                torch.testing.assert_close((weight / unit).round() * unit * ratio, integer, rtol=1e-3, atol=1e-6)
        assert next(units, None) is None


def test_errors_are_up_to_half_a_unit_and_go_again(network, noise):
    before = [weight.detach().clone() for weight, _ in noise.units()]
    with pytest.raises(KeyboardInterrupt), noise.added():
        for value, (weight, unit) in zip(before, noise.units()):
            errors = (weight.detach() - value) / unit
            assert errors.abs().max() <= 0.5 + 1e-3
            assert errors.std() == pytest.approx(12 ** -0.5, rel=0.1)
        raise KeyboardInterrupt
    for value, (weight, _) in zip(before, noise.units()):
        assert torch.equal(value, weight)


def test_frozen_epochs_learn_with_them_and_resume_exactly(coloured_images, tmp_path):
    settings = options(epochs=1, frozen_epochs=3, weight_noise=5)
    whole = make_trainer(coloured_images, tmp_path / "whole", settings)
    whole.run()
    plain = make_trainer(coloured_images, tmp_path / "plain", options(epochs=1, frozen_epochs=3))
    plain.run()
    assert whole.history[0] == plain.history[0], "not with batch statistics"
    assert whole.history[1]["loss"] != plain.history[1]["loss"]
    assert resumed(coloured_images, tmp_path / "cut", settings, 2).history == whole.history


def test_only_for_networks_whose_weights_are_known(coloured_images):
    relu = build(NetworkSpec(classes=3, activation="relu"))
    with pytest.raises(UserError, match="residual network with quadratic"):
        RoundingNoise(relu, None, 8)
    with pytest.raises(UserError, match="1 to 16"):
        options(weight_noise=20)
