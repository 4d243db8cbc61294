"""What idle slots have of an image: after a stride, slots of pixels that were dropped compute the network on moved pixels.

The slots behind one that counts hold what it would hold of a map some pixels further on. As long as the padding of every
grid wraps like the image's own, that is the image moved. From the grid on where it does not (twisted padding cannot wrap
by less than a row; raster padding wraps by a row of every grid) the map itself has to be *turned*, just before a stride.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

TURNS = 4  # a stride keeps one pixel of so many


@dataclass(frozen=True)
class IdleMoves:
    """wrap: rows by which the padding of the image's own grid wraps (0, zeros, moves like 1).  strides: layers that keep a
    quarter of the pixels; none in a dense network, which so leaves no slot idle.

    A move is [pixels, turn, turn ...]: of the image, and of the last `turned` grids before their strides.
    """

    wrap: int
    strides: int

    @property
    def turned(self) -> int:
        """Grids before a stride whose padding does not wrap as the image's does."""
        return max(0, self.strides - max(1, self.wrap).bit_length())

    def all(self, width: int) -> list[tuple[int, ...]]:
        """Every move but none at all, for images of so many columns; `width` pixels are `wrap` rows."""
        side, wrap = 1 << (self.strides - self.turned), max(1, self.wrap)
        pixels = [turn * width + column for turn in range(max(1, side // wrap)) for column in range(side)]
        return list(product(pixels, *[range(TURNS)] * self.turned))[1:]

    def none(self, count: int) -> np.ndarray:
        return np.zeros((count, 1 + self.turned), int)

    def draw(self, planes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """For each image [n, 3, H, W] one of its moves, [n, 1 + turned]; none where there are none."""
        moves = np.array(self.all(planes.shape[3]) or self.none(1))
        return moves[generator.integers(0, len(moves), len(planes))]

    def apply(self, planes: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """Images [n, 3, H, W], each pixel taken from moves[n, 0] pixels further on, around as the padding goes; turns are the network's part."""
        height, width = planes.shape[2:]
        y, x = np.indices((height, width))
        flat, result = planes.reshape(*planes.shape[:2], -1), np.empty_like(planes)
        for move in np.unique(moves[:, 0]):
            rows, column = np.divmod(x + move, width)
            source = (y + rows * max(1, self.wrap)) % height * width + column
            chosen = moves[:, 0] == move
            result[chosen] = flat[chosen][..., source]
        return result
