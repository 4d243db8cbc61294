"""A folder with one sub-folder of pictures for each class, as most people keep their own images."""

from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError
from .image_set import ImageSet

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SHUFFLE_SEED = 20090408  # one fixed order, so that the validation part is a fair sample and never changes


def class_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_image_folder(folder: Path, side: int) -> ImageSet:
    """Pictures are cut to their central square and resized to side x side pixels."""
    images, labels, classes = [], [], class_folders(folder)
    if len(classes) < 2:
        raise UserError(f"{folder}: {len(classes)} class folders; need at least two, each with pictures ({', '.join(SUFFIXES)})")
    if len(classes) > 256:
        raise UserError(f"{folder}: {len(classes)} class folders; at most 256 classes are supported")
    for label, class_folder in enumerate(classes):
        files = sorted(file for file in class_folder.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(f"{class_folder}: no pictures ({', '.join(SUFFIXES)}); remove the folder or fill it")
        images += [_read_square(file, side) for file in files]
        labels += [label] * len(files)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(images))
    return ImageSet(np.stack(images)[order], np.array(labels, np.uint8)[order], tuple(path.name for path in classes))


def _read_square(file: Path, side: int) -> np.ndarray:
    try:
        picture = Image.open(file).convert("RGB")
    except OSError as error:
        raise UserError(f"{file}: not a readable picture ({error})") from error
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    square = picture.crop((left, top, left + edge, top + edge))
    return np.asarray(square if edge == side else square.resize((side, side), Image.Resampling.LANCZOS))
