"""Images made to push a network out of its range: what a careless or curious user may send, or a layout may produce.

All families give uint8-valued arrays [n, 3, H, W]; all draw from the given generator.
"""

import numpy as np

from .idle_moves import IdleMoves


def constant(count: int, height: int, width: int, generator) -> np.ndarray:
    """One colour; half of them with every channel at 0 or 255."""
    colours = np.where(generator.random((count, 1)) < 0.5, generator.integers(0, 256, (count, 3)), generator.choice([0, 255], (count, 3)))
    return np.broadcast_to(colours[:, :, None, None], (count, 3, height, width)).astype(np.uint8)


def uniform_noise(count, height, width, generator) -> np.ndarray:
    return generator.integers(0, 256, (count, 3, height, width)).astype(np.uint8)


def binary_noise(count, height, width, generator) -> np.ndarray:
    """Every value 0 or 255; in half of the images all channels agree."""
    colour, grey = generator.choice([0, 255], (count, 3, height, width)), generator.choice([0, 255], (count, 1, height, width))
    return np.where(generator.random((count, 1, 1, 1)) < 0.5, colour, grey).astype(np.uint8)


def gaussian_noise(count, height, width, generator) -> np.ndarray:
    """Around mid-grey, with deviations of 10 to 120."""
    deviation = generator.uniform(10, 120, (count, 1, 1, 1))
    return (128 + deviation * generator.standard_normal((count, 3, height, width))).clip(0, 255).astype(np.uint8)


def blocks(count, height, width, generator) -> np.ndarray:
    """Squares of 2, 4, 8 or 16 pixels with every channel 0 or 255."""
    images = []
    for size in generator.choice([2, 4, 8, 16], count):
        cells = generator.choice([0, 255], (3, -(-height // size), -(-width // size)))
        images.append(np.kron(cells, np.ones((size, size), int))[:, :height, :width])
    return np.stack(images).astype(np.uint8)


def stripes(count, height, width, generator) -> np.ndarray:
    """Black and white rows, columns or checks of a period of 1 to 8 pixels."""
    y, x = np.mgrid[:height, :width]
    images = [((y * a + x * b) // period % 2 * 255) for period, (a, b) in
              zip(generator.integers(1, 9, count), generator.choice([[1, 0], [0, 1], [1, 1]], (count,)))]
    return np.repeat(np.stack(images)[:, None], 3, axis=1).astype(np.uint8)


def extreme_contrast(planes: np.ndarray, generator) -> np.ndarray:
    """Real images with the contrast raised 1.5 to 6 times, or every value at 0 or 255, or inverted."""
    centred, kind = planes.astype(np.float32) - 128, generator.integers(0, 3, (len(planes), 1, 1, 1))
    gain = generator.uniform(1.5, 6, (len(planes), 1, 1, 1))
    result = np.select([kind == 0, kind == 1], [(centred > 0) * 255.0, centred * gain + 128], 127 - centred)
    return result.clip(0, 255).astype(np.uint8)


SYNTHETIC = {"constant": constant, "uniform noise": uniform_noise, "binary noise": binary_noise, "gaussian noise": gaussian_noise,
             "blocks": blocks, "stripes": stripes}


def stress_mixture(planes: np.ndarray, count: int, generator: np.random.Generator, moves: IdleMoves) -> np.ndarray:
    """`count` images for a training batch: half moved as idle slots have them, the rest from the other families in turn; planes are the batch's images."""
    height, width = planes.shape[2:]
    pick = lambda n: planes[generator.integers(0, len(planes), n)]
    real = pick(count - count // 2)
    parts = [moves.apply(real, moves.draw(real, generator))]
    families = generator.permutation(len(SYNTHETIC) + 1)[:count // 2] if count // 2 <= len(SYNTHETIC) else generator.integers(0, len(SYNTHETIC) + 1, count // 2)
    for family in families:
        is_synthetic = family < len(SYNTHETIC)
        parts.append(list(SYNTHETIC.values())[family](1, height, width, generator) if is_synthetic else extreme_contrast(pick(1), generator))
    return np.concatenate(parts)
