"""What refitted heads say of samples they were not fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.heads.features import Features
from simviz.heads.refit import Head, Refitter
from simviz.hyperparameters import PENALTY
from simviz.losses import ClassLoss
from simviz.settings import Part, Setting, parse_setting


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one head does on the judging samples.

    Attributes
    ----------
    confusion : int64 (C, C), row = true class
    metrics : what `evaluation.metrics` says
    converged, gradient, evaluations : of the fit, see `Head`
    convex : whether the fit had one optimum to find
    """

    confusion: NDArray[np.int64]
    metrics: dict[str, Any]
    converged: bool
    gradient: float
    evaluations: int
    convex: bool


def judge(
    head: Head,
    samples: Features,
    *,
    classes: ClassSet,
    ruler: Ruler,
    decoder: str = "argmax",
    temperature: float | None = None,
) -> Verdict:
    """The confusion and the metrics of a head on samples.

    Parameters
    ----------
    head : Head
    samples : Features
        None of them should have been fitted to.
    classes, ruler, decoder, temperature : as in `evaluation.metrics`
        "blurred" reads the similarity of a SimLoss.

    Raises
    ------
    ValueError
        As `evaluation.decode`: a decoder these classes or this loss cannot use.
    """
    logs = head.log_probabilities(samples.values)
    how: dict[str, Any] = {"decoder": decoder, "classes": classes, "ruler": ruler, "temperature": temperature}
    if decoder == "blurred":
        similarity = getattr(head.loss, "similarity", None)
        how["similarity"] = None if similarity is None else similarity.numpy()
    predicted = evaluation.decode(logs, **how)
    return Verdict(
        confusion=evaluation.confusion_matrix(samples.target, predicted, len(classes)),
        metrics=evaluation.metrics(logs, samples.target, **how),
        converged=head.converged,
        gradient=head.gradient,
        evaluations=head.evaluations,
        convex=head.loss.convex,
    )


def cross_fitted(
    samples: Features, losses: Sequence[ClassLoss], *, penalty: float = PENALTY, seed: int = 0
) -> list[NDArray[np.float32]]:
    """Log-probabilities of heads that never saw the unit they are asked about.

    The units are split in two halves (`Features.halves`); a head is fitted to each and asked about the other.

    Parameters
    ----------
    samples : Features
    losses : the losses to fit
    penalty, seed : see `Refitter` and `Features.halves`

    Returns
    -------
    list of float32 (N, C), one a loss

    Raises
    ------
    ValueError
        Fewer than two units; a class of a single unit, which the other half's head cannot know.
    """
    halves = samples.halves(seed)
    if not all(map(len, halves)):
        raise ValueError("the features are of one unit alone; two halves need at least two")
    lonely = _in_one_half(samples, halves)
    if len(lonely):
        raise ValueError(
            f"{len(lonely)} classes, the first of them number {lonely[0]}, have samples of a single unit: a head "
            "fitted to the other half has never seen them; give more units, or other samples to fit on"
        )
    found = [np.empty((len(samples), samples.num_classes), dtype=np.float32) for _ in losses]
    for fit, asked in (halves, halves[::-1]):
        refitter = Refitter(samples.take(fit), penalty)
        for out, loss in zip(found, losses, strict=True):
            out[asked] = refitter.head(loss).log_probabilities(samples.values[asked])
    return found


def _in_one_half(samples: Features, halves: Iterable[NDArray[np.int64]]) -> NDArray[np.intp]:
    first, second = (samples.take(rows).counts for rows in halves)
    return np.flatnonzero((first == 0) != (second == 0))


def varied(setting: str | Setting, option: str, value: float) -> str:
    """The setting with one number changed: an option of its matrix if its matrix has it, else of its loss.

    >>> varied("simloss:normalize=columns@words:keep=0.02", "keep", 0.1)
    'simloss:normalize=columns@words:keep=0.1'
    >>> varied("soft_labels@groups", "beta", 2)
    'soft_labels:beta=2@groups'
    """
    known = parse_setting(setting)
    if known.matrix is not None and option in known.matrix.options:
        return str(Setting(known.loss, Part(known.matrix.name, {**known.matrix.options, option: value})))
    return str(Setting(Part(known.loss.name, {**known.loss.options, option: value}), known.matrix))


def pareto(accuracy: ArrayLike, cost: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other beats: none is at least as accurate and as cheap, and better in one of both.

    Parameters
    ----------
    accuracy, cost : (K,)

    Returns
    -------
    bool (K,)

    >>> pareto([0.6, 0.5, 0.4], [1.0, 0.8, 0.9]).tolist()
    [True, True, False]
    """
    x, y = np.asarray(accuracy, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    no_worse = (x[:, None] >= x) & (y[:, None] <= y)
    better = (x[:, None] > x) | (y[:, None] < y)
    return np.logical_not((no_worse & better).any(axis=0))
