"""Averages of networks: the mean of all weights, and only of networks of one kind."""

import pytest
import torch

from obscura_train.averaging import average_networks
from obscura_train.checkpoint import load_network, save_checkpoint
from obscura_train.cli import main
from obscura_train.errors import UserError
from obscura_train.networks import NetworkSpec, build


def saved(path, seed: int, **changes):
    torch.manual_seed(seed)
    spec = NetworkSpec(**({"name": "resnet20", "classes": 3} | changes))
    save_checkpoint(path, spec, build(spec), ("a", "b", "c"))
    return path


def test_mean_of_all_weights_and_statistics(tmp_path):
    paths = [saved(tmp_path / f"{seed}.pt", seed) for seed in (1, 2, 3)]
    assert main(["average", *map(str, paths), "--out", str(tmp_path / "new" / "mean.pt")]) == 0
    states = [load_network(path)[1].state_dict() for path in paths]
    spec, network, classes = load_network(tmp_path / "new" / "mean.pt")
    assert spec == load_network(paths[0])[0] and classes == ("a", "b", "c")
    for name, value in network.state_dict().items():
        expected = torch.stack([state[name] for state in states])
        expected = expected.double().mean(0).float() if value.is_floating_point() else expected[0]
        assert torch.equal(value, expected), name


def test_networks_of_two_kinds_have_no_mean(tmp_path):
    one, other = saved(tmp_path / "one.pt", 1), saved(tmp_path / "other.pt", 1, padding="zeros")
    with pytest.raises(UserError, match="only networks of one kind"):
        average_networks([one, other])
    with pytest.raises(UserError, match="two or more"):
        average_networks([one])
