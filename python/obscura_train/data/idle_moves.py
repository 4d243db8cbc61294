"""Images as idle slots have them: after a stride, slots of pixels that were dropped compute the network on the image moved."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class IdleMoves:
    """The moves that count for a network: those by whole steps of its last grid leave every layer the same numbers. Where the
    wrap is less than such a step, deeper layers' padding cannot follow the image's, and moves stand in for what idle slots have.

    wrap: rows by which the padding of the image's own grid wraps (0, zeros, moves like 1).  strides: layers that keep a
    quarter of the pixels; none in a dense network, which so leaves no slot idle.
    """

    wrap: int
    strides: int

    def pixels(self, width: int) -> tuple[int, ...]:
        """Every move but none at all, in pixels to the right on images of so many columns; `width` of them are `wrap` rows down."""
        side, wrap = 1 << self.strides, max(1, self.wrap)
        return tuple(turn * width + column for turn in range(max(1, side // wrap)) for column in range(side))[1:]

    def draw(self, planes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each image [n, 3, H, W] one of its moves, in pixels [n]; 0 where there are none."""
        return generator.choice(self.pixels(planes.shape[3]) or (0,), len(planes))

    def apply(self, planes: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """Images [n, 3, H, W], each moved to the right by its own number of pixels, around as the padding goes."""
        height, width = planes.shape[2:]
        y, x = np.indices((height, width))
        flat, result = planes.reshape(*planes.shape[:2], -1), np.empty_like(planes)
        for move in np.unique(pixels):
            turns, column = np.divmod(x - move, width)
            source = (y + turns * max(1, self.wrap)) % height * width + column
            result[pixels == move] = flat[pixels == move][..., source]
        return result
