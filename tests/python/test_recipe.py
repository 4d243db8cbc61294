"""The aids of training: label smoothing, distillation, the average of the weights, noise of the encryption's size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from obscura_train.checkpoint import save_checkpoint
from obscura_train.cli import main
from obscura_train.data import write_mosaic
from obscura_train.ema import WeightAverage
from obscura_train.losses import task_loss
from obscura_train.networks import NetworkSpec, build
from obscura_train.options import TrainOptions
from obscura_train.range_control import RangeControl

from conftest import SIDE


def test_label_smoothing_moves_towards_uniform():
    logits, labels = torch.randn(8, 5), torch.arange(8) % 5
    plain, smooth = (task_loss(logits, labels, None, TrainOptions(label_smoothing=value)) for value in (0.0, 0.2))
    uniform = -F.log_softmax(logits, 1).mean()
    torch.testing.assert_close(smooth, 0.8 * plain + 0.2 * uniform)


def test_distillation_is_nothing_where_teacher_and_student_agree():
    logits, labels = torch.randn(8, 5), torch.arange(8) % 5
    settings = TrainOptions(distill=0.25)
    hard = task_loss(logits, labels, None, settings)
    torch.testing.assert_close(task_loss(logits, labels, logits, settings), 0.75 * hard)
    assert task_loss(logits, labels, torch.randn(8, 5), settings) > 0.75 * hard


def test_average_follows_weights_and_statistics():
    network = build(NetworkSpec(classes=3))
    average = WeightAverage(network, decay=0.5)
    start = network.head.weight.detach().clone()
    with torch.no_grad():
        network.head.weight += 1
        network.stem_act.linear_norm.running_mean += 1
    for _ in range(40):
        average.update(network)
    torch.testing.assert_close(average.network.head.weight, start + 1)
    torch.testing.assert_close(average.network.stem_act.linear_norm.running_mean, network.stem_act.linear_norm.running_mean)


@pytest.mark.parametrize("activation", ["hermite", "quadratic"])
def test_noise_has_the_size_asked_for(activation):
    torch.manual_seed(0)
    network = build(NetworkSpec(classes=3, activation=activation)).eval()
    control = RangeControl(network, noise=0.01)
    layer = control.activations[0]
    z = torch.randn(200, 4, SIDE, SIDE)
    error = (control.watch(layer, z) - z).square().mean((0, 2, 3)).sqrt()
    torch.testing.assert_close(error, 0.01 * control.rms(0), rtol=0.05, atol=0)


def test_a_teacher_a_noise_and_smoothing_train_together(coloured_images, tmp_path):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    save_checkpoint(tmp_path / "teacher.pt", NetworkSpec(classes=3, activation="relu"), build(NetworkSpec(classes=3, activation="relu")))
    assert main(["train", "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--out", str(tmp_path / "run"), "--epochs", "2", "--frozen-epochs", "1", "--batch", "20",
                 "--validation", "20", "--teacher", str(tmp_path / "teacher.pt"), "--distill", "0.3", "--noise", "0.002", "--label-smoothing", "0.05"]) == 0


def _train_with_scores(images, folder, scores):
    write_mosaic(images, folder / "set.webp", columns=20)
    np.save(folder / "scores.npy", scores)
    return main(["train", "--data", str(folder / "set.webp"), "--side", str(SIDE), "--out", str(folder / "run"), "--epochs", "1", "--frozen-epochs", "1", "--batch", "20",
                 "--validation", "20", "--teacher-scores", str(folder / "scores.npy"), "--distill", "0.5"])


def test_scores_of_any_network_teach(coloured_images, tmp_path):
    count = len(coloured_images) - 20
    scores = np.eye(3)[coloured_images.labels[:count]] * 5
    assert _train_with_scores(coloured_images, tmp_path, scores) == 0


def test_scores_that_do_not_fit_are_refused(coloured_images, tmp_path, capsys):
    count = len(coloured_images) - 20
    for scores, message in ((np.zeros((count + 20, 3)), "the training part needs"), (np.zeros((count, 4)), "the training part needs"),
                            (np.full((count, 3), np.nan), "not finite")):
        assert _train_with_scores(coloured_images, tmp_path, scores) != 0
        assert message in capsys.readouterr().err
