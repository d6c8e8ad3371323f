"""In which cells do two sets of runs differ? Exact sign flips of whole units, a cell at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.evaluation.probabilities import checked_labels
from simviz.evaluation.statistics import benjamini_hochberg

Floats = NDArray[np.float64]
LATTICE = 4096  # into how many steps values that are no whole numbers are rounded


@dataclass(frozen=True)
class CellDifferences:
    """What `cell_differences` found, every array of shape (K, K): row = true, column = predicted.

    Attributes
    ----------
    change : float
        A - B: mean count a run (or mean summed weight).
    p, adjusted : float
        Sign-flip p and its Benjamini-Hochberg adjustment; NaN where the cell was not tested.
    differing : int64
        In how many units the cell differs.
    steady : bool
        Whether no seed points the other way (see `cell_differences`).
    units, needed : int
        Units in all, and in how many a cell must differ before its p can reach `level` at all.
    level : float
    """

    change: Floats
    p: Floats
    adjusted: Floats
    differing: NDArray[np.int64]
    steady: NDArray[np.bool_]
    units: int
    needed: int
    level: float

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Cells that differ in at least `needed` units."""
        return ~np.isnan(self.p)

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Cells whose adjusted p is at most `level` and about whose sign the seeds agree."""
        return (np.nan_to_num(self.adjusted, nan=1.0) <= self.level) & self.steady


@dataclass(frozen=True)
class Answers:
    """What one run decided: ids str (N,); units, target and predicted int64 (N,)."""

    ids: NDArray[np.str_]
    units: NDArray[np.int64]
    target: NDArray[np.int64]
    predicted: NDArray[np.int64]


def joined_differences(
    a: Sequence[Answers], b: Sequence[Answers], num_classes: int, **how: Any
) -> CellDifferences | None:
    """`cell_differences` of samples joined by their ids; None where the runs did not all answer the same ones."""
    every = [*a, *b]
    orders = [np.argsort(run.ids, kind="stable") for run in every]
    first, order = every[0], orders[0]
    ids, target = first.ids[order], first.target[order]
    for run, own in zip(every, orders, strict=True):
        if not (np.array_equal(run.ids[own], ids) and np.array_equal(run.target[own], target)):
            return None
    said = [run.predicted[own] for run, own in zip(every, orders, strict=True)]
    return cell_differences(target, said[: len(a)], said[len(a) :], first.units[order], num_classes, **how)


def cell_differences(
    target: ArrayLike,
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    units: ArrayLike,
    num_classes: int,
    *,
    rows: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    paired: bool = True,
    level: float = 0.05,
) -> CellDifferences:
    """Test every cell of the difference of two confusion matrices on units.

    d_u = (mean over A's runs) - (mean over B's runs) of the unit's count in the cell. If A and B were
    exchangeable, each unit's d_u could as well have the other sign: p is the share of the 2^m sign patterns of
    the m units that differ whose |sum| is at least the observed one. All patterns are counted, by
    inverting the characteristic function prod_u cos(theta d_u); no random numbers. Cells whose smallest
    p, 2/2^m, exceeds `level` are not tested (that depends on |d_u| alone, on which the test conditions;
    Tarone 1990), the others are adjusted together (Benjamini & Hochberg 1995).

    The test is about these runs on other units. What other seeds would do it cannot say; `steady` guards against
    the coarsest mistake: with `paired` no seed's A - B has the opposite sign; otherwise the ranges over
    A's and B's runs do not overlap. (The test and its combination are ours.)

    Parameters
    ----------
    target : integers, shape (N,)
        True classes.
    a, b : sequences of integer arrays, shape (N,)
        Predicted classes, one array a run.
    units : shape (N,)
        Samples with an equal entry belong together.
    num_classes : int
        C.
    rows : integers, shape (C,), optional
        The row and column, 0 ... K-1, into which each class falls; every class its own if None.
    weights : float, shape (C, C), optional
        What a sample counts in its cell, e.g. the distance of the mistake; not negative. Where the sums of
        a unit are no whole numbers they are rounded to 1/4096 of the cell's total.
    paired : bool
        Whether run s of A and run s of B share their seed.

    Raises
    ------
    ValueError
        For no runs, lengths that differ, labels outside the classes, or `paired` with unequal numbers of runs.
    """
    truth = checked_labels(target, num_classes)
    if not len(a) or not len(b):
        raise ValueError(f"A has {len(a)} runs and B {len(b)}; each needs at least one")
    if paired and len(a) != len(b):
        raise ValueError(f"A has {len(a)} runs and B {len(b)}; runs can only be paired one to one")
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    if unit.shape != truth.shape:
        raise ValueError(f"units has the shape {np.shape(units)} for {len(truth)} samples")
    to = np.arange(num_classes) if rows is None else np.asarray(rows)
    cost = None if weights is None else np.asarray(weights, dtype=np.float64)
    size = int(to.max()) + 1
    common = math.lcm(len(a), len(b))
    cells, values = [], []
    for runs, sign, what in ((a, 1, "a"), (b, -1, "b")):
        for run in runs:
            predicted = checked_labels(run, num_classes, f"a run of {what}", len(truth))
            cells.append(to[truth] * size + to[predicted])
            weight = np.ones(len(truth)) if cost is None else cost[truth, predicted]
            values.append(sign * weight * (common // len(runs)))
    steady = _steady(cells, values, len(a), size, paired)
    cell, sums = _per_unit(np.concatenate(cells), np.concatenate(values), np.tile(unit, len(cells)))
    change = np.bincount(cell, sums, size**2) / common
    differing = np.bincount(cell, minlength=size**2)
    needed = math.ceil(1 - math.log2(level) - 1e-9)
    p = _p_values(cell, sums, np.flatnonzero(differing >= needed), size**2)
    adjusted = np.full(size**2, np.nan)
    tested = ~np.isnan(p)
    adjusted[tested] = benjamini_hochberg(p[tested])
    square = (size, size)
    return CellDifferences(
        change.reshape(square),
        p.reshape(square),
        adjusted.reshape(square),
        differing.reshape(square),
        steady.reshape(square),
        len(names),
        needed,
        level,
    )


def _per_unit(cell: NDArray[np.intp], value: Floats, unit: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Sum by (cell, unit), without the sums that are 0, in ascending order of cells: (cell, sum)."""
    count = int(unit.max(initial=0)) + 1
    keys, at = np.unique(cell.astype(np.int64) * count + unit, return_inverse=True)
    sums = np.bincount(at, value, len(keys))
    moved = np.abs(sums) > 1e-9 * np.abs(value).max(initial=1)
    return keys[moved] // count, sums[moved]


def _p_values(cell: NDArray[np.intp], sums: Floats, asked: NDArray[np.intp], size: int) -> Floats:
    """The sign-flip p of each asked cell; NaN for the others."""
    found = np.full(size, np.nan)
    known: dict[tuple[bytes, int], float] = {}
    starts, ends = np.searchsorted(cell, asked), np.searchsorted(cell, asked, side="right")
    for place, start, end in zip(asked, starts, ends, strict=True):
        steps = _whole(sums[start:end])
        key = np.sort(np.abs(steps)).tobytes(), abs(int(steps.sum()))
        if key not in known:
            known[key] = _sign_flip(*np.unique(np.abs(steps), return_counts=True), key[1])
        found[place] = known[key]
    return found


def _whole(values: Floats) -> NDArray[np.int64]:
    rounded = np.rint(values)
    if np.allclose(values, rounded, rtol=0, atol=1e-9):
        return rounded.astype(np.int64)
    return np.rint(values / (np.abs(values).sum() / LATTICE)).astype(np.int64)


def _sign_flip(steps: NDArray[np.int64], counts: NDArray[np.int64], observed: int) -> float:
    """P(|sum of +-steps| >= observed), each step as often as `counts` says."""
    total = int(steps @ counts)
    period = 2 * total + 2
    angle = 2 * np.pi * np.arange(period // 2 + 1) / period
    transform = np.ones(len(angle))
    for step, count in zip(steps, counts, strict=True):
        transform *= np.cos(step * angle) ** int(count)
    chance = np.fft.irfft(transform, period)[: total + 1]
    tail = 2 * float(chance[observed:].sum()) - (float(chance[0]) if observed == 0 else 0.0)
    return min(1.0, max(tail, 2.0 ** (1 - int(counts.sum()))))


def _steady(
    cells: list[NDArray[np.intp]], values: list[Floats], runs_of_a: int, size: int, paired: bool
) -> NDArray[np.bool_]:
    """Whether no seed points the other way; the values of B's runs are negative."""

    def table(run: int) -> Floats:
        return np.bincount(cells[run], values[run], size**2).astype(np.float64)

    if paired:
        low, high = _range(table(r) + table(runs_of_a + r) for r in range(runs_of_a))
        return (low >= -1e-9) | (high <= 1e-9)
    runs_of_b = len(cells) - runs_of_a
    a_low, a_high = _range(table(r) * runs_of_a for r in range(runs_of_a))
    b_low, b_high = _range(-table(runs_of_a + r) * runs_of_b for r in range(runs_of_b))
    return (a_low >= b_high - 1e-9) | (a_high <= b_low + 1e-9)


def _range(tables: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Smallest and largest value of each cell."""
    every = iter(tables)
    low = high = next(every)
    for table in every:
        low, high = np.minimum(low, table), np.maximum(high, table)
    return low, high
