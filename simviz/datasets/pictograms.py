"""pictograms: 64 everyday things in 8 groups, as several designers drew them.

Each image is one glyph in random colours, size, place, tilt and direction. What is learned is a
thing's shape, and what is tested is whether a drawing of it by somebody else is recognised: for every
class one whole icon family is kept for the test part.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset, content_fingerprint
from simviz.datasets.glyphs import FAMILIES, renderings
from simviz.datasets.pictogram_classes import CLASSES, WORDS
from simviz.datasets.strokes import colour_pairs

VERSION = 3  # raised when the drawing changes: cached sets of older versions are then not used
SIZE = 32
PER_CLASS = {TRAIN: 140, VALIDATION: 20, TEST: 40}
_MASK = 48  # pixels of a mask, also kept at half that size for small drawings


def classes() -> ClassSet:
    """The 64 classes with their groups and words."""
    group = {name: g for g, members in CLASSES.items() for name in members}
    return ClassSet(list(group), groups=group, words=WORDS)


def designs(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The designs of a class for training and validation, and the designs for the test part.

    The test part gets a whole icon family: one that leaves at least two designs to train on, picked by
    a hash of the class name, so that no family belongs to one side only.
    """
    drawn = next(cs[name] for cs in CLASSES.values() if name in cs).split()
    of = {f: [d for d in drawn if d.startswith(f + ":")] for f in FAMILIES}
    able = [f for f, ds in of.items() if ds and len(drawn) - len(ds) >= 2]
    held_out = able[hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % len(able)]
    return tuple(d for d in drawn if d not in of[held_out]), tuple(of[held_out])


def draw(size: int = SIZE, seed: int = 0) -> ImageDataset:
    """Draw the whole set: 64 x (140 training + 20 validation + 40 test) images.

    Parameters
    ----------
    size : side of the images in pixels.
    seed : of colours, places and glyphs; the split into designs does not depend on it.
    """
    known = classes()
    rng = np.random.default_rng(seed)
    all_designs: list[str] = []
    labels, units, split = [], [], []
    for number, name in enumerate(known):
        shared, unseen = designs(name)
        first = len(all_designs)
        all_designs += [*shared, *unseen]
        for part, count in PER_CLASS.items():
            low, high = (len(shared), len(shared) + len(unseen)) if part == TEST else (0, len(shared))
            # every design equally often, up to one image
            units.append(first + rng.permutation(low + np.arange(count) % (high - low)))
            labels.append(np.full(count, number))
            split.append(np.full(count, part))
    label, unit = np.concatenate(labels), np.concatenate(units)
    parts = np.concatenate(split).astype(np.uint8)
    ids = np.array([f"{all_designs[u]}#{i}" for i, u in enumerate(unit)])
    images = compose(*_masks(tuple(all_designs)), unit, size, rng)
    return ImageDataset(
        name="pictograms",
        classes=known,
        images=images,
        labels=label.astype(np.int64),
        units=unit.astype(np.int64),
        ids=ids,
        split=parts,
        fingerprint=content_fingerprint(known, images, label, ids, parts),
        unit_name="design",
        augment=("flip",),  # place is random already; a crop would only add a black border
    )


@functools.lru_cache(maxsize=2)
def _masks(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Masks (M, 48, 48) of all renderings of all designs, and where each design's begin (D + 1,)."""
    drawn = [renderings(name, _MASK) for name in names]
    return np.concatenate(drawn), np.cumsum([0, *(len(d) for d in drawn)])


def compose(masks: np.ndarray, starts: np.ndarray, unit: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Images of the designs `unit` in random renderings, colours and poses.

    Parameters
    ----------
    masks : float32 (M, S, S), 1 where the glyph is.
    starts : int (D + 1,); the renderings of design d are ``masks[starts[d]:starts[d + 1]]``.
    unit : int (N,), the design of each image.

    Returns
    -------
    uint8 (N, size, size, 3). Colours, scale (0.55 to 0.95 of the image), place (the upright box stays inside),
    tilt (at most 15 degrees) and left-right direction are drawn independently of `unit`.
    """
    n = len(unit)
    which = starts[unit] + (rng.random(n) * (starts[unit + 1] - starts[unit])).astype(int)
    scale = rng.uniform(0.55, 0.95, n)
    angle = np.radians(rng.uniform(-15, 15, n))
    flip = rng.choice([-1.0, 1.0], n)
    room = (1 - scale) * size / 2
    shift = rng.uniform(-1, 1, (n, 2)) * room[:, None]
    colours = colour_pairs(n, rng)
    small = masks.reshape(len(masks), masks.shape[1] // 2, 2, masks.shape[2] // 2, 2).mean((2, 4))
    half = scale * size < 0.75 * masks.shape[1]  # sampling every second pixel of a mask would alias
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for level, rows in ((small, np.flatnonzero(half)), (masks, np.flatnonzero(~half))):
        padded = np.pad(level, ((0, 0), (1, 1), (1, 1)))
        for start in range(0, len(rows), 512):  # a few megabytes at a time stay in the processor's cache
            r = rows[start : start + 512]
            cover = _sample(padded, which[r], scale[r] * size, angle[r], flip[r], shift[r], size)
            front, back = colours[r, 0, None, None], colours[r, 1, None, None]
            images[r] = np.rint(back + cover[..., None] * (front - back))
    return images


def _sample(
    masks: np.ndarray,
    which: np.ndarray,
    extent: np.ndarray,
    angle: np.ndarray,
    flip: np.ndarray,
    shift: np.ndarray,
    size: int,
) -> np.ndarray:
    """float32 (n, size, size): masks bilinearly resampled under a rotation, scale, flip and shift each.

    `masks` has a border of one empty pixel; `extent` is the side of the drawn glyph in image pixels.
    """
    side = masks.shape[1]
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    column = lambda v: np.asarray(v, dtype=np.float32)[:, None, None]  # noqa: E731
    x, y = axis[None, None, :] - column(shift[:, 0]), axis[None, :, None] - column(shift[:, 1])
    per_pixel = (side - 2) / extent  # mask pixels per image pixel
    cos, sin = per_pixel * np.cos(angle), per_pixel * np.sin(angle)
    centre = (side - 1) / 2
    u = np.clip(column(flip * cos) * x + column(flip * sin) * y + centre, 0, side - 1.001)
    v = np.clip(column(cos) * y - column(sin) * x + centre, 0, side - 1.001)
    left, top = u.astype(np.int32), v.astype(np.int32)
    u -= left
    v -= top
    flat = masks.ravel()
    at = (which * side * side).astype(np.int32)[:, None, None] + top * side + left
    upper = flat[at] * (1 - u) + flat[at + 1] * u
    lower = flat[at + side] * (1 - u) + flat[at + side + 1] * u
    return upper * (1 - v) + lower * v
