"""Mosaics: many images of one size as the tiles of one lossless WebP or PNG, labels in a file of bytes beside it.

Image i is the tile in row i // tiles-per-row and column i % tiles-per-row.  NAME.webp goes with NAME.labels; a
folder of mosaics is read in the order of the file names, with one labels.u8 for all.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError
from .image_set import ImageSet

SUFFIXES = (".webp", ".png")


def read_tiles(path: Path, side: int) -> np.ndarray:
    """uint8 [tiles, side, side, 3]."""
    try:
        pixels = np.asarray(Image.open(path).convert("RGB"))
    except OSError as error:
        raise UserError(f"{path}: not a readable image ({error})") from error
    height, width = pixels.shape[:2]
    if height % side or width % side:
        raise UserError(f"{path}: {width} x {height} pixels do not divide into tiles of {side} x {side}; give the right --side")
    rows, columns = height // side, width // side
    return pixels.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(rows * columns, side, side, 3)


def read_mosaic(path: Path, side: int) -> ImageSet:
    """One mosaic file with NAME.labels, or a folder of mosaics with labels.u8."""
    if path.is_file():
        files, label_file = [path], path.with_suffix(".labels")
    else:
        files, label_file = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES), path / "labels.u8"
    if not label_file.is_file():
        raise UserError(f"{path}: no labels; expected {label_file} with one byte an image")
    images = np.concatenate([read_tiles(file, side) for file in files])
    labels = np.fromfile(label_file, dtype=np.uint8)
    if not 0 < len(labels) <= len(images):  # fewer labels than tiles: the last row is not full
        raise UserError(f"{label_file}: {len(labels)} labels for {len(images)} tiles of {side} x {side} pixels; one byte an image is expected")
    return ImageSet(images[:len(labels)], labels, _class_names(path))


def write_mosaic(images: ImageSet, path: Path, columns: int) -> None:
    """Write NAME.webp and NAME.labels; the last row is filled up with black tiles."""
    side = images.images.shape[1]
    rows = -(-len(images) // columns)
    tiles = np.zeros((rows * columns, side, side, 3), np.uint8)
    tiles[:len(images)] = images.images
    mosaic = tiles.reshape(rows, columns, side, side, 3).swapaxes(1, 2).reshape(rows * side, columns * side, 3)
    Image.fromarray(mosaic).save(path, "WEBP", lossless=True, quality=100, method=6, exact=True)
    images.labels.astype(np.uint8).tofile(path.with_suffix(".labels"))


def _class_names(path: Path) -> tuple[str, ...]:
    folder, prefix = path.parent, path.name.split("-")[0]
    for file in (folder / "classes.txt", folder / f"{prefix}-classes.txt"):
        if file.is_file():
            return tuple(file.read_text().splitlines())
    return ()
