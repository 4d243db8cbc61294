"""One line on the terminal that shows where a run is; silent where there is no terminal."""

import sys
import time


class ProgressBar:
    """total counts steps of the whole run; `update` may be called at every step."""

    WIDTH, INTERVAL = 28, 0.2  # characters, seconds

    def __init__(self, total: int, done: int = 0, stream=sys.stderr):
        self.total, self.start_done, self.stream = total, done, stream
        self.start, self.shown = time.monotonic(), 0.0

    def update(self, done: int, text: str) -> None:
        now = time.monotonic()
        if not self.stream.isatty() or now - self.shown < self.INTERVAL and done < self.total:
            return
        self.shown = now
        fresh = done - self.start_done
        left = (now - self.start) * (self.total - done) / fresh if fresh > 0 else float("nan")
        filled = self.WIDTH * done // self.total
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
