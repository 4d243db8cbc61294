"""One line on the terminal that shows where a run is; silent where there is no terminal."""

import sys
import time


class ProgressBar:
    """total: work of the whole run, in any unit; `update` may be called at every step.

    The time left goes by what was done since the first update, so that a slow start does not count.
    """

    WIDTH, INTERVAL = 28, 0.2  # characters, seconds

    def __init__(self, total: float, stream=sys.stderr, clock=time.monotonic):
        self.total, self.stream, self.clock = total, stream, clock
        self.start, self.start_done, self.shown = None, 0.0, float("-inf")

    def update(self, done: float, text: str) -> None:
        now = self.clock()
        if self.start is None:
            self.start, self.start_done = now, done
        if not self.stream.isatty() or now - self.shown < self.INTERVAL and done < self.total:
            return
        self.shown = now
        fresh = done - self.start_done
        left = (now - self.start) * (self.total - done) / fresh if fresh > 0 else float("nan")
        filled = int(self.WIDTH * done / self.total)
        bar = "#" * filled + "." * (self.WIDTH - filled)
        self.stream.write(f"\r[{bar}] {100 * done / self.total:5.1f}%  {_clock(left)} left  {text}\x1b[K")
        self.stream.flush()

    def message(self, text: str) -> None:
        """A line that stays."""
        clear = "\r\x1b[K" if self.stream.isatty() else ""
        self.stream.write(f"{clear}{text}\n")
        self.stream.flush()


def _clock(seconds: float) -> str:
    if seconds != seconds:
        return "--:--"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
