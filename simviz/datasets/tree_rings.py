"""tree-rings: sections of trunks, 1 to 20 years old; the age is the number of rings.

The ordered drawn set. A trunk's size, tint and place tell nothing of its age: the outer radius is
drawn from one range for all ages, so that only counting helps.
"""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset, content_fingerprint

VERSION = 1  # raised when the drawing changes
SIZE = 64
OLDEST = 20
MIN_RING = 1.3  # pixels at 64 x 64: the narrowest ring, at its narrowest place
PER_CLASS = {TRAIN: 300, VALIDATION: 50, TEST: 100}
_RADIUS = (27.6, 29.6)  # of the trunk at 64 x 64, mean over directions
_OVAL = 0.04  # the largest deviation of a trunk from a circle, relative to its radius
_REACH = 34  # pixels of the radial profile; beyond it lies the last colour, the ground
_STEPS = 16  # steps of the radial profile per pixel


def classes() -> ClassSet:
    """Ages 1 to 20, positions in years."""
    ages = range(1, OLDEST + 1)
    return ClassSet([str(a) for a in ages], positions=list(ages))


def draw(size: int = SIZE, seed: int = 0) -> ImageDataset:
    """Draw the whole set: 20 x (300 training + 50 validation + 100 test) trunks, each its own unit.

    Parameters
    ----------
    size : side of the images in pixels. Below 64 the narrowest rings are narrower than 1.3 pixels.
    seed : of everything random.
    """
    rng = np.random.default_rng(seed)
    per_age = sum(PER_CLASS.values())
    labels = np.repeat(np.arange(OLDEST, dtype=np.int64), per_age)
    split = np.tile(np.repeat(np.array(list(PER_CLASS), np.uint8), list(PER_CLASS.values())), OLDEST)
    images = compose(ring_edges(labels + 1, rng), size, rng)
    known = classes()
    ids = np.array([f"trunk#{i}" for i in range(len(labels))])
    return ImageDataset(
        name="tree-rings",
        classes=known,
        images=images,
        labels=labels,
        units=np.arange(len(labels), dtype=np.int64),
        ids=ids,
        split=split,
        fingerprint=content_fingerprint(known, images, labels, ids, split),
        augment=("flip",),
    )


def ring_edges(ages: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Outer radius of every ring.

    Returns
    -------
    float64 (N, 20), ascending: the first `age` entries of a row are the outer radii of its rings at
    64 x 64 pixels, the others repeat the radius of the trunk. The radius is drawn before, and
    independently of, the age's division of it; every ring is at least ``MIN_RING / (1 - 0.04)`` wide.
    """
    n = len(ages)
    radius = rng.uniform(*_RADIUS, n)
    least = MIN_RING / (1 - _OVAL)
    parts = rng.gamma(3.0, size=(n, OLDEST)) * (np.arange(OLDEST) < ages[:, None])
    spare = radius - ages * least
    width = least * (parts > 0) + parts / parts.sum(1, keepdims=True) * spare[:, None]
    return np.cumsum(width, 1)


def compose(edges: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, size, size, 3): trunks with the given ring edges in random tints, shapes and places.

    Rings are light and dark in turn; whether the first is light is drawn by lot, so that the bark does
    not tell odd from even.
    """
    n = len(edges)
    scale = size / 64
    shift = rng.uniform(-0.5, 0.5, (n, 2)) * scale
    oval, turn = rng.uniform(0, _OVAL, n), rng.uniform(0, np.pi, n)
    jitter = rng.uniform(0.75, 1.0, (n, OLDEST + 1)).astype(np.float32)  # no two rings are quite alike
    wood, contrast = rng.uniform(90, 200, (n, 1, 3)), rng.uniform(35, 55, (n, 1, 1)) * rng.choice([-1, 1], (n, 1, 1))
    ground = rng.uniform(0, 255, (n, 1, 3))
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for start in range(0, n, 128):  # a few megabytes at a time stay in the processor's cache
        r = slice(start, start + 128)
        tone, cover = _profiles(edges[r], jitter[r])
        inside = wood[r] + tone[..., None] * contrast[r]
        colours = np.rint(ground[r] + cover[..., None] * (inside - ground[r])).clip(0, 255).astype(np.uint8)
        column = lambda v: v[r].astype(np.float32)[:, None, None]  # noqa: B023, E731
        x, y = axis[None, None, :] - column(shift[:, 0]), axis[None, :, None] - column(shift[:, 1])
        square = x * x + y * y
        # radius seen by the rings: r (1 + oval cos 2(angle - turn)), without any trigonometry per pixel
        bent = (x * x - y * y) * column(oval * np.cos(2 * turn)) + x * (y * column(2 * oval * np.sin(2 * turn)))
        reach = np.sqrt(square) + bent / np.sqrt(np.maximum(square, 1e-6))
        at = np.minimum(reach * np.float32(_STEPS / scale), colours.shape[1] - 1).astype(np.int32)
        at += (np.arange(len(at), dtype=np.int32) * colours.shape[1])[:, None, None]
        images[r] = colours.reshape(-1, 3).take(at, axis=0)
    return images


def _profiles(edges: np.ndarray, jitter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (N, T) twice: along the radius, the ring's tone (-1 to 1) and whether there is wood (0 to 1).

    Averaged over one pixel, which does for circles what supersampling does for pixels.
    """
    radius = (np.arange(_REACH * _STEPS, dtype=np.float32) + 0.5) / _STEPS
    ring = np.zeros((len(edges), len(radius)), dtype=np.int64)
    for k in range(OLDEST):
        ring += radius > edges[:, k, None]
    tone = (1 - 2 * (ring % 2)) * np.take_along_axis(jitter, ring, 1)
    wood = (radius < edges[:, -1:]).astype(np.float32)
    return _averaged(tone), _averaged(wood)


def _averaged(profile: np.ndarray) -> np.ndarray:
    half = _STEPS // 2
    padded = np.concatenate([profile[:, half - 1 :: -1], profile, profile[:, : -half - 1 : -1]], 1)
    total = np.cumsum(padded, 1, dtype=np.float64)
    return ((total[:, _STEPS:] - total[:, :-_STEPS]) / _STEPS).astype(np.float32)
