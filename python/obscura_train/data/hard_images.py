"""The training images that drive the network farthest, so that each batch can hold some of them.

One image in ten thousand leaves the range, and an epoch shows it once: too seldom to be mended by the penalty.
"""

import numpy as np

from .idle_moves import IdleMoves

POOL = 256  # how many images count as hard
MOVED = 0.75  # part of them that is shown moved


class HardImages:
    """peaks [n]: the largest |v| / rms(v) that each training image had when it was last seen."""

    def __init__(self, count: int):
        self.peaks = np.zeros(count, np.float32)
        self._pool = np.zeros(0, np.int64)

    def note(self, indices: np.ndarray, peaks: np.ndarray) -> None:
        """peaks of the images of these indices."""
        self.peaks[indices] = peaks

    def choose(self) -> None:
        """Take the images with the largest peaks as the pool, among those seen at all."""
        pool = np.argsort(-self.peaks, kind="stable")[:POOL]
        self._pool = pool[self.peaks[pool] > 0]

    def batch(self, augmenter, count: int, generator: np.random.Generator, moves: IdleMoves) -> np.ndarray:
        """count images of the pool uint8 [count, 3, H, W], augmented, most of them moved as idle slots have them; none while the pool is empty."""
        if len(self._pool) == 0:
            return np.zeros((0, 3, *augmenter.side), np.uint8)
        images = augmenter.batch(generator.choice(self._pool, count), generator)
        return moves.apply(images, moves.draw(images, generator) * (generator.random((count, 1)) < MOVED))
