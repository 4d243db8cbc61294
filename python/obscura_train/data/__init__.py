"""Reading labelled images, whatever form they have."""

from pathlib import Path

from ..errors import UserError
from .cifar_binary import is_cifar_folder, read_cifar
from .image_folder import class_folders, read_image_folder
from .image_set import ImageSet, split_validation
from .mosaic import SUFFIXES as MOSAIC_SUFFIXES, read_mosaic, write_mosaic

__all__ = ["ImageSet", "read_images", "split_validation", "write_mosaic"]


def read_images(path: str | Path, split: str = "train", side: int = 32) -> ImageSet:
    """Read a mosaic file, a folder of mosaics, CIFAR's binary files, or a folder of class folders.

    A folder that has a sub-folder `split` ('train' or 'test') stands for that sub-folder.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if path.suffix not in MOSAIC_SUFFIXES:
            raise UserError(f"{path}: not a mosaic ({', '.join(MOSAIC_SUFFIXES)}) and not a folder")
        return read_mosaic(path, side)
    if is_cifar_folder(path):
        return read_cifar(path, split)
    if (path / split).is_dir():
        return read_images(path / split, split, side)
    if any(file.suffix in MOSAIC_SUFFIXES for file in path.iterdir()):
        return read_mosaic(path, side)
    if class_folders(path):
        return read_image_folder(path, side)
    raise UserError(f"{path}: no images found; expected mosaics with labels, CIFAR's .bin files, or one sub-folder of pictures for each class")
