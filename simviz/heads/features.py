"""Frozen penultimate features with their classes and units, and how they are split into halves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.evaluation.gain import halves
from simviz.evaluation.probabilities import checked_labels

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Features:
    """What a network that is not trained any more says of N samples; make it with `features`.

    Attributes
    ----------
    values : float32 (N, F)
    target : int64 (N,)
    units : int64 (N,)
        Samples of one unit (a person, a design) are not independent.
    num_classes : int
        C.
    """

    values: NDArray[np.float32]
    target: Rows
    units: Rows
    num_classes: int

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: ArrayLike) -> Features:
        """Some of the samples: indices, or a mask (N,)."""
        at = np.asarray(rows)
        return Features(self.values[at], self.target[at], self.units[at], self.num_classes)

    @cached_property
    def counts(self) -> Rows:
        """Samples of each class, int64 (C,)."""
        return np.bincount(self.target, minlength=self.num_classes)

    def spread(self, most: int, seed: int = 0) -> Features:
        """At most `most` samples, the classes as even as they can be, drawn by the seed; in their old order."""
        if len(self) <= most:
            return self
        order = np.random.default_rng(seed).permutation(len(self))
        best = order[np.argsort(_places(self.target[order]), kind="stable")][:most]
        return self.take(np.sort(best))

    def sample(self, most: int, seed: int = 0) -> Features:
        """About `most` of the samples, whole units drawn by the seed, so that classes keep their shares; in order.

        Of a class of several units at least two stay, whatever its share: a head of either half has to know it.
        """
        if len(self) <= most:
            return self
        _, first, at, sizes = np.unique(self.units, return_index=True, return_inverse=True, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(first))
        kept = (sizes[order].cumsum() <= most) | (_places(self.target[first[order]]) < 2)
        return self.take(np.isin(at, order[kept]))

    def halves(self, seed: int = 0) -> tuple[Rows, Rows]:
        """`evaluation.gain.halves` of the samples: two sets of row indices with no unit in common."""
        return halves(self.units, self.target, seed)


def _places(labels: Rows) -> Rows:
    """The how-manyth of its class each entry is, from 0."""
    order = np.argsort(labels, kind="stable")
    places = np.empty(len(labels), dtype=np.int64)
    places[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    return places


def features(values: ArrayLike, target: ArrayLike, num_classes: int, units: ArrayLike | None = None) -> Features:
    """Checked features.

    Parameters
    ----------
    values : real (N, F)
    target : integer (N,), in 0 ... num_classes - 1
    num_classes : C, at least 1
    units : integer or str (N,), optional
        The unit of each sample; every sample is its own where it is left out. Names are numbered.

    Raises
    ------
    ValueError
        No samples or no features, another shape, a value that is not finite (naming its row and column), a
        target outside the classes, units of another length.

    Source
    ------
    Ours.

    >>> features([[0.0, 1.0], [2.0, 3.0]], [0, 1], 2).values.dtype
    dtype('float32')
    """
    table = np.asarray(values)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"the features have the shape {table.shape}; (samples, features) is needed, neither of them 0")
    if table.dtype.kind not in "fiub":
        raise ValueError(f"the features have the type {table.dtype}; real numbers are needed")
    if num_classes < 1:
        raise ValueError(f"there are {num_classes} classes; at least 1 is needed")
    narrow = table.astype(np.float32, copy=False)
    good = np.isfinite(narrow)
    if not good.all():
        row, column = map(int, np.argwhere(~good)[0])
        raise ValueError(
            f"feature {column} of row {row} is {table[row, column]}, and {int((~good).sum()):,} values in all are not "
            "finite; leave these samples out or compute their features again"
        )
    labels = checked_labels(target, num_classes, count=len(narrow))
    if units is None:
        return Features(narrow, labels, np.arange(len(narrow)), num_classes)
    given = np.asarray(units)
    if given.shape != labels.shape:
        raise ValueError(f"units have the shape {given.shape} for {len(labels):,} samples; one a sample is needed")
    if given.dtype.kind not in "iu":
        given = np.unique(given, return_inverse=True)[1]
    return Features(narrow, labels, given.astype(np.int64), num_classes)


def drawn(labels: ArrayLike, rows: Rows, most: int) -> Rows:
    """At most `most` of the rows of a data set, the classes as even as they can be."""
    known = np.asarray(labels)
    places = np.arange(len(rows))
    numbered = features(places[:, None], known[rows], int(known.max()) + 1, places)
    return rows[numbered.spread(most).units]
