"""What another loss on the last layer would bring, beside cross entropy fitted the same way."""

from __future__ import annotations

from collections.abc import Sequence

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Outcome, Ruler
from simviz.evaluation.gain import check_units
from simviz.heads.features import Features
from simviz.heads.judging import cross_fitted
from simviz.hyperparameters import PENALTY
from simviz.losses import ClassLoss, CrossEntropyLoss


def gains(
    samples: Features,
    losses: Sequence[ClassLoss],
    *,
    classes: ClassSet,
    ruler: Ruler,
    level: float = 0.95,
    penalty: float = PENALTY,
    seed: int = 0,
) -> list[Outcome]:
    """Decisions by the most probable class of each loss's head against those of cross entropy's, cross-fitted.

    Every head is fitted to one half of the units and asked about the other. What is estimated is the change between
    heads of half as many samples as there are; see `evaluation.gain` for why units alone are resampled.

    Parameters
    ----------
    samples : Features
        Of samples that the network was not trained on.
    losses : at least one
    level : of all intervals of mean cost together, and of all of accuracy: for K losses each is at
        1 - (1 - level) / K (Bonferroni), so that the best of several may be picked
    penalty, seed : see `cross_fitted`

    Returns
    -------
    list of Outcome, one a loss; `before` is cross entropy

    Raises
    ------
    ValueError
        As `cross_fitted`; no losses; fewer than 20 units, in a sentence to be shown.

    Source
    ------
    Ours.
    """
    if not losses:
        raise ValueError("no losses to compare with cross entropy; give at least one")
    check_units(samples.units)
    logs = cross_fitted(samples, [CrossEntropyLoss(), *losses], penalty=penalty, seed=seed)
    plain, *others = (evaluation.decode(one, classes=classes) for one in logs)
    each = 1 - (1 - level) / len(losses)
    return [
        evaluation.outcome(
            samples.target, plain, other, samples.units, classes=classes, ruler=ruler, level=each, seed=seed
        )
        for other in others
    ]
