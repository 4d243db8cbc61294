"""A labelled set of images in memory, and its split into training and validation part."""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError


@dataclass(frozen=True)
class ImageSet:
    """images uint8 [n, H, W, 3]; labels uint8 or int64 [n]; names of the classes, or () where unknown."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = ()

    def __post_init__(self):
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.images.dtype != np.uint8:
            raise UserError(f"images must be uint8 [n, height, width, 3], not {self.images.dtype} {list(self.images.shape)}")
        if len(self.images) != len(self.labels):
            raise UserError(f"{len(self.images)} images but {len(self.labels)} labels")
        if len(self.images) == 0:
            raise UserError("the image set is empty")

    def __len__(self) -> int:
        return len(self.images)

    def part(self, start: int, stop: int) -> "ImageSet":
        return ImageSet(self.images[start:stop], self.labels[start:stop], self.classes)

    def class_count(self) -> int:
        return max(len(self.classes), int(self.labels.max()) + 1)

    def planes(self) -> np.ndarray:
        """uint8 [n, 3, H, W], as the networks take them."""
        return np.ascontiguousarray(self.images.transpose(0, 3, 1, 2))


def split_validation(images: ImageSet, count: int) -> tuple[ImageSet, ImageSet]:
    """(training, validation): the last `count` images are held out.  All readers give a shuffled order."""
    if not 0 < count < len(images):
        raise UserError(f"cannot hold out {count} of {len(images)} images for validation: give --validation between 1 and {len(images) - 1}")
    return images.part(0, len(images) - count), images.part(len(images) - count, len(images))
