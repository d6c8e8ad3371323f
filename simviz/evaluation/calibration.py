"""Does a model know how often it is right? Reliability of the most probable class, and the ECE behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.decoders import read
from simviz.evaluation.metrics import ECE_BINS
from simviz.evaluation.probabilities import checked_labels, checked_log_probabilities
from simviz.matrices import ClassMatrix

BINNINGS = ("equal-width", "equal-mass")


@dataclass(frozen=True)
class Reliability:
    """Samples by confidence.

    Attributes
    ----------
    count : int64 (K,), samples of each bin that has any, confidence ascending
    confidence : float64 (K,), mean probability of the most probable class
    accuracy : float64 (K,), share of the bin's samples that are of that class
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error, sum_k count_k / N |accuracy_k - confidence_k| (Guo et al. 2017, equation 3)."""
        return float((self.count * np.abs(self.accuracy - self.confidence)).sum() / self.count.sum())

    @property
    def lean(self) -> float:
        """Mean confidence minus accuracy: above 0 the model is surer than it is right."""
        return float((self.count * (self.confidence - self.accuracy)).sum() / self.count.sum())


def confidences(
    log_probabilities: ArrayLike,
    target: ArrayLike,
    *,
    classes: ClassSet,
    decoder: str = "argmax",
    temperature: float | None = None,
    similarity: ClassMatrix | ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The largest probability of each sample, as the decoder reads the probabilities, and whether it is the true class.

    Whatever the decoder decides, the class is the most probable one: a calibration is about what is said,
    not about what is done with it. A temperature softens p, the decoder blurred reads S p / sum(S p).

    Returns
    -------
    float64 (N,) in (0, 1], bool (N,)

    Raises
    ------
    ValueError
        As `metrics`.
    """
    values = checked_log_probabilities(log_probabilities, len(classes))
    labels = checked_labels(target, len(classes), count=len(values))
    top, right = np.empty(len(values)), np.empty(len(values), dtype=bool)
    for chunk in read(values, decoder, classes, temperature, similarity):
        best = chunk.log_p.argmax(axis=1)
        top[chunk.rows] = np.minimum(np.take_along_axis(chunk.p, best[:, None], axis=1)[:, 0].astype(np.float64), 1)
        right[chunk.rows] = best == labels[chunk.rows]
    return top, right


def reliability(
    confidence: ArrayLike, right: ArrayLike, binning: str = "equal-width", bins: int = ECE_BINS
) -> Reliability:
    """Accuracy against confidence, in bins.

    Parameters
    ----------
    confidence : float (N,), in [0, 1]
    right : bool (N,)
    binning : "equal-width": ((k-1)/bins, k/bins], what `metrics` calls ece. "equal-mass": samples in
        ascending confidence, cut into `bins` parts as equal as whole numbers allow (Nguyen & O'Connor 2015;
        less at the mercy of nearly empty bins). Where a cut parts samples of equal confidence, each
        counts with their common accuracy, so that their order does not matter
    bins : int, at least 1

    Raises
    ------
    ValueError
        For no samples, lengths that differ, a confidence outside [0, 1], or an unknown binning.
    """
    p, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
    share = hit.astype(np.float64)
    if p.ndim != 1 or p.shape != hit.shape:
        raise ValueError(f"confidence has the shape {p.shape} and right {hit.shape}; one of each a sample is needed")
    if not len(p):
        raise ValueError("no samples: a reliability needs at least one")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"a confidence is {p[~((p >= 0) & (p <= 1))][0]:g}; it is a probability")
    if bins < 1:
        raise ValueError(f"bins is {bins}; at least one is needed")
    if binning == "equal-width":
        at = np.maximum(np.ceil(p * bins).astype(np.int64) - 1, 0)
    elif binning == "equal-mass":
        at = np.empty(len(p), dtype=np.int64)
        at[np.argsort(p, kind="stable")] = np.arange(len(p)) * bins // len(p)
        _, same, times = np.unique(p, return_inverse=True, return_counts=True)
        share = (np.bincount(same, hit) / times)[same]
    else:
        raise ValueError(f"binning is {binning!r}; it is one of {', '.join(BINNINGS)}")
    count = np.bincount(at, minlength=bins)
    used = count > 0
    sums = (np.bincount(at, weights, bins)[used] / count[used] for weights in (p, share))
    return Reliability(count[used], *sums)
