"""How far the best-ranked classes are from the true one: the average hierarchical distance of the top k."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.decoders import decided
from simviz.evaluation.probabilities import Chunk, checked_labels, checked_log_probabilities
from simviz.evaluation.ruler import Ruler
from simviz.matrices import ClassMatrix

LONGEST = 20


def ahd_curve(
    log_probabilities: ArrayLike,
    target: ArrayLike,
    *,
    classes: ClassSet,
    ruler: Ruler,
    decoder: str = "argmax",
    temperature: float | None = None,
    similarity: ClassMatrix | ArrayLike | None = None,
    longest: int = LONGEST,
) -> NDArray[np.float64]:
    """AHD@k for k = 1, 2, ...: the average distance of the k best-ranked classes to the true one.

    AHD@k = mean_n (1/k) sum_{r=1..k} D[y_n, c_nr], c_nr the class of rank r of sample n. The decoder's own
    decision ranks first, so AHD@1 is the mean cost; then, for min_cost, the classes by ascending expected
    cost, for any other decoder by descending probability as the decoder reads it (ties: lower index).

    Parameters
    ----------
    log_probabilities, target, classes, ruler, decoder, temperature, similarity : as in `metrics`
    longest : int
        The largest k; at most C.

    Returns
    -------
    float64, shape (min(longest, C),), in units of the ruler

    Raises
    ------
    ValueError
        For no samples, longest < 1, or as `metrics`.

    Source
    ------
    Bertinetto et al., "Making Better Mistakes", CVPR 2020, section 4 ("average hierarchical distance of
    top-k", k = 1, 5, 20); ranking by expected cost: Karthik et al., "No Cost Likelihood Manipulation at Test
    Time for Making Better Mistakes in Deep Networks", ICLR 2021.
    """
    values = checked_log_probabilities(log_probabilities, len(classes))
    labels = checked_labels(target, len(classes), count=len(values))
    if longest < 1:
        raise ValueError(f"longest is {longest}; at least one class is ranked")
    if not len(values):
        raise ValueError("no samples: AHD@k needs at least one row")
    longest = min(longest, len(classes))
    distance = ruler.distance_for(classes)
    total = np.zeros(longest)
    for chunk, found in decided(values, decoder, classes, ruler, temperature, similarity):
        best = _best(_scores(chunk, decoder, distance), found, longest)
        total += np.take_along_axis(distance[labels[chunk.rows]], best, axis=1).sum(axis=0)
    return np.cumsum(total) / (np.arange(1, longest + 1) * len(values))


def ahd_at_k(log_probabilities: ArrayLike, target: ArrayLike, ruler: Ruler, k: int) -> float:
    """Average (hierarchical) distance of the k most probable classes to the true one, in units of the ruler.

    `ahd_curve` under argmax, at one k. The columns are in the order of the ruler's classes. ValueError
    unless 1 <= k <= C.
    """
    count = len(ruler.distance)
    if not 1 <= k <= count:
        raise ValueError(f"k is {k}; it lies in 1..{count}")
    classes = ClassSet(ruler.matrix.names)
    return float(ahd_curve(log_probabilities, target, classes=classes, ruler=ruler, longest=k)[-1])


def _scores(chunk: Chunk, decoder: str, distance: NDArray[np.float64]) -> NDArray[np.floating]:
    """What classes are ranked by, higher first, as an array that may be changed."""
    return -(chunk.p @ distance.astype(chunk.p.dtype)) if decoder == "min_cost" else chunk.log_p.copy()


def _best(scores: NDArray[np.floating], first: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The k best columns of each row in order, (N, k); `first` leads, ties go to the lower index. Sorts k, not C."""
    np.put_along_axis(scores, first[:, None], np.inf, axis=1)
    border = -np.partition(-scores, k - 1, axis=1)[:, k - 1, None]
    inside, tied = scores > border, scores == border
    inside |= tied & (np.cumsum(tied, axis=1) <= k - inside.sum(axis=1, keepdims=True))
    columns = np.nonzero(inside)[1].reshape(-1, k)
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)
