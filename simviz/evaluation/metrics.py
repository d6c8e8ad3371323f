"""Every number simviz prints about predictions; see each key's definition in `metrics`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.confusion import checked_confusion, confusion_matrix
from simviz.evaluation.decoders import decided, in_order, position_distance, positions_of
from simviz.evaluation.probabilities import Chunk, checked_labels, checked_log_probabilities
from simviz.evaluation.ruler import Ruler
from simviz.matrices import ClassMatrix

ECE_BINS = 15
Metrics = dict[str, float | int | None]


def metrics(
    log_probabilities: ArrayLike,
    target: ArrayLike,
    *,
    classes: ClassSet,
    ruler: Ruler,
    decoder: str = "argmax",
    temperature: float | None = None,
    similarity: ClassMatrix | ArrayLike | None = None,
) -> Metrics:
    """All metrics that apply to these classes, as plain numbers.

    From the decoded classes (see `metrics_from_confusion`): accuracy, macro_recall, mean_cost,
    mistake_severity, superclass_accuracy, failed_superclass_accuracy, mae, mse, within_1, qwk,
    distinct_classes. From the probabilities p (of the decoder blurred: from
    S p / sum(S p)), whatever the decoder:

    ``top5``  share of samples whose true class is among the five most probable (ties: lower index
    first); only for more than five classes.
    ``nll``  mean of -log p_y, in nats; infinite where p_y = 0.
    ``ece``  expected calibration error of the most probable class: sum over 15 equal-width bins
    ((k-1)/15, k/15] of its probability, share of samples x |accuracy - mean probability| (Guo et al.
    2017, equation 3).
    ``rps``  ranked probability score, sum_i g_i (P_i - T_i)^2 over classes in order of position, P and T
    cumulated, g_i the gap to the next position: a sum, not a mean over classes, in units of the positions
    (the squared EMD of science and loss alike). Ordered classes without a period only.

    Parameters
    ----------
    log_probabilities : float16, float32 or float64, shape (N, C)
    target : int, shape (N,)
    classes, ruler
    decoder : see `decode`
    temperature : float, optional
        Applied to the probabilities before everything else.
    similarity : ClassMatrix or array_like (C, C), needed for the decoder blurred

    Returns
    -------
    dict
        float or int; None for a rate over no mistakes.

    Raises
    ------
    ValueError
        For no samples, a target outside the classes, a NaN, a row that does not sum to 1, or as `decode`.
    """
    values = checked_log_probabilities(log_probabilities, len(classes))
    labels = checked_labels(target, len(classes), count=len(values))
    if not len(values):
        raise ValueError("no samples: metrics need at least one row")
    predicted = np.empty(len(values), dtype=np.int64)
    soft = _SoftSums(classes)
    for chunk, found in decided(values, decoder, classes, ruler, temperature, similarity):
        predicted[chunk.rows] = found
        soft.add(chunk, labels[chunk.rows])
    confusion = confusion_matrix(labels, predicted, len(classes))
    return {**metrics_from_confusion(confusion, classes=classes, ruler=ruler), **soft.result(len(values))}


def metrics_from_confusion(confusion: ArrayLike, *, classes: ClassSet, ruler: Ruler) -> Metrics:
    """The metrics that a confusion matrix (C, C), row = true class, determines.

    ``accuracy``; ``macro_recall``, mean recall over the classes that occur as a true class;
    ``mean_cost`` = sum_ij n_ij D_ij / N under the ruler, over all samples; ``mistake_severity``, the same
    over mistakes only (None with no mistake): mean_cost = (1 - accuracy) x mistake_severity;
    ``distinct_classes``, how many classes are predicted at all.

    With groups: ``superclass_accuracy`` SA, share whose predicted class lies in the true class's group
    (the finest level of groups); ``failed_superclass_accuracy`` FSA, the same among mistakes (None with no
    mistake): SA = accuracy + (1 - accuracy) FSA.

    With positions x: ``mae`` mean |x_i - x_j| and ``mse`` mean (x_i - x_j)^2, in units of the positions,
    around the circle where there is a period; ``within_1``, share at most one class rank off; and, without
    a period, ``qwk``, Cohen's kappa with quadratic weights in class ranks (None where all samples and all
    predictions are one same class).

    Raises ValueError for a wrong shape, a negative or fractional count, or no samples.
    """
    table = checked_confusion(confusion, len(classes))
    n = int(table.sum())
    if not n:
        raise ValueError("the confusion matrix counts no samples")
    right, count = np.diagonal(table), table.sum(axis=1)
    mistakes = n - int(right.sum())
    cost = float((table * ruler.distance_for(classes)).sum())
    present = count > 0
    result: Metrics = {
        "accuracy": float(right.sum() / n),
        "macro_recall": float((right[present] / count[present]).mean()),
        "mean_cost": cost / n,
        "mistake_severity": cost / mistakes if mistakes else None,
        "distinct_classes": int((table.sum(axis=0) > 0).sum()),
    }
    if classes.groups is not None:
        together = int(table[_same_group(classes)].sum())
        result["superclass_accuracy"] = together / n
        result["failed_superclass_accuracy"] = (together - n + mistakes) / mistakes if mistakes else None
    if classes.ordered:
        result.update(_ordered(table, classes))
    return result


class _SoftSums:
    """Sums over samples of what is measured on probabilities, chunk by chunk."""

    def __init__(self, classes: ClassSet) -> None:
        self.top5: int | None = 0 if len(classes) > 5 else None
        self.nll = 0.0
        self.bins = np.zeros((3, ECE_BINS))  # samples, right ones, probability
        self.rps: float | None = None
        if classes.ordered and not classes.circular:
            self.rps = 0.0
            x = positions_of(classes)
            self.order = np.argsort(x)
            self.rank = np.argsort(self.order)
            self.gaps = np.append(np.diff(x[self.order]), 0)

    def add(self, chunk: Chunk, labels: NDArray[np.int64]) -> None:
        each = np.arange(len(labels))
        own = chunk.log_p[each, labels]
        self.nll -= float(own.sum(dtype=np.float64))
        best = chunk.log_p.argmax(axis=1)
        top = np.minimum(chunk.p[each, best].astype(np.float64), 1)
        at = np.ceil(top * ECE_BINS).astype(np.int64) - 1
        for row, weights in enumerate((None, best == labels, top)):
            self.bins[row] += np.bincount(at, weights, ECE_BINS)
        if self.top5 is not None:
            self.top5 += _in_top(chunk.log_p, own, labels, 5)
        if self.rps is not None:
            below = np.cumsum(in_order(chunk.p, self.order), axis=1)
            below -= np.arange(below.shape[1]) >= self.rank[labels][:, None]
            np.square(below, out=below)
            self.rps += float((below @ self.gaps.astype(below.dtype)).sum(dtype=np.float64))

    def result(self, n: int) -> Metrics:
        _, right, probability = self.bins
        out: Metrics = {"nll": self.nll / n, "ece": float(np.abs(right - probability).sum() / n)}
        if self.top5 is not None:
            out["top5"] = self.top5 / n
        if self.rps is not None:
            out["rps"] = self.rps / n
        return out


def _in_top(log_p: NDArray[np.floating], own: NDArray[np.floating], labels: NDArray[np.int64], k: int) -> int:
    """How many rows have their own class among the k best, without sorting."""
    ahead = np.count_nonzero(log_p > own[:, None], axis=1)
    ties = np.flatnonzero((ahead < k) & (np.count_nonzero(log_p == own[:, None], axis=1) > 1))
    before = np.arange(log_p.shape[1]) < labels[ties][:, None]
    ahead[ties] += np.count_nonzero((log_p[ties] == own[ties][:, None]) & before, axis=1)
    return int((ahead < k).sum())


def _same_group(classes: ClassSet) -> NDArray[np.bool_]:
    paths: dict[Any, int] = {}
    assert classes.groups is not None
    at = np.array([paths.setdefault(path, len(paths)) for path in classes.groups])
    return at[:, None] == at[None, :]


def _ordered(table: NDArray[np.int64], classes: ClassSet) -> Metrics:
    n = int(table.sum())
    apart = position_distance(classes)
    rank = np.argsort(np.argsort(positions_of(classes)))
    steps = np.abs(rank[:, None] - rank[None, :])
    if classes.circular:
        steps = np.minimum(steps, len(classes) - steps)
    result: Metrics = {
        "mae": float((table * apart).sum() / n),
        "mse": float((table * apart**2).sum() / n),
        "within_1": float(table[steps <= 1].sum() / n),
    }
    if not classes.circular:
        by_chance = table.sum(axis=1) @ (steps.astype(np.float64) ** 2) @ table.sum(axis=0) / n
        result["qwk"] = float(1 - (table * steps**2).sum() / by_chance) if by_chance else None
    return result
