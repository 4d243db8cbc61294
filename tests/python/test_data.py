"""Readers, and what they say about bad folders."""

import numpy as np
from PIL import Image
import pytest

from obscura_train.data import ImageSet, read_images, split_validation, write_mosaic
from obscura_train.data.augment import Augmenter, cut_squares
from obscura_train.data.hard_images import HardImages
from obscura_train.data.idle_moves import IdleMoves
from obscura_train.data.stress_images import SYNTHETIC, stress_mixture
from obscura_train.errors import UserError

from conftest import REPOSITORY, SIDE


def test_bundled_mosaic():
    images = read_images(REPOSITORY / "data" / "cifar10-test-1024.webp")
    assert images.images.shape == (1024, 32, 32, 3) and len(images.classes) == 10
    assert np.bincount(images.labels, minlength=10).min() > 60


def test_mosaic_round_trip(coloured_images, tmp_path):
    write_mosaic(coloured_images, tmp_path / "set.webp", columns=50)  # the last row is not full
    back = read_images(tmp_path / "set.webp", side=SIDE)
    np.testing.assert_array_equal(back.images, coloured_images.images)
    np.testing.assert_array_equal(back.labels, coloured_images.labels)


@pytest.mark.parametrize("label_bytes, names", [(1, [f"data_batch_{n}.bin" for n in range(1, 6)]), (2, ["train.bin"])])
def test_cifar_binary(tmp_path, label_bytes, names):
    generator = np.random.default_rng(0)
    planes, labels = generator.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8), np.array([3, 7], np.uint8)
    for name in names:
        coarse = [] if label_bytes == 1 else [9]
        (tmp_path / name).write_bytes(b"".join(bytes([*coarse, label]) + image.tobytes() for image, label in zip(planes, labels)))
    images = read_images(tmp_path)
    assert len(images) == 2 * len(names) and images.labels[:2].tolist() == [3, 7]
    np.testing.assert_array_equal(images.planes()[:2], planes)


def test_image_folder(tmp_path):
    for name, colour in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.new("RGB", (40, 30), (colour,) * 3).save(tmp_path / name / f"{index}.png")
    images = read_images(tmp_path, side=16)
    assert images.classes == ("cat", "dog") and images.images.shape == (6, 16, 16, 3)
    assert all((image == (10, 200)[label]).all() for image, label in zip(images.images, images.labels))


def bad_folders(tmp_path):
    """(path, what the message must say)"""
    (tmp_path / "empty").mkdir()
    yield tmp_path / "empty", "no images found"
    yield tmp_path / "missing", "no such file"
    (tmp_path / "one" / "cat").mkdir(parents=True)
    yield tmp_path / "one", "at least two"
    (tmp_path / "hollow" / "cat").mkdir(parents=True)
    (tmp_path / "hollow" / "dog").mkdir()
    yield tmp_path / "hollow", "no pictures"
    for name in ("cat", "dog"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "1.png").write_bytes(b"no picture")
    yield tmp_path / "broken", "1.png: not a readable picture"
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "test_batch.bin").write_bytes(bytes(5000))
    (tmp_path / "short" / "data_batch_1.bin").write_bytes(bytes(5000))
    yield tmp_path / "short", "5000 bytes is not a whole number of 3073-byte records"
    (tmp_path / "unlabelled").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "unlabelled" / "0.webp")
    yield tmp_path / "unlabelled", "no labels"
    Image.new("RGB", (70, 64)).save(tmp_path / "odd.webp")
    (tmp_path / "odd.labels").write_bytes(bytes(4))
    yield tmp_path / "odd.webp", "70 x 64 pixels do not divide"
    Image.new("RGB", (64, 64)).save(tmp_path / "many.webp")
    (tmp_path / "many.labels").write_bytes(bytes(9))
    yield tmp_path / "many.webp", "9 labels for 4 tiles"


def test_bad_folders_get_clear_errors(tmp_path):
    for path, message in bad_folders(tmp_path):
        with pytest.raises(UserError) as error:
            read_images(path)
        assert message in str(error.value) and str(tmp_path) in str(error.value)


def test_split_keeps_every_image_once(coloured_images):
    training, validation = split_validation(coloured_images, 20)
    np.testing.assert_array_equal(np.concatenate([training.labels, validation.labels]), coloured_images.labels)
    with pytest.raises(UserError, match="hold out 120 of 120"):
        split_validation(coloured_images, 120)


def test_image_sets_are_checked():
    with pytest.raises(UserError, match="2 images but 3 labels"):
        ImageSet(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3, np.uint8))


def test_augmentation_is_a_shifted_or_mirrored_crop(coloured_images):
    planes = coloured_images.planes()
    crops = Augmenter(planes).batch(np.arange(40), np.random.default_rng(1))
    assert crops.shape == planes[:40].shape and (crops != planes[:40]).any()
    np.testing.assert_array_equal(Augmenter(planes, enabled=False).batch(np.arange(5), np.random.default_rng(1)), planes[:5])


@pytest.mark.parametrize("enabled", [True, False])
def test_crops_show_parts_of_the_image_and_no_border(enabled):
    planes = np.random.default_rng(0).integers(0, 256, (6, 3, 12, 12)).astype(np.uint8)
    augmenter = Augmenter(planes, enabled)
    augmenter.crop = 8
    crops = augmenter.batch(np.arange(6).repeat(30), np.random.default_rng(1))
    assert crops.shape == (180, 3, 8, 8)
    places = set()
    for crop, plane in zip(crops, planes.repeat(30, axis=0)):
        found = [(y, x, mirrored) for y in range(5) for x in range(5) for mirrored in (False, True)
                 if np.array_equal(crop[:, :, ::-1] if mirrored else crop, plane[:, y:y + 8, x:x + 8])]
        assert len(found) == 1
        places.add(found[0])
    assert {(0, 0), (4, 4)} <= {place[:2] for place in places}
    assert enabled == any(place[2] for place in places)


def test_cutout_greys_one_square_of_an_image():
    images = np.full((200, 3, 12, 10), 7, np.uint8)
    cut_squares(images, 5, np.random.default_rng(3))
    cut = images != 7
    np.testing.assert_array_equal(cut, np.broadcast_to(cut[:, :1], cut.shape))
    rows, columns = cut[:, 0].any(2).sum(1), cut[:, 0].any(1).sum(1)
    np.testing.assert_array_equal(cut[:, 0].sum((1, 2)), rows * columns)
    assert rows.max() == 5 and rows.min() >= 3 and columns.max() == 5 and columns.min() >= 3, "at least half a square is inside"
    assert len({tuple(np.argwhere(image[0]).min(0)) for image in cut}) > 40, "anywhere in the image"


def test_stress_images(coloured_images):
    generator, planes = np.random.default_rng(0), coloured_images.planes()
    for name, family in SYNTHETIC.items():
        images = family(9, 12, 10, generator)
        assert images.shape == (9, 3, 12, 10) and images.dtype == np.uint8, name
    for count in (1, 6, 40):
        assert stress_mixture(planes, count, generator, IdleMoves(1, 2)).shape == (count, *planes.shape[1:])


def test_hard_images_are_those_with_the_largest_peaks(coloured_images):
    planes = coloured_images.planes()
    moves = IdleMoves(2, 1)
    hard, augmenter, generator = HardImages(len(planes)), Augmenter(planes, enabled=False), np.random.default_rng(1)
    hard.choose()
    assert hard.batch(augmenter, 4, generator, moves).shape == (0, 3, SIDE, SIDE), "none has been seen"
    hard.note(np.array([3, 7]), np.array([5.0, 9.0], np.float32))
    hard.choose()
    seen = {image.tobytes() for image in hard.batch(augmenter, 200, generator, moves)}
    assert seen == {moves.apply(planes[[index]], np.array([[move]]))[0].tobytes() for index in (3, 7) for move in (0, 1)}
