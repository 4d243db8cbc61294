"""Augmentation: a shifted crop and a mirror image, drawn for each image, and a square cut out."""

import numpy as np

SHIFT = 4  # pixels
GREY = 120  # near the mean pixel, so that a border looks like nothing in particular


class Augmenter:
    """Holds the padded training images uint8 [n, 3, H, W]; `batch` draws crops of the original size."""

    def __init__(self, planes: np.ndarray, enabled: bool = True):
        self.side, self.enabled = planes.shape[2:], enabled
        self.padded = np.pad(planes, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), constant_values=GREY)

    def batch(self, indices: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """uint8 [len(indices), 3, H, W]."""
        count, (height, width) = len(indices), self.side
        if not self.enabled:
            return self.padded[indices, :, SHIFT:SHIFT + height, SHIFT:SHIFT + width]
        tops, lefts = generator.integers(0, 2 * SHIFT + 1, (2, count))
        crops = np.stack([self.padded[i, :, y:y + height, x:x + width] for i, y, x in zip(indices, tops, lefts)])
        mirrored = generator.random(count) < 0.5
        crops[mirrored] = crops[mirrored, :, :, ::-1]
        return crops


def cut_squares(images: np.ndarray, side: int, generator: np.random.Generator) -> None:
    """Turns a square of `side` pixels of each image [n, 3, H, W] grey; it may reach over the edge (DeVries and Taylor, arXiv:1708.04552)."""
    count, _, height, width = images.shape
    tops = generator.integers(0, height, (count, 1)) - side // 2
    lefts = generator.integers(0, width, (count, 1)) - side // 2
    rows = (np.arange(height) >= tops) & (np.arange(height) < tops + side)
    columns = (np.arange(width) >= lefts) & (np.arange(width) < lefts + side)
    np.copyto(images, GREY, where=rows[:, None, :, None] & columns[:, None, None, :])
