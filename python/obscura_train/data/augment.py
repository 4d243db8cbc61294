"""Standard augmentation: a shifted crop and a mirror image, drawn for each image."""

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
