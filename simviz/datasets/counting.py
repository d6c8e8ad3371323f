"""counting: how many dots? 1 to 40 of them, apart from each other.

All dots of a picture have one size, drawn by lot for each picture and independent of their number, so
that the dark area alone tells the number only roughly.
"""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset
from simviz.datasets.strokes import CHUNK, balanced, colour_pairs, drawn

VERSION = 1  # raised when the drawing changes
SIZE = 64
MOST = 40
PER_CLASS = {TRAIN: 150, VALIDATION: 25, TEST: 50}
RADII = (1.0, 3.2)  # pixels at 64 x 64: the largest dots cover ten times the area of the smallest
GAP = 1.0  # pixels at 64 x 64: two dots are at least so far apart, edge to edge
_LEVELS = 65  # shades from ground to dot


def classes() -> ClassSet:
    """Numbers 1 to 40, positions the number of dots."""
    numbers = range(1, MOST + 1)
    return ClassSet([str(n) for n in numbers], positions=list(numbers))


def draw(size: int = SIZE, seed: int = 0) -> ImageDataset:
    """Draw the whole set: 40 x (150 training + 25 validation + 50 test) pictures, each its own unit.

    Parameters
    ----------
    size : side of the images in pixels. Much below 64 the gaps between dots are too narrow to see.
    seed : of everything random.
    """
    rng = np.random.default_rng(seed)
    labels, split = balanced(MOST, PER_CLASS)
    centres, radius = dots(labels + 1, rng)
    images = compose(labels + 1, centres, radius, size, rng)
    return drawn("counting", classes(), images, labels, split, np.array([f"dots#{i}" for i in range(len(labels))]))


def dots(counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places without overlap: dots are put down at random one after the other, and again where one is in the way.

    Returns
    -------
    centres : float32 (N, 40, 2), x and y in pixels at 64 x 64 from the upper left corner; the first
        ``counts[i]`` rows of picture i are its dots, the others lie far outside.
    radius : float32 (N,), uniform in its logarithm between `RADII`, whatever the count.
    """
    n = len(counts)
    radius = np.exp(rng.uniform(np.log(RADII[0]), np.log(RADII[1]), n)).astype(np.float32)
    centres = np.full((n, MOST, 2), -1e3, dtype=np.float32)
    placed = np.zeros(n, dtype=np.int64)
    open_ = np.flatnonzero(placed < counts)
    while len(open_):
        r = radius[open_]
        place = (r + 1)[:, None] + rng.random((len(open_), 2), dtype=np.float32) * (64 - 2 * (r + 1))[:, None]
        there = centres[open_, : placed[open_].max() + 1]
        x, y = there[:, :, 0] - place[:, None, 0], there[:, :, 1] - place[:, None, 1]
        good = (x * x + y * y).min(1) >= (2 * r + GAP) ** 2
        rows = open_[good]
        centres[rows, placed[rows]] = place[good]
        placed[rows] += 1
        open_ = open_[placed[open_] < counts[open_]]
    return centres, radius


def compose(
    counts: np.ndarray, centres: np.ndarray, radius: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """uint8 (N, size, size, 3): the dots of `dots` in random dark colours on random ground.

    Only the pixels around each dot are touched; dots are apart, so that no pixel belongs to two.
    """
    n, scale = len(counts), np.float32(size / 64)
    colours = colour_pairs(n, rng)
    reach = int(np.ceil(RADII[1] * scale + 1))
    window = np.arange(-reach, reach + 1)
    levels = np.linspace(0, 1, _LEVELS, dtype=np.float32)[:, None]
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        r = slice(start, start + CHUNK)
        front, ground = colours[r, :1], colours[r, 1:]
        palette = np.rint(ground + levels * (front - ground)).astype(np.uint8)
        level = np.zeros((len(palette), size, size), dtype=np.int32)
        picture, number = np.nonzero(np.arange(MOST) < counts[r, None])
        at = centres[r][picture, number] * scale - np.float32(0.5)  # in pixels whose middles are integers
        middle = np.rint(at).astype(np.int64)
        x, y = (middle[:, i, None] + window for i in (0, 1))
        square = ((y - at[:, 1:]) ** 2)[:, :, None] + ((x - at[:, :1]) ** 2)[:, None, :]
        share = (radius[r][picture] * scale + np.float32(0.5))[:, None, None] - np.sqrt(square)
        dot, row, column = np.nonzero(share > 0)
        share = np.minimum(share[dot, row, column], 1)
        level[picture[dot], y[dot, row], x[dot, column]] = np.rint(share * (_LEVELS - 1))
        level += (np.arange(len(level), dtype=np.int32) * _LEVELS)[:, None, None]
        images[r] = palette.reshape(-1, 3).take(level, axis=0)
    return images
