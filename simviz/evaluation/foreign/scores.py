"""Scores of another model as log-probabilities, with a sentence on what they were taken for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.evaluation.foreign.guess import Scale
from simviz.evaluation.probabilities import SUM_TOLERANCE

_STEP = 2**20  # numbers looked at together
_EXACT = 2**25  # numbers up to which float64 is kept: the logarithm then parts what the scores part
_PROBABILITY = re.compile(r"(?:(?:y|predict)_)?(?:p|prob|proba|probs|probability|probabilities)(?:_|$)|softmax")
_LOGITS = (
    "or say that the scores are logits (the box “The scores are” of the page, --column scale=logits of the command)"
)
_WAY = f"divide every row by its sum, {_LOGITS}"


def log_probabilities(
    scores: NDArray[np.floating], scale: Scale = "auto", *, likely: bool = False
) -> tuple[NDArray[np.floating], str]:
    """log p of scores (N, C), and what they were taken for.

    Parameters
    ----------
    scores : numbers (N, C)
        Probabilities p; log p; or logits z, of which p = softmax(z).
    scale : "auto", "probabilities", "log-probabilities" or "logits"
        auto: probabilities if no entry is negative and every row sums to 1 within 2 %; log-probabilities if
        the same holds of exp; refused if they look like probabilities all the same: all entries lie in [0, 1],
        all rows have the same sum and no entry is negative (percentages), or all rows sum to 1; else logits.
    likely : bool
        Whether they are called probabilities: auto then refuses what are none instead of taking them for logits.

    Returns
    -------
    float64 (N, C), float32 above 2**25 numbers; not renormalised, so that log p comes back unchanged.

    Raises
    ------
    ValueError
        Naming the first row with a NaN or an infinity, a negative probability, or another sum than 1, and the way
        out.
    """
    values: NDArray[Any] = scores.astype(np.float64 if scores.size <= _EXACT else np.float32)
    low, high, sums, exp_sums = _summary(values)
    said = "The scores were taken for logits, as you said."
    if scale == "auto":
        scale = _scale(values, low, high, sums, exp_sums, likely)
        said = f"The scores were taken for logits: {_odd_sum(sums)}."
    if scale == "logits":
        if np.isneginf(low):
            _refuse_row(np.isneginf(values).any(axis=1), values, "has an infinite logit")
        for rows in _pieces(values):
            part = values[rows]
            part -= part.max(axis=1, keepdims=True)
            part -= np.log(np.exp(part).sum(axis=1, keepdims=True))
        return values, said
    if scale == "log-probabilities":
        _refuse_sums(exp_sums, values, "exp of the log-probabilities")
        return values, "The scores were taken for logarithms of probabilities."
    _refuse_row(values.min(axis=1) < 0, values, "has a negative probability", f"; {_WAY}")
    _refuse_sums(sums, values, "the probabilities")
    with np.errstate(divide="ignore"):
        np.log(values, out=values)
    return values, "The scores were taken for probabilities."


def called_probabilities(names: Iterable[str]) -> bool:
    """Whether every column, or the one block, of scores has the name of probabilities: p_cat, prob:dog, y_proba."""
    return all(_PROBABILITY.match(re.sub(r"[^a-z0-9]+", "_", name.lower())) for name in names)


def two_columns(
    score: NDArray[np.floating], scale: Scale = "auto", *, likely: bool = False
) -> tuple[NDArray[np.float64], bool]:
    """The scores (N, 2) of a model with one output, (N,), for the second of two classes; whether it was a logit.

    Outputs within [0, 1] are probabilities p, and the two are 1 - p and p; others are logits z against 0, unless
    they are said, or with `likely` called, to be probabilities: ValueError names the first that is none.
    """
    value = score.astype(np.float64)
    if scale == "log-probabilities":
        value = np.exp(value)
    outside = (value < 0) | (value > 1)
    if outside.any() and (likely if scale == "auto" else scale != "logits"):
        row = int(np.argmax(outside))
        raise ValueError(f"row {row + 1} has the probability {value[row]:g}; divide percentages by 100, {_LOGITS}")
    logit = scale == "logits" or bool(outside.any())
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
    values: NDArray[np.floating],
    low: float,
    high: float,
    sums: NDArray[np.float64],
    exp_sums: NDArray[np.float64],
    likely: bool,
) -> Scale:
    if low >= 0 and _near_one(sums).all():
        return "probabilities"
    if high <= SUM_TOLERANCE and _near_one(exp_sums).all():
        return "log-probabilities"
    if low >= 0 and high > 1 and _near_one(sums / sums.max()).all():
        raise ValueError(
            f"row 1 sums to {sums[0]:.4g}, as all rows do: percentages or counts instead of probabilities; {_WAY}"
        )
    if likely or (low >= 0 and high <= 1) or _near_one(sums).all():
        return "probabilities"  # and refused for what keeps them from it
    return "logits"


def _odd_sum(sums: NDArray[np.float64]) -> str:
    """The first row that does not sum to 1."""
    row = int(np.argmin(_near_one(sums)))
    return f"row {row + 1} sums to {sums[row]:.4g}, not 1"


def _near_one(sums: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(sums - 1) <= SUM_TOLERANCE


def _refuse_sums(sums: NDArray[np.float64], values: NDArray[np.floating], what: str) -> None:
    good = _near_one(sums)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"{what} of row {row + 1} sum to {sums[row]:.4g}, not 1, over {values.shape[1]} classes; save one for "
            f"every class, {_WAY}"
        )


def _refuse_row(bad: Any, values: NDArray[np.floating], fault: str, way: str = "") -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"row {row + 1} {fault} ({values[row].min():g}){way}")


def _pieces(values: NDArray[np.floating]) -> list[slice]:
    step = max(1, _STEP // max(1, values.shape[1]))
    return [slice(start, min(start + step, len(values))) for start in range(0, len(values), step)]
