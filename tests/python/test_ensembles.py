"""Members count as much as their weights say."""

import numpy as np
import pytest
import torch

from obscura_train.ensembles import accuracy_of_mean, member_logits, spreads, weighted
from obscura_train.errors import UserError
from obscura_train.networks import NetworkSpec, build

PLANES = np.random.default_rng(8).integers(0, 256, (5, 3, 8, 8)).astype(np.uint8)


def members():
    torch.manual_seed(6)
    return [build(NetworkSpec(classes=4)).eval() for _ in range(2)]


def test_weights_scale_logits_and_leave_the_networks_alone():
    networks = members()
    plain = member_logits(networks, PLANES)
    loud = member_logits(weighted(networks, [3, 1]), PLANES)
    torch.testing.assert_close(loud, plain * torch.tensor([1.5, 0.5]).view(2, 1, 1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(member_logits(networks, PLANES), plain)
    torch.testing.assert_close(torch.tensor(spreads(loud)), torch.tensor(spreads(plain)) * torch.tensor([1.5, 0.5]), rtol=1e-4, atol=1e-6)
    assert weighted(networks, None) is networks


def test_a_loud_member_outvotes_a_quiet_one():
    logits = torch.tensor([[[0.0, 9.0]], [[1.0, 0.0]]])
    assert accuracy_of_mean(logits, np.array([1])) == 100
    assert accuracy_of_mean(logits * torch.tensor([0.1, 1.9]).view(2, 1, 1), np.array([0])) == 100


@pytest.mark.parametrize("weights, message", [([1], "1 weights for 2 networks"), ([1, 0], "above 0"), ([1, float("nan")], "above 0"), ([1, float("inf")], "above 0")])
def test_weights_that_make_no_sense(weights, message):
    with pytest.raises(UserError, match=message):
        weighted(members(), weights)
