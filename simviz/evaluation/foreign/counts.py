"""A ready confusion matrix, unfolded into as many samples as it counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation.foreign.files import MAX_CLASSES
from simviz.evaluation.foreign.guess import Guess
from simviz.evaluation.foreign.labels import Labels, class_names
from simviz.evaluation.foreign.table import Source

MAX_COUNTED = 2_000_000


def confusion(
    source: Source, guess: Guess, classes: ClassSet | None, aliases: Mapping[str, str] | None
) -> tuple[ClassSet, NDArray[np.int64]]:
    """The classes and the counts, int64 (C, C), row = true class.

    ValueError for entries that are no counts, margins, no counts at all or more than two million.
    """
    table, rows, columns = _table(source, guess)
    check = "rows" if table.shape[0] != len(rows) else "columns"
    if (len(rows), len(columns)) != table.shape or max(table.shape) > MAX_CLASSES:
        raise ValueError(
            f"the matrix of {source.name} is {table.shape[0]} x {table.shape[1]} and its {check} do not fit its class "
            f"names; a confusion matrix is square, with at most {MAX_CLASSES:,} classes"
        )
    _check_counts(table, rows, columns, source.name)
    if classes is None:
        classes = ClassSet([*rows, *(name for name in columns if name not in set(rows))])
    labels = Labels(classes, aliases)
    down, across = (labels.codes(names, f"the matrix of {source.name}") for names in (rows, columns))
    if len(set(down.tolist())) < len(down) or len(set(across.tolist())) < len(across):
        raise ValueError(f"two rows or two columns of {source.name} mean the same class")
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    counts[np.ix_(down, across)] = table
    return classes, counts if guess.rows == "true" else counts.T


def unfolded(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and predicted class of every sample counted, int64 (N,), in order of the true class."""
    true, predicted = np.nonzero(counts)
    times = counts[true, predicted]
    return np.repeat(true, times), np.repeat(predicted, times)


def _table(source: Source, guess: Guess) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """The numbers, and the class names of their rows and columns."""
    if guess.matrix is not None:
        table = source.numbers(guess.matrix)
        if table.ndim != 2 or table.shape[0] != table.shape[1]:
            raise ValueError(f"{guess.matrix!r} of {source.name} has the shape {table.shape}; a square one is needed")
        names = _names(source, guess.names) if guess.names else [str(i) for i in range(len(table))]
        return table.astype(np.float64), names, names
    cells = [n for n in source.arrays if n != guess.names and source.axes(n) == 1]
    if len({len(source[n]) for n in cells}) != 1 or len(cells) > MAX_CLASSES or len(source[cells[0]]) > MAX_CLASSES:
        raise ValueError(f"{source.name} is no square table of counts with at most {MAX_CLASSES:,} classes")
    table = np.column_stack([source.numbers(n).astype(np.float64) for n in cells])
    columns = class_names(cells, source.text) if source.named else [str(i) for i in range(len(cells))]
    return table, _names(source, guess.names) if guess.names else columns, columns


def _names(source: Source, name: str) -> list[str]:
    """An array of class names, each once, in the order of the file."""
    names = class_names(source.texts(name).tolist(), source.text)
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(f"{name!r} of {source.name} names the class {twice!r} twice")
    return names


def _check_counts(table: NDArray[np.float64], rows: list[str], columns: list[str], shown: str) -> None:
    strange = ~np.isfinite(table) | (table < 0) | (table != np.floor(table))
    if strange.any():
        i, j = np.argwhere(strange)[0]
        shares = np.isfinite(table).all() and (table >= 0).all() and table.max() <= 1
        way = "; for shares, save the counts from before they were normalised" if shares else ""
        raise ValueError(
            f"{shown} has {table[i, j]:g} for ({rows[i]!r}, {columns[j]!r}); a count is a whole number, "
            f"not negative{way}"
        )
    total = table.sum()
    if not 0 < total <= MAX_COUNTED:
        raise ValueError(f"the matrix of {shown} counts {total:,.0f} samples; between 1 and {MAX_COUNTED:,} are read")
    body = table[:-1, :-1]
    if len(table) > 2 and (table[-1, :-1] == body.sum(0)).all() and (table[:-1, -1] == body.sum(1)).all():
        raise ValueError(
            f"the last row and column of {shown}, {rows[-1]!r}, are the sums of the others; save the table without them"
        )
