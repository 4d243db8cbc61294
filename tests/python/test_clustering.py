"""Clustered weights: few values, kept through training, resuming and export."""

import numpy as np
import onnx
from onnx import numpy_helper
import pytest
import torch

from obscura_train.checkpoint import load_network, save_checkpoint
from obscura_train.clustering import GROUPS, cluster, distinct_values, nearest_centroids
from obscura_train.cli import main
from obscura_train.data import write_mosaic
from obscura_train.errors import UserError
from obscura_train.networks import NetworkSpec, build
from obscura_train.options import TrainOptions

from conftest import SIDE

COUNT = 4


def test_centroids_are_the_means_of_their_members():
    values = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    replaced = nearest_centroids(values, 8)
    centroids = np.unique(replaced)
    assert len(centroids) == 8
    for centroid in centroids:
        assert abs(values[replaced == centroid].mean() - centroid) < 2e-2
    assert np.all(np.abs(values - replaced) <= np.abs(values[:, None] - centroids).min(1) + 1e-6)
    np.testing.assert_array_equal(nearest_centroids(values[:3], 8), values[:3])


@pytest.mark.parametrize("per", GROUPS)
def test_every_group_has_its_values(per):
    network = build(NetworkSpec())
    before = distinct_values(network, per)
    cluster(network, COUNT, per)
    assert before > COUNT == distinct_values(network, per)
    assert (per == "model") == (distinct_values(network, "model") == COUNT)


@pytest.mark.parametrize("per", GROUPS)
def test_fine_tuning_keeps_the_clusters_and_exports_them(coloured_images, tmp_path, per):
    torch.manual_seed(0)
    start, run = tmp_path / "start.pt", tmp_path / "run"
    save_checkpoint(start, NetworkSpec(classes=3), build(NetworkSpec(classes=3)), coloured_images.classes)
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    assert main(["train", "--start", str(start), "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--out", str(run), "--validation", "20", "--batch", "20",
                 "--epochs", "2", "--frozen-epochs", "1", "--ema", "0.5", "--clusters", str(COUNT), "--cluster-per", per, "--threads", "1"]) == 0
    network = load_network(run / "last.pt")[1]
    assert distinct_values(network, per) == COUNT
    assert any((a != b).any() for a, b in zip(network.state_dict().values(), load_network(start)[1].state_dict().values()))
    assert main(["export", str(run / "last.pt"), "--side", str(SIDE), "--out", str(tmp_path / "net.onnx")]) == 0
    weights = [numpy_helper.to_array(t) for t in onnx.load(tmp_path / "net.onnx").graph.initializer if t.name.endswith("weight") and "head" not in t.name]
    parts = {"model": [np.concatenate([w.ravel() for w in weights])], "layer": weights, "slice": [w[..., x] for w in weights for x in range(w.shape[-1])]}[per]
    assert weights and all(len(np.unique(part)) <= COUNT for part in parts)
    properties = {p.key: p.value for p in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert int(properties["clusters"]) == (3 * COUNT if per == "slice" else COUNT)
    assert main(["export", str(start), "--side", str(SIDE), "--out", str(tmp_path / "start.onnx")]) == 0
    assert "clusters" not in {p.key for p in onnx.load(tmp_path / "start.onnx").metadata_props}


def test_bad_counts_are_refused():
    for changes in ({"clusters": 1}, {"clusters": 8, "cluster_per": "pixel"}, {"clusters": -2}):
        with pytest.raises(UserError, match="--clusters"):
            TrainOptions(**changes)
