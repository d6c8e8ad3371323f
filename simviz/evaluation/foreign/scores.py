"""Scores of another model as log-probabilities, with a sentence on what they were taken for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.evaluation.foreign.guess import Scale
from simviz.evaluation.probabilities import SUM_TOLERANCE

_STEP = 2**20  # numbers looked at together
_EXACT = 2**25  # numbers up to which float64 is kept: the logarithm then parts what the scores part


def log_probabilities(scores: NDArray[np.floating], scale: Scale = "auto") -> tuple[NDArray[np.floating], str]:
    """log p of scores (N, C), and what they were taken for.

    Parameters
    ----------
    scores : numbers (N, C)
        Probabilities p; log p; or logits z, of which p = softmax(z).
    scale : "auto", "probabilities", "log-probabilities" or "logits"
        auto: probabilities if no entry is negative and every row sums to 1 within 2 %; log-probabilities if
        the same holds of exp; refused if all entries lie in [0, 1] and a row does not sum to 1; else logits.

    Returns
    -------
    float64 (N, C), float32 above 2**25 numbers; not renormalised, so that log p comes back unchanged.

    Raises
    ------
    ValueError
        Naming the first row with a NaN or an infinity, a negative probability, or another sum than 1.
    """
    values: NDArray[Any] = scores.astype(np.float64 if scores.size <= _EXACT else np.float32)
    low, high, sums, exp_sums = _summary(values)
    if scale == "auto":
        scale = _scale(values, low, high, sums, exp_sums)
    if scale == "logits":
        if np.isneginf(low):
            _refuse_row(np.isneginf(values).any(axis=1), values, "has an infinite logit")
        for rows in _pieces(values):
            part = values[rows]
            part -= part.max(axis=1, keepdims=True)
            part -= np.log(np.exp(part).sum(axis=1, keepdims=True))
        return values, "The scores were taken for logits: their rows do not sum to 1."
    if scale == "log-probabilities":
        _refuse_sums(exp_sums, values, "exp of the log-probabilities")
        return values, "The scores were taken for logarithms of probabilities."
    _refuse_row(values.min(axis=1) < 0, values, "has a negative probability")
    _refuse_sums(sums, values, "the probabilities")
    with np.errstate(divide="ignore"):
        np.log(values, out=values)
    return values, "The scores were taken for probabilities."


def two_columns(score: NDArray[np.floating]) -> tuple[NDArray[np.float64], bool]:
    """The scores (N, 2) of a model with one output, (N,), for the second of two classes; whether it was a logit.

    Outputs within [0, 1] are probabilities p, and the two are 1 - p and p; others are logits z against 0.
    """
    value = score.astype(np.float64)
    logit = bool((value < 0).any() or (value > 1).any())
    return np.column_stack([np.zeros_like(value) if logit else 1 - value, value]), logit


def _summary(values: NDArray[np.floating]) -> tuple[float, float, NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest entry, sum of every row, sum of exp of every row; ValueError for NaN and infinity."""
    sums, exp_sums = np.empty(len(values)), np.empty(len(values))
    low, high = np.inf, -np.inf
    for rows in _pieces(values):
        part = values[rows]
        strange = np.isnan(part) | np.isposinf(part)
        if strange.any():
            row, column = np.argwhere(strange)[0]
            raise ValueError(f"row {rows.start + row + 1} has {part[row, column]} as its score in column {column + 1}")
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        with np.errstate(over="ignore"):
            sums[rows], exp_sums[rows] = part.sum(axis=1), np.exp(part).sum(axis=1)
    return low, high, sums, exp_sums


def _scale(
    values: NDArray[np.floating], low: float, high: float, sums: NDArray[np.float64], exp_sums: NDArray[np.float64]
) -> Scale:
    if low >= 0 and _near_one(sums).all():
        return "probabilities"
    if high <= SUM_TOLERANCE and _near_one(exp_sums).all():
        return "log-probabilities"
    if low >= 0 and high <= 1:
        _refuse_sums(sums, values, "the probabilities")
    return "logits"


def _near_one(sums: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(sums - 1) <= SUM_TOLERANCE


def _refuse_sums(sums: NDArray[np.float64], values: NDArray[np.floating], what: str) -> None:
    good = _near_one(sums)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"{what} of row {row + 1} sum to {sums[row]:.4g}, not 1, over {values.shape[1]} classes; save one "
            "probability for every class (softmax), or say that the scores are logits"
        )


def _refuse_row(bad: Any, values: NDArray[np.floating], fault: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"row {row + 1} {fault} ({values[row].min():g})")


def _pieces(values: NDArray[np.floating]) -> list[slice]:
    step = max(1, _STEP // max(1, values.shape[1]))
    return [slice(start, min(start + step, len(values))) for start in range(0, len(values), step)]
