"""The runs that learned a distance, read for the page of ground distances and the page of losses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation import RULERS
from simviz.matrices import ClassMatrix
from simviz.runs import Comparison, Run, StoreError
from simviz.ui import cache

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Learned:
    """A run and the distance it learned, epoch by epoch."""

    comparison: Comparison
    run: Run
    epochs: list[int]
    distances: Floats
    warmup: int

    @property
    def classes(self) -> ClassSet:
        return self.comparison.classes

    @cached_property
    def references(self) -> dict[str, Floats]:
        """The distances that are known beforehand, by name."""
        found: dict[str, Floats] = {}
        for name in (r for r in RULERS if r != "zero_one"):
            try:
                found[name] = cache.ruler(self.classes, name).distance
            except (ValueError, OSError, ImportError):
                continue
        return found

    def matrix(self, row: int) -> ClassMatrix:
        return ClassMatrix(self.classes, self.distances[row], "distance")


def learners(comparison: Comparison) -> list[Run]:
    """The runs of a comparison whose epochs hold a distance; none where the comparison is damaged."""
    try:
        return [r for r in comparison.runs if (files := _files(r)) and cache.keeps_distance(files[-1][1])]
    except (StoreError, OSError):
        return []


def read(comparison: Comparison, run: Run) -> Learned:
    """A run's distances; ValueError where they are damaged."""
    run.spec  # noqa: B018  (a damaged one is said here, once)
    files = [(epoch, file) for epoch, file in _files(run) if cache.keeps_distance(file)]
    values = cache.distances(tuple(file for _, file in files), len(comparison.classes))
    warm = [m["epoch"] for m in run.metrics() if m.get("warmup")]
    return Learned(comparison, run, [epoch for epoch, _ in files], values, max(warm, default=0))


def _files(run: Run) -> list[tuple[int, cache.Stamp]]:
    stamped = [(epoch, cache.stamp(run.path / "epochs" / f"{epoch:04d}.npz")) for epoch in run.epochs]
    return [(epoch, file) for epoch, file in stamped if file is not None]
