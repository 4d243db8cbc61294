"""The progress line: what it says is left, and that it is silent without a terminal."""

import io

from obscura_train.options import TrainOptions
from obscura_train.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_cheap_epochs_count_less():
    options = TrainOptions(epochs=4, frozen_epochs=1, crop=16, crop_epochs=2, side=32)
    assert [options.work(epoch) for epoch in range(5)] == [0.25, 0.25, 1, 1, 1]
    assert options.work_before(3) == 1.5


def test_time_left_goes_by_work_since_the_first_update():
    """A start of 100 seconds, and a run resumed at 4 of 10: neither counts."""
    stream, times = Terminal(), iter([100.0, 103.0])
    bar = ProgressBar(10, stream, clock=lambda: next(times))
    bar.update(4, "first")
    assert " 40.0%  --:-- left  first" in stream.getvalue()
    bar.update(7, "second")
    assert " 70.0%  00:03 left  second" in stream.getvalue()


def test_silent_without_a_terminal_but_for_messages():
    stream = io.StringIO()
    bar = ProgressBar(2, stream)
    bar.update(1, "unseen")
    bar.message("epoch 1")
    assert stream.getvalue() == "epoch 1\n"
