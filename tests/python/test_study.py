"""The study of bits and noise: its emulation, its files, and how it asks the engine's program."""

import stat

import pytest
import torch

from obscura_train.checkpoint import save_checkpoint
from obscura_train.cli import main
from obscura_train.data import write_mosaic
from obscura_train.evaluation import calibrated_control
from obscura_train.folded import FoldedResNet
from obscura_train.networks import NetworkSpec
from obscura_train.study import accuracy, round_rows

from conftest import SIDE

PROGRAM = """#!/bin/sh
# stands for the engine: refuses scale 2^24, and reports the rest
echo "$@" >> {log}
for last; do true; done
case "$*" in
  *"--log-scale 24"*) echo "values leave the range" >&2; exit 7;;
  compile*) while [ "$1" != "-o" ]; do shift; done; touch "$2"; echo '{{"log2_qp": 612.4}}' > "$last";;
  simulate*) echo '{{"accuracy_plain": 0.75, "accuracy_simulated": 0.5}}' > "$last";;
esac
"""


def test_many_bits_change_nothing_and_few_do(network, coloured_images):
    control = calibrated_control(network, coloured_images.planes())
    pixels = torch.from_numpy(coloured_images.planes()[:20]).float()
    with torch.no_grad():
        exact = FoldedResNet(network, control)(pixels)
        errors = [(FoldedResNet(network, control, round_rows(bits))(pixels) - exact).abs().max() / exact.abs().max() for bits in (20, 10, 3)]
    assert errors[0] < 1e-3 < errors[1] < 0.1 < errors[2]


def test_rounded_rows_are_integers_and_their_excess_is_told():
    torch.manual_seed(0)
    rows, means = [torch.randn(4, 3, 3, 3), torch.randn(4)], [torch.tensor([1.0, 4.0, 0.5]), torch.tensor([2.0, 1.0, 1.0, 3.0])]
    rms = torch.tensor([1.0, 4.0, 0.5, 2.0])
    rounded, excess = round_rows(4)(rows, means, rms)
    sized = [rounded[0] * means[0].view(1, -1, 1, 1), rounded[1] * means[1]]
    for channel in range(4):
        values = torch.cat([part[channel].reshape(-1) for part in sized])
        step = rms[channel] / 16
        torch.testing.assert_close(values / step, (values / step).round(), rtol=0, atol=1e-4)
    expected = ((rounded[0] - rows[0]) * means[0].view(1, -1, 1, 1)).sum((1, 2, 3)) + (rounded[1] - rows[1]) * means[1]
    torch.testing.assert_close(excess, expected)


def test_noise_is_added(network, coloured_images):
    control = calibrated_control(network, coloured_images.planes())
    assert accuracy(network, control, coloured_images, noise=1e-7) == accuracy(network, control, coloured_images)
    assert control.noise == 0.0
    logits = []
    for noise in (0.0, 0.1):
        control.noise = noise
        with torch.no_grad():
            logits.append(FoldedResNet(network, control)(torch.from_numpy(coloured_images.planes()).float()))
    assert (logits[0] - logits[1]).abs().max() > 1e-3


def test_study_writes_table_and_plot(network, coloured_images, tmp_path, capsys):
    save_checkpoint(tmp_path / "net.pt", NetworkSpec(classes=3), network, coloured_images.classes)
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=20)
    program, log = tmp_path / "obscura", tmp_path / "calls"
    program.write_text(PROGRAM.format(log=log))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    study = ["study", str(tmp_path / "net.pt"), "--data", str(tmp_path / "set.webp"), "--side", str(SIDE), "--validation", "40", "--count", "30", "--out", str(tmp_path / "study.md")]
    assert main(study) == 0
    assert "not measured" in (tmp_path / "study.md").read_text()
    assert main([*study, "--program", str(program)]) == 1 and "--program and --model" in capsys.readouterr().err
    assert main([*study, "--program", str(program), "--model", "net.onnx"]) == 0
    table = (tmp_path / "study.md").read_text()
    assert "30 images" in table and "75.00 | 50.00 | 612 |" in table and "does not fit | does not fit" in table
    assert (tmp_path / "study.svg").read_text().count("<polyline") == 6
    assert "--log-scale 18" in log.read_text() and "--weight-bits 4" in log.read_text()
    program.write_text("#!/bin/sh\necho no such option >&2; exit 2\n")
    assert main([*study, "--program", str(program), "--model", "net.onnx"]) == 1 and "status 2: no such option" in capsys.readouterr().err
    assert main([*study, "--program", str(tmp_path / "nowhere"), "--model", "net.onnx"]) == 1 and "cannot be run" in capsys.readouterr().err

