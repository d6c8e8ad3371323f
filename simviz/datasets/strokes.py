"""What the drawn sets share: colours with contrast, strokes and discs for many images at once.

Coordinates are pixels from the middle of the image, x to the right and y down. A cover is the share of
each pixel that a shape fills, from its distance to the pixel's middle: edges are smooth without
drawing anything larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import ImageDataset, content_fingerprint

CHUNK = 256  # images drawn at once: a few megabytes stay in the processor's cache
_MIN_CONTRAST = 80.0  # how much darker, in luma of 255, the front is at least than its ground


def colour_pairs(n: int, rng: np.random.Generator) -> np.ndarray:
    """float32 (n, 2, 3): front and ground, uniform among the pairs with a front darker by enough.

    With either way round a small network spends its first epochs learning that the sign does not matter.
    """
    pairs = rng.integers(0, 256, (n, 2, 3)).astype(np.float32)
    luma = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    poor = np.arange(n)
    while len(poor := poor[np.abs(np.diff(pairs[poor] @ luma, axis=1)[:, 0]) < _MIN_CONTRAST]):
        pairs[poor] = rng.integers(0, 256, (len(poor), 2, 3))
    order = np.argsort(pairs @ luma, axis=1)
    return np.take_along_axis(pairs, order[:, :, None], 1)


def disc(centre: np.ndarray, radius: np.ndarray, size: int) -> np.ndarray:
    """Cover float32 (n, size, size) of discs: `centre` (n, 2) as x, y and `radius` (n,)."""
    return stroke(centre, centre, radius, size)


def stroke(start: np.ndarray, end: np.ndarray, half_width: np.ndarray, size: int) -> np.ndarray:
    """Cover float32 (n, size, size) of straight strokes with round ends.

    `start` and `end` are (n, 2) as x, y, `half_width` is (n,). The distance of a point p to the stroke
    is ``|p - start - t (end - start)|`` with t the projection of p, cut to [0, 1].
    """
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    column = lambda v: np.asarray(v, dtype=np.float32)[:, None, None]  # noqa: E731
    dx, dy = column(end[:, 0] - start[:, 0]), column(end[:, 1] - start[:, 1])
    x, y = axis[None, None, :] - column(start[:, 0]), axis[None, :, None] - column(start[:, 1])
    along = x * dx + y * dy
    along /= np.maximum(dx * dx + dy * dy, np.float32(1e-12))
    np.clip(along, 0, 1, out=along)
    away = np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2)  # np.hypot takes five times as long
    return np.clip(column(half_width) + np.float32(0.5) - away, 0, 1)


def paint(images: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    """Lay a colour (n, 3) over float32 images (n, H, W, 3) where the cover (n, H, W) is, in place."""
    images += cover[..., None] * (colour[:, None, None, :] - images)


def hand(angle: np.ndarray, length: np.ndarray) -> np.ndarray:
    """float64 (n, 2): x, y from the middle to the tip of a hand, `angle` in turns clockwise from above."""
    return np.stack([np.sin(2 * np.pi * angle), -np.cos(2 * np.pi * angle)], 1) * length[:, None]


def balanced(num_classes: int, per_class: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 (N,) and parts uint8 (N,): as many images of each class and part as `per_class` says."""
    labels = np.repeat(np.arange(num_classes, dtype=np.int64), sum(per_class.values()))
    split = np.tile(np.repeat(np.array(list(per_class), np.uint8), list(per_class.values())), num_classes)
    return labels, split


def drawn(
    name: str, classes: ClassSet, images: np.ndarray, labels: np.ndarray, split: np.ndarray, ids: np.ndarray
) -> ImageDataset:
    """A drawn set in which every image is its own unit and no augmentation keeps the class."""
    about: dict[str, Any] = {"classes": classes, "images": images, "labels": labels, "ids": ids, "split": split}
    units = np.arange(len(labels), dtype=np.int64)
    return ImageDataset(name=name, units=units, fingerprint=content_fingerprint(**about), **about)
