"""A teacher learns, resumes exactly, and its scores are what `train --teacher-scores` takes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from obscura_train.cli import main
from obscura_train.data import ImageSet, write_mosaic
from obscura_train.errors import UserError
from obscura_train.schedule import triangular_factor
from obscura_train.teacher import Teacher
from obscura_train.teaching import TeacherOptions, Teaching

TEACHER_SIDE = 12


@pytest.fixture
def coloured():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 120)
    images = generator.integers(0, 120, (120, TEACHER_SIDE, TEACHER_SIDE, 3))
    images[np.arange(120), :, :, labels] += 100
    return ImageSet(images.astype(np.uint8), labels.astype(np.uint8), ("red", "green", "blue"))


def options(**changes):
    return TeacherOptions(**({"epochs": 4, "width": 8, "batch": 20, "side": TEACHER_SIDE} | changes))


def test_whitened_patches_are_uncorrelated(coloured):
    teacher = Teacher(3, (8, 8, 8))
    teacher.fit(coloured.planes())
    with torch.no_grad():
        white = teacher.white(teacher.pixels(torch.from_numpy(coloured.planes()).float()))
    assert white.shape == (120, 24, TEACHER_SIDE - 1, TEACHER_SIDE - 1)
    torch.testing.assert_close(white[:, :12], -white[:, 12:])
    covariance = torch.cov(white[:, :12].transpose(0, 1).flatten(1))
    torch.testing.assert_close(covariance, torch.eye(12), atol=0.01, rtol=0)


def test_teacher_learns_and_scores_the_training_images(coloured, tmp_path):
    teaching = Teaching(coloured.part(0, 100), coloured.part(100, 120), options(), tmp_path)
    teaching.run()
    scores = np.load(tmp_path / "scores.npy")
    assert scores.shape == (100, 3) and scores.dtype == np.float32
    assert (scores.argmax(1) == coloured.labels[:100]).mean() > 0.9
    assert (teaching.scores(coloured.planes()[100:]).argmax(1) == coloured.labels[100:]).mean() > 0.8
    np.testing.assert_allclose(teaching.scores(coloured.planes()[7:8]), scores[7:8], atol=1e-5)


def test_wider_deeper_and_in_bfloat16(coloured, tmp_path):
    made = options(epochs=10, first_width=8, width=16, last_width=24, depth=3, precision="bfloat16", learning_rate=9.0, shift=1, cutout=3)
    teaching = Teaching(coloured.part(0, 100), coloured.part(100, 120), made, tmp_path)
    assert [len(group.convolutions) for group in teaching.network.groups] == [3, 3, 3] and teaching.network.head.in_features == 24
    teaching.run()
    scores = np.load(tmp_path / "scores.npy")
    assert scores.dtype == np.float32 and (scores.argmax(1) == coloured.labels[:100]).mean() > 0.9
    teaching.options = replace(made, precision="float32")
    exact = teaching.scores(coloured.planes()[:100])
    assert 0 < np.abs(exact - scores).max() < 0.05 * np.abs(exact).max()
    with pytest.raises(UserError, match="unknown precision 'int3'"):
        options(precision="int3")
    with pytest.raises(UserError, match="a depth from 2 up"):
        options(depth=1)


def test_resume_is_exact(coloured, tmp_path):
    parts = coloured.part(0, 100), coloured.part(100, 120)
    whole = Teaching(*parts, options(), tmp_path / "whole")
    whole.run()
    first = Teaching(*parts, options(), tmp_path / "cut")
    train_epoch = first._train_epoch

    def stop_in_the_third(bar):
        if first.epoch == 2:
            raise KeyboardInterrupt
        return train_epoch(bar)

    first._train_epoch = stop_in_the_third
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = Teaching(*parts, options(threads=1), tmp_path / "cut")
    second.resume()
    assert second.epoch == 2
    second.run()
    np.testing.assert_array_equal(np.load(tmp_path / "cut" / "scores.npy"), np.load(tmp_path / "whole" / "scores.npy"))
    with pytest.raises(UserError, match="other options"):
        Teaching(*parts, options(width=16), tmp_path / "cut").resume()
    with pytest.raises(UserError, match="no such checkpoint"):
        Teaching(*parts, options(), tmp_path / "new").resume()


def test_command_line_from_teacher_to_student(coloured, tmp_path, capsys):
    write_mosaic(coloured, tmp_path / "set.webp", columns=20)
    data = ["--data", str(tmp_path / "set.webp"), "--side", str(TEACHER_SIDE), "--validation", "20", "--batch", "20"]
    assert main(["teach", *data, "--out", str(tmp_path / "teacher"), "--epochs", "2", "--width", "8"]) == 0
    scores = str(tmp_path / "teacher" / "scores.npy")
    assert scores in capsys.readouterr().out
    assert main(["train", *data, "--out", str(tmp_path / "student"), "--epochs", "1", "--frozen-epochs", "0", "--teacher-scores", scores, "--distill", "0.5"]) == 0
    assert main(["teach", *data, "--out", str(tmp_path / "teacher"), "--side", "8"]) == 1
    assert "at least 10 pixels" in capsys.readouterr().err
    assert main(["teach", *data, "--out", str(tmp_path / "teacher"), "--batch", "1000"]) == 1
    assert "smaller --batch" in capsys.readouterr().err
    (tmp_path / "teacher" / "teacher.pt").write_bytes(b"no")
    assert main(["teach", *data, "--out", str(tmp_path / "teacher"), "--resume"]) == 1


def test_the_rate_rises_and_falls():
    factors = [triangular_factor(step / 100) for step in range(100)]
    assert factors[0] == 0.2 and max(factors) == 1 == factors[23] and factors[-1] == pytest.approx(0.07, abs=0.02)
