"""clock: read the minute hand of an analogue clock; 60 classes on a circle.

The circular drawn set: minute 59 lies next to minute 0. The hour hand is there too, shorter and
thicker, and stands where it stands at that minute of a random hour.
"""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset
from simviz.datasets.strokes import CHUNK, balanced, colour_pairs, disc, drawn, hand, paint, stroke

VERSION = 1  # raised when the drawing changes
SIZE = 32
MINUTES = 60
PER_CLASS = {TRAIN: 120, VALIDATION: 15, TEST: 30}


def classes() -> ClassSet:
    """Minutes 0 to 59 with their positions and a period of 60."""
    minutes = range(MINUTES)
    return ClassSet([str(m) for m in minutes], positions=list(minutes), period=MINUTES)


def draw(size: int = SIZE, seed: int = 0) -> ImageDataset:
    """Draw the whole set: 60 x (120 training + 15 validation + 30 test) clocks, each its own unit.

    Parameters
    ----------
    size : side of the images in pixels.
    seed : of everything random: hours, colours, sizes and places.
    """
    rng = np.random.default_rng(seed)
    labels, split = balanced(MINUTES, PER_CLASS)
    images = compose(labels, size, rng)
    return drawn("clock", classes(), images, labels, split, np.array([f"clock#{i}" for i in range(len(labels))]))


def compose(minutes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, size, size, 3): clocks whose minute hand points at `minutes` (N,), 6 degrees each.

    Hour, colours, the radius of the face (0.4 to 0.48 of the image), its place, the lengths and widths
    of the hands are drawn independently of the minute.
    """
    n = len(minutes)
    turn = np.asarray(minutes) / MINUTES
    hour = (rng.integers(0, 12, n) + turn) / 12
    radius = rng.uniform(0.4, 0.48, n) * size
    place = rng.uniform(-1, 1, (n, 2)) * (size / 2 - radius)[:, None]
    long = place + hand(turn, rng.uniform(0.82, 0.95, n) * radius)
    short = place + hand(hour, rng.uniform(0.4, 0.55, n) * radius)
    width = rng.uniform(0.02, 0.035, n) * size  # half of it, of the minute hand
    ink, ground = colour_pairs(n, rng), rng.integers(0, 256, (n, 3)).astype(np.float32)
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        r = slice(start, start + CHUNK)
        picture = np.repeat(np.repeat(ground[r, None, None], size, 1), size, 2)
        paint(picture, disc(place[r], radius[r], size), ink[r, 1])
        hands = stroke(place[r], short[r], 1.6 * width[r], size)
        paint(picture, np.maximum(hands, stroke(place[r], long[r], width[r], size)), ink[r, 0])
        images[r] = np.rint(picture)
    return images
