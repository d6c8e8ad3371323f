"""What the severity page looks closer at, from the predictions kept: rankings, calibration, other last layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Outcome, Reliability, Ruler
from simviz.evaluation.predictions import Predictions
from simviz.runs import Comparison, Run

SAME_PROBABILITIES = ("median", "expectation")


def with_probabilities(rows: Sequence[compare.Row]) -> list[compare.Row]:
    """The rows with probabilities, without controls that decide otherwise on probabilities shown already."""
    known = [r for r in rows if r.decoder != compare.OWN]
    read = lambda r: (r.setting, "argmax" if r.decoder in SAME_PROBABILITIES else r.decoder)  # noqa: E731
    return list({read(r): r for r in reversed(known)}.values())[::-1]


def curves(comparison: Comparison, row: compare.Row, *, part: str, ruler: Ruler) -> NDArray[np.float64]:
    """`evaluation.ahd_curve` of every run behind a row with probabilities, float64 (runs, K)."""
    classes, found = comparison.classes, []
    for run in _behind(comparison, row, part):
        known = run.predictions(part)
        how: dict[str, Any] = {"decoder": row.decoder, **compare.decoder_needs(run, classes, row.decoder)}
        found.append(evaluation.ahd_curve(known.log_probabilities, known.target, classes=classes, ruler=ruler, **how))
    return np.stack(found)


def reliabilities(
    comparison: Comparison, row: compare.Row, *, part: str, binning: str
) -> tuple[Reliability, list[Reliability]]:
    """`evaluation.reliability` of a row with probabilities: of the samples of all its runs in one, and of each run."""
    classes, pairs = comparison.classes, []
    for run in _behind(comparison, row, part):
        known = run.predictions(part)
        how: dict[str, Any] = {"decoder": row.decoder, **compare.decoder_needs(run, classes, row.decoder)}
        pairs.append(evaluation.confidences(known.log_probabilities, known.target, classes=classes, **how))
    confidence, right = (np.concatenate(found) for found in zip(*pairs, strict=True))
    pooled = evaluation.reliability(confidence, right, binning)
    return pooled, [evaluation.reliability(*pair, binning) for pair in pairs]


def _behind(comparison: Comparison, row: compare.Row, part: str) -> list[Run]:
    """In the order of the row's values."""
    ready = (run for run in comparison.groups[row.setting] if run.has_predictions(part))
    return sorted(ready, key=lambda run: run.spec.seed)


def last_layers(found: Predictions, names: Sequence[str], *, classes: ClassSet, ruler: Ruler) -> list[Outcome]:
    """`heads.gains` of these losses on the features kept with the predictions, each given the ruler for its matrix.

    Where the ruler is that of the words, which leaves hardly a pair at 0, it is the closest pairs that are kept by
    default. ValueError where there are no features, or where a loss does not fit. Loads torch.
    """
    from simviz import heads, losses, matrices
    from simviz.runs import frozen

    if found.features is None:
        raise ValueError("no features are kept with these predictions")
    known = heads.features(found.features, found.target, len(classes), found.units)
    known = known.sample(frozen.enough(known))  # at random: what is estimated holds for new samples of the same kind
    matrix = matrices.build("words", classes) if ruler.name == "words" else ruler.matrix
    asked = [losses.get(name) for name in names]
    built = [one.from_classes(classes, matrix if one.matrix else None) for one in asked]
    return heads.gains(known, built, classes=classes, ruler=ruler)
