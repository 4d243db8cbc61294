"""Augmentation: a shifted crop and a mirror image, drawn for each image, and a square cut out."""

import numpy as np

SHIFT = 4  # pixels
GREY = 120  # near the mean pixel, so that a border looks like nothing in particular


class Augmenter:
    """Holds the padded training images uint8 [n, 3, H, W]; `batch` draws crops of the original size, or of `crop` pixels a side."""

    def __init__(self, planes: np.ndarray, enabled: bool = True):
        self.side, self.enabled = planes.shape[2:], enabled
        self.crop = 0
        self.padded = np.pad(planes, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), constant_values=GREY)

    def batch(self, indices: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """uint8 [len(indices), 3, H, W], or [len(indices), 3, crop, crop]."""
        count, (height, width) = len(indices), self.side
        if self.crop:  # of the image itself, without its border
            tops = generator.integers(SHIFT, SHIFT + height - self.crop + 1, count)
            lefts = generator.integers(SHIFT, SHIFT + width - self.crop + 1, count)
            height = width = self.crop
        elif self.enabled:
            tops, lefts = generator.integers(0, 2 * SHIFT + 1, (2, count))
        else:
            tops = lefts = np.full(count, SHIFT)
        crops = np.stack([self.padded[i, :, y:y + height, x:x + width] for i, y, x in zip(indices, tops, lefts)])
        mirrored = generator.random(count) < 0.5 if self.enabled else np.zeros(count, bool)
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
