"""From probabilities to one class: the decoder stands beside every number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.blurred import blurred_chunks, checked_similarity
from simviz.evaluation.probabilities import (
    TEMPERATURES,
    Chunk,
    checked_labels,
    checked_log_probabilities,
    chunks,
)
from simviz.matrices import ClassMatrix

if TYPE_CHECKING:
    from simviz.evaluation.ruler import Ruler

DECODERS = ("argmax", "min_cost", "median", "expectation", "blurred")
Decode = Callable[[Chunk], NDArray[np.int64]]


def decode(
    log_probabilities: ArrayLike,
    decoder: str = "argmax",
    *,
    classes: ClassSet,
    ruler: Ruler | None = None,
    temperature: float | None = None,
    similarity: ClassMatrix | ArrayLike | None = None,
) -> NDArray[np.int64]:
    """One class for each row of probabilities p.

    Parameters
    ----------
    log_probabilities : float16, float32 or float64, shape (N, C)
        Rows are renormalised; -inf is a probability of 0.
    decoder : {"argmax", "min_cost", "median", "expectation", "blurred"}
        argmax: the most probable class. min_cost: argmin_c sum_k p_k D_kc under the ruler ("CRM",
        minimum conditional risk). median: the lowest class with P(y <= c) >= 1/2; on a circle the class
        with the smallest expected circular distance. expectation: the class nearest to sum_k p_k x_k;
        on a circle nearest to the direction of sum_k p_k exp(2 pi i x_k / period), and the most
        probable class where that sum vanishes. median and expectation need classes with positions.
        blurred: the most probable class of S p / sum(S p), what SimLoss fits to the labels; its limits
        are those of `blurred`.
    classes : ClassSet
    ruler : Ruler, needed for min_cost
    temperature : float, optional
        Probabilities are softened to p^(1/T) first (see `fit_temperature`).
    similarity : ClassMatrix or array_like (C, C), needed for blurred
        The S that p was trained with; see `blurred`.

    Returns
    -------
    int64, shape (N,)
        Ties go to the lowest index (median, expectation: to the lowest position).

    Raises
    ------
    ValueError
        For an unknown decoder, a missing ruler or similarity, classes without positions, or bad rows.
    """
    values = checked_log_probabilities(log_probabilities, len(classes))
    out = np.empty(len(values), dtype=np.int64)
    for chunk, found in decided(values, decoder, classes, ruler, temperature, similarity):
        out[chunk.rows] = found
    return out


def decided(
    values: NDArray[np.floating],
    decoder: str,
    classes: ClassSet,
    ruler: Ruler | None,
    temperature: float | None,
    similarity: ClassMatrix | ArrayLike | None,
) -> Iterator[tuple[Chunk, NDArray[np.int64]]]:
    """Each chunk of probabilities as the decoder reads them, softened or blurred, and its classes."""
    pick = _make_decoder(decoder, classes, ruler)
    for chunk in read(values, decoder, classes, temperature, similarity):
        yield chunk, pick(chunk)


def read(
    values: NDArray[np.floating],
    decoder: str,
    classes: ClassSet,
    temperature: float | None,
    similarity: ClassMatrix | ArrayLike | None,
) -> Iterator[Chunk]:
    """Each chunk of probabilities as the decoder reads them: softened, or blurred."""
    pieces = chunks(values, temperature)
    if decoder != "blurred":
        return pieces
    if similarity is None:
        raise ValueError("the decoder 'blurred' needs the similarity of the training; give similarity=S")
    if isinstance(similarity, ClassMatrix):
        similarity = similarity.aligned(classes)
    return blurred_chunks(pieces, checked_similarity(similarity, len(classes)))


def _make_decoder(decoder: str, classes: ClassSet, ruler: Ruler | None) -> Decode:
    """The function that decodes one chunk; ValueError for a decoder these classes cannot use."""
    if decoder in ("argmax", "blurred"):
        return lambda chunk: chunk.log_p.argmax(axis=1)
    if decoder == "min_cost":
        if ruler is None:
            raise ValueError("the decoder 'min_cost' needs a ruler; give ruler=evaluation.ruler(classes)")
        return _cheapest(ruler.distance_for(classes))
    if decoder not in DECODERS:
        raise ValueError(f"there is no decoder {decoder!r}; choose {', '.join(DECODERS)}")
    if not classes.ordered:
        raise ValueError(
            f"the decoder {decoder!r} needs ordered classes; these have no positions, choose argmax or min_cost"
        )
    if classes.circular:
        return _cheapest(position_distance(classes)) if decoder == "median" else _circular_mean(classes)
    return _median(classes) if decoder == "median" else _nearest_mean(classes)


def positions_of(classes: ClassSet) -> NDArray[np.float64]:
    """The positions of ordered classes as an array."""
    assert classes.positions is not None
    return np.array(classes.positions, dtype=np.float64)


def position_distance(classes: ClassSet) -> NDArray[np.float64]:
    """|x_i - x_j| in units of the positions, the shorter way round where there is a period; float64 (C, C)."""
    x = positions_of(classes)
    apart = np.abs(x[:, None] - x[None, :])
    return apart if classes.period is None else np.minimum(apart, classes.period - apart)


def fit_temperature(log_probabilities: ArrayLike, target: ArrayLike) -> float:
    """The temperature T in [0.02, 50] that minimises the mean of -log softmax(log p / T)_y.

    Newton steps on b = 1/T, in which the mean is convex, kept inside a bracket of the sign of its
    slope, mean_n (E_b[l] - l_y). Source: Guo et al. 2017, "On Calibration of Modern Neural
    Networks", section 4.2.

    Parameters
    ----------
    log_probabilities : float, shape (N, C), of validation samples
    target : int, shape (N,)

    Raises
    ------
    ValueError
        For bad rows or targets, no rows, or a true class of probability 0 (no T makes the loss finite).
    """
    values = checked_log_probabilities(log_probabilities)
    labels = checked_labels(target, values.shape[1], count=len(values))
    if not len(values):
        raise ValueError("no samples to fit a temperature to")
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    b = 1.0
    for _ in range(60):
        slope, bend = _slope(values, labels, b)
        low, high = (b, high) if slope < 0 else (low, b)
        if abs(slope) < 1e-12:
            break
        step = b - slope / bend if bend > 0 else np.nan
        # the geometric middle halves the bracket where Newton would leave it; ends are reached in the limit
        following = step if low < step < high else float(np.sqrt(low * high))
        if abs(following - b) <= 1e-7 * b:
            b = following
            break
        b = following
    return float(1 / b)


def apply_temperature(log_probabilities: ArrayLike, temperature: float) -> NDArray[np.floating]:
    """log softmax(log p / T), shape (N, C), float64 where the input is float64, else float32."""
    values = checked_log_probabilities(log_probabilities)
    out = np.empty(values.shape, dtype=np.float64 if values.dtype == np.float64 else np.float32)
    for chunk in chunks(values, temperature):
        out[chunk.rows] = chunk.log_p
    return out


def _slope(values: NDArray[np.floating], labels: NDArray[np.int64], b: float) -> tuple[float, float]:
    """First and second derivative of the mean negative log-likelihood by b = 1/T."""
    slope = bend = 0.0
    for (rows, raw, _), (_, _, p) in zip(chunks(values), chunks(values, 1 / b), strict=True):
        own = raw[np.arange(len(raw)), labels[rows]].astype(np.float64)
        if np.isneginf(own).any():
            row = rows.start + int(np.argmax(np.isneginf(own)))
            raise ValueError(f"row {row} gives its true class {labels[row]} probability 0; no temperature repairs that")
        finite = np.where(p > 0, raw, 0)  # 0 * -inf
        mean = np.einsum("nc,nc->n", p, finite, dtype=np.float64)
        square = np.einsum("nc,nc,nc->n", p, finite, finite, dtype=np.float64)
        slope += float((mean - own).sum())
        bend += float((square - mean**2).sum())
    return slope / len(values), bend / len(values)


def in_order(p: NDArray[np.floating], order: NDArray[np.intp]) -> NDArray[np.floating]:
    """The columns of p sorted; p itself, not a copy, where they already are."""
    return p if (np.diff(order) == 1).all() else p[:, order]


def _cheapest(distance: NDArray[np.float64]) -> Decode:
    def pick(chunk: Chunk) -> NDArray[np.int64]:
        cost = chunk.p @ distance.astype(chunk.p.dtype)
        # rounding must not decide between equal costs: the lowest index does
        slack = 4 * np.finfo(cost.dtype).eps * distance.max()
        return (cost <= cost.min(axis=1, keepdims=True) + slack).argmax(axis=1)

    return pick


def _median(classes: ClassSet) -> Decode:
    order = np.argsort(positions_of(classes))

    def pick(chunk: Chunk) -> NDArray[np.int64]:
        below = np.cumsum(in_order(chunk.p, order), axis=1)
        # a half that rounding misses by a hair is a half
        return order[(below >= 0.5 - 16 * np.finfo(chunk.p.dtype).eps).argmax(axis=1)]

    return pick


def _nearest_mean(classes: ClassSet) -> Decode:
    x = positions_of(classes)
    order = np.argsort(x)
    borders = (x[order][1:] + x[order][:-1]) / 2

    def pick(chunk: Chunk) -> NDArray[np.int64]:
        return order[np.searchsorted(borders, chunk.p.astype(np.float64) @ x, side="left")]

    return pick


def _circular_mean(classes: ClassSet) -> Decode:
    assert classes.period is not None
    x, period = positions_of(classes), float(classes.period)
    circle = np.exp(2j * np.pi * x / period)

    def pick(chunk: Chunk) -> NDArray[np.int64]:
        resultant = chunk.p.astype(np.float64) @ circle
        mean = np.angle(resultant) / (2 * np.pi) * period
        apart = np.abs(mean[:, None] - x) % period
        nearest = np.minimum(apart, period - apart).argmin(axis=1)
        vanishes = np.abs(resultant) < 16 * np.finfo(chunk.p.dtype).eps
        return np.where(vanishes, chunk.log_p.argmax(axis=1), nearest)

    return pick
