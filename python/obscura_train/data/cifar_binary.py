"""CIFAR-10 and CIFAR-100 in their official binary form: records of label byte(s) and 3 x 32 x 32 colour planes."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from .image_set import ImageSet

PIXELS = 3 * 32 * 32
SPLITS = {  # split -> files of CIFAR-10, file of CIFAR-100
    "train": ([f"data_batch_{number}.bin" for number in range(1, 6)], "train.bin"),
    "test": (["test_batch.bin"], "test.bin"),
}


def is_cifar_folder(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin"))


def read_cifar(folder: Path, split: str) -> ImageSet:
    """split is 'train' or 'test'; the fine labels of CIFAR-100."""
    files_10, file_100 = SPLITS[split]
    if (folder / files_10[0]).is_file():
        paths, label_bytes, names = [folder / name for name in files_10], 1, folder / "batches.meta.txt"
    else:
        paths, label_bytes, names = [folder / file_100], 2, folder / "fine_label_names.txt"
    records = np.concatenate([_read_records(path, label_bytes) for path in paths])
    images = records[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    classes = tuple(names.read_text().split()) if names.is_file() else ()
    return ImageSet(np.ascontiguousarray(images), records[:, label_bytes - 1].copy(), classes)


def _read_records(path: Path, label_bytes: int) -> np.ndarray:
    """uint8 [n, label_bytes + 3072]."""
    if not path.is_file():
        raise UserError(f"{path} is missing: unpack the binary version of CIFAR completely")
    size, record = path.stat().st_size, label_bytes + PIXELS
    if size == 0 or size % record:
        raise UserError(f"{path}: {size} bytes is not a whole number of {record}-byte records; download it again")
    return np.fromfile(path, np.uint8).reshape(-1, record)
