r"""gauge: a dial whose needle shows position + Gaussian noise, so that the best possible answer is known.

A class c, one of 20 with the same probability, has the position x_c = c. The needle points at the
reading

    t = x_c + sigma z,   z ~ N(0, 1),   sigma = 1,

and the image shows t and nothing else that depends on c. What is to be known about an image's class is
therefore known exactly:

    P(c | image) = exp(-(t - x_c)^2 / (2 sigma^2)) / sum_k exp(-(t - x_k)^2 / (2 sigma^2)).

This is the one set where "calibrated", "sharpened" and "regret" can be measured against the truth.
The reading of every image is part of its id, ``needle#17@4.3128``, so that it survives subsets, caches
and stored runs. Ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset
from simviz.datasets.strokes import CHUNK, balanced, colour_pairs, disc, drawn, hand, paint, stroke
from simviz.matrices.core import ClassMatrix

VERSION = 1  # raised when the drawing changes
SIZE = 32
POSITIONS = 20
SIGMA = 1.0  # of the noise, in positions
PER_CLASS = {TRAIN: 500, VALIDATION: 50, TEST: 200}
_SWEEP = 0.75  # turns from the lowest to the highest reading; a quarter below stays free
_MARGIN = 6 * SIGMA  # readings beyond the outer positions that the sweep still holds


def classes() -> ClassSet:
    """Positions 0 to 19."""
    positions = range(POSITIONS)
    return ClassSet([str(p) for p in positions], positions=list(positions))


def draw(size: int = SIZE, seed: int = 0) -> ImageDataset:
    """Draw the whole set: 20 x (500 training + 50 validation + 200 test) dials, each its own unit.

    Parameters
    ----------
    size : side of the images in pixels.
    seed : of everything random: noise, colours, sizes and places.
    """
    rng = np.random.default_rng(seed)
    labels, split = balanced(POSITIONS, PER_CLASS)
    readings = np.round(labels + SIGMA * rng.standard_normal(len(labels)), 4)  # what is drawn is what the id says
    ids = np.array([f"needle#{i}@{t:.4f}" for i, t in enumerate(readings)])
    return drawn("gauge", classes(), compose(readings, size, rng), labels, split, ids)


def compose(readings: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, size, size, 3): dials whose needle points at `readings` (N,), float.

    The sweep of 270 degrees holds readings from -6 to 25; a reading beyond them, one in 10^9, turns
    into the free quarter and still has an angle of its own. Colours, the radius of the dial, its place,
    the needle's length and width are drawn independently of the reading.
    """
    n = len(readings)
    middle, span = (POSITIONS - 1) / 2, POSITIONS - 1 + 2 * _MARGIN
    turn = (readings - middle) / span * _SWEEP
    radius = rng.uniform(0.42, 0.48, n) * size
    place = rng.uniform(-1, 1, (n, 2)) * (size / 2 - radius)[:, None]
    tip = place + hand(turn, rng.uniform(0.85, 0.95, n) * radius)
    width = rng.uniform(0.02, 0.035, n) * size  # half of it
    ink, ground = colour_pairs(n, rng), rng.integers(0, 256, (n, 3)).astype(np.float32)
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for start in range(0, n, CHUNK):
        r = slice(start, start + CHUNK)
        picture = np.repeat(np.repeat(ground[r, None, None], size, 1), size, 2)
        paint(picture, disc(place[r], radius[r], size), ink[r, 1])
        needle = stroke(place[r], tip[r], width[r], size)
        paint(picture, np.maximum(needle, disc(place[r], 2 * width[r], size)), ink[r, 0])
        images[r] = np.rint(picture)
    return images


def latents(ids: Sequence[str] | np.ndarray) -> NDArray[np.float64]:
    """The readings, float64 (N,) in positions, of images by their ids; ValueError for an id of another set."""
    try:
        return np.array([float(str(i).split("@")[1]) for i in ids], dtype=np.float64)
    except (IndexError, ValueError):
        odd = next(str(i) for i in ids if not str(i).startswith("needle#"))
        raise ValueError(
            f"{odd!r} is no id of the data set gauge: its ids end in the reading, needle#17@4.3128"
        ) from None


def posterior(dataset: ImageDataset) -> NDArray[np.float64]:
    """P(class | image), exactly.

    Parameters
    ----------
    dataset : the data set "gauge", or a part of it (`subset`, dropped classes: the posterior is then
        that among the classes left).

    Returns
    -------
    float64 (N, C); row i belongs to image i, column c to ``dataset.classes.names[c]``. Rows sum to 1.

    Raises
    ------
    ValueError
        For another data set: nobody knows its posterior.
    """
    return posterior_of(latents(dataset.ids), dataset.classes)


def posterior_of(readings: ArrayLike, classes: ClassSet) -> NDArray[np.float64]:
    """float64 (N, C): the posterior of each reading (N,) among `classes`, all of which are equally frequent."""
    if classes.positions is None:
        raise ValueError("the classes have no positions, so they are not those of gauge")
    away = np.asarray(readings, dtype=np.float64)[:, None] - np.array(classes.positions)
    exponent = -(away**2) / (2 * SIGMA**2)
    p = np.exp(exponent - exponent.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def bayes(
    dataset: ImageDataset, distance: ClassMatrix | ArrayLike | None = None, part: str = "test"
) -> dict[str, float]:
    """The best that any predictor can expect on the images of one part.

    Parameters
    ----------
    distance : (C, C) in the order of the classes, or a ClassMatrix of kind "distance". Without it
        there is no mean cost.

    Returns
    -------
    ``accuracy``   mean over the images of max_c p_c
    ``mae``        of min_j sum_c p_c |x_c - x_j|, in positions
    ``mean_cost``  of min_j sum_c p_c D[c, j]

    These are expectations over the class given each image. The labels that were drawn scatter around
    them: a network may be ahead of them, by luck, as much as behind.

    Raises
    ------
    ValueError
        For another data set, or a distance of another shape or kind.
    """
    p = posterior_of(latents(dataset.ids[dataset.indices(part)]), dataset.classes)
    x = np.array(dataset.classes.positions)
    best = {"accuracy": float(p.max(1).mean()), "mae": _least(p, np.abs(x[:, None] - x))}
    if distance is not None:
        best["mean_cost"] = _least(p, _distance(distance, dataset.classes))
    return best


def _least(p: NDArray[np.float64], distance: NDArray[np.float64]) -> float:
    return float((p @ distance).min(1).mean())


def _distance(distance: ClassMatrix | ArrayLike, classes: ClassSet) -> NDArray[np.float64]:
    if isinstance(distance, ClassMatrix):
        if distance.kind != "distance":
            raise ValueError(f"a {distance.kind} was given where a distance is needed; convert it with .to_distance()")
        distance = distance.aligned(classes).values
    values = np.asarray(distance, dtype=np.float64)
    if values.shape != (len(classes), len(classes)):
        raise ValueError(f"distance has the shape {values.shape} for {len(classes)} classes; give one of C x C")
    return values
