"""The confusion matrix, and what a ruler says about it. Row = true class, always C x C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.evaluation.probabilities import checked_labels

if TYPE_CHECKING:
    from simviz.classes import ClassSet
    from simviz.evaluation.ruler import Ruler

NORMALISATIONS = ("counts", "true", "predicted", "all")


def confusion_matrix(target: ArrayLike, predicted: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """How often class i was taken for class j.

    Parameters
    ----------
    target, predicted : integers, shape (N,)
        Class indices in [0, num_classes).
    num_classes : int
        C. A class that never occurs keeps its row and column of zeros.

    Returns
    -------
    int64, shape (C, C)
        Row = true class, column = predicted class.

    Raises
    ------
    ValueError
        Naming the first row whose index lies outside the classes, or the lengths that differ.
    """
    target = checked_labels(target, num_classes)
    predicted = checked_labels(predicted, num_classes, "predicted", len(target))
    pairs = target * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes).astype(np.int64, copy=False)


def checked_confusion(confusion: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """A (C, C) table of counts as int64; ValueError names the shape or the entry that is wrong."""
    table = np.asarray(confusion)
    if table.shape != (num_classes, num_classes):
        raise ValueError(f"confusion has the shape {table.shape} for {num_classes} classes")
    if table.dtype.kind not in "biuf":
        raise ValueError(f"confusion is {table.dtype}; counts are whole numbers")
    bad = ~np.isfinite(table) | (table < 0) | (table != np.floor(table))
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(f"confusion[{i}, {j}] is {table[i, j]}; a count is a whole number, not negative")
    return table.astype(np.int64, copy=False)


def normalise(confusion: ArrayLike, by: str = "counts", values: ArrayLike | None = None) -> NDArray[np.float64]:
    """The table divided by its row sums ("true"), column sums ("predicted") or total ("all").

    "true" makes rows sum to 1 (the diagonal is the recall), "predicted" makes columns sum to 1 (the
    diagonal is the precision); rows or columns without samples stay 0. "counts" changes nothing. With
    `values`, float (C, C), these are divided in place of the counts, by the sums of the counts: the
    summed distance of each cell's mistakes becomes a mean cost.
    Returns float64 (C, C). ValueError for another `by`, a table that is not square, `values` of another
    shape, or an entry that is negative or not finite.
    """
    if by not in NORMALISATIONS:
        raise ValueError(f"by is {by!r}; it is one of {', '.join(NORMALISATIONS)}")
    table = np.asarray(confusion, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(f"confusion is {' x '.join(map(str, table.shape))}; it must be square")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError("confusion holds an entry that is negative or not finite; counts are needed")
    top = table if values is None else np.asarray(values, dtype=np.float64)
    if top.shape != table.shape:
        raise ValueError(f"values has the shape {top.shape} for a table of shape {table.shape}")
    if by == "counts":
        return top.copy()
    axis = {"true": 1, "predicted": 0, "all": None}[by]
    total = table.sum(axis=axis, keepdims=True)
    return np.divide(top, total, out=np.zeros_like(table), where=total > 0)


def confusion_order(confusion: ArrayLike) -> list[int]:
    """Class indices in which classes that are taken for each other stand side by side.

    The leaves (see `anatomy.leaf_order`) of the average-linkage tree of D_ij = 1 - s_ij / max s,
    s_ij = (P_ij + P_ji) / 2 off the diagonal, P the rows as shares ("true"). Without a mistake the order of the
    classes is kept. (Ours.)
    """
    from simviz.matrices import ClassMatrix, anatomy

    share = normalise(confusion, "true")
    near = (share + share.T) / 2
    np.fill_diagonal(near, 0)
    distance = 1 - near / (near.max(initial=0) or 1.0)
    np.fill_diagonal(distance, 0)
    return anatomy.leaf_order(ClassMatrix([str(i) for i in range(len(near))], distance, "distance"))


def class_severity(confusion: ArrayLike, ruler: Ruler) -> dict[str, NDArray[Any]]:
    """How many errors each true class has, and how far they go under the ruler.

    Returns
    -------
    dict of arrays, each of shape (C,)
        ``count`` (samples, int64), ``errors`` (int64), ``error_rate``, ``mean_cost`` (over all samples
        of the class) and ``severity`` (mean cost of its mistakes), the last two in units of the ruler.
        NaN where a class has no sample, or no mistake. mean_cost = error_rate x severity.
    """
    distance = ruler.distance
    table = checked_confusion(confusion, len(distance))
    count = table.sum(axis=1)
    errors = count - np.diagonal(table)
    cost = (table * distance).sum(axis=1)
    return {
        "count": count,
        "errors": errors,
        "error_rate": _ratio(errors, count),
        "mean_cost": _ratio(cost, count),
        "severity": _ratio(cost, errors),
    }


def error_distances(confusion: ArrayLike, ruler: Ruler) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How far the mistakes go: ascending distances that occur, in units of the ruler, and how many mistakes each has.

    Exact values, no bins; the counts sum to the number of mistakes. Both arrays are empty without a mistake.
    """
    distance = ruler.distance
    table = checked_confusion(confusion, len(distance))
    wrong = (table > 0) & ~np.eye(len(table), dtype=bool)
    distances, at = np.unique(distance[wrong], return_inverse=True)
    counts = np.zeros(len(distances), dtype=np.int64)
    np.add.at(counts, at, table[wrong])
    return distances, counts


def top_pairs(confusion: ArrayLike, ruler: Ruler, classes: ClassSet, n: int = 20) -> list[dict[str, Any]]:
    """The `n` most frequent confusions (true class, predicted class), the farther one first among equals.

    Each is a dict: ``true`` and ``predicted`` (names), ``count``, ``share`` (of the true class's
    samples), ``distance`` (units of the ruler) and ``cost`` = count x distance.
    """
    distance = ruler.distance_for(classes)
    table = checked_confusion(confusion, len(classes))
    true, predicted = np.nonzero(table * ~np.eye(len(table), dtype=bool))
    count, far = table[true, predicted], distance[true, predicted]
    totals = table.sum(axis=1)
    return [
        {
            "true": classes.names[true[i]],
            "predicted": classes.names[predicted[i]],
            "count": int(count[i]),
            "share": float(count[i] / totals[true[i]]),
            "distance": float(far[i]),
            "cost": float(count[i] * far[i]),
        }
        for i in np.lexsort((-far, -count))[: max(0, n)]
    ]


def _ratio(top: NDArray[Any], bottom: NDArray[Any]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
