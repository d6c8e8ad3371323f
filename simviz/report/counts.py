"""What every setting of a comparison decided, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.evaluation import Ruler
from simviz.runs import Comparison, Run


@dataclass(frozen=True)
class Counted:
    """Confusion counts of a setting.

    Attributes
    ----------
    total : int64 (C, C), row = true class, summed over the runs
    runs : how many runs that are
    """

    total: NDArray[np.int64]
    runs: int

    @property
    def mean(self) -> NDArray[np.float64]:
        """Counts a run, float64 (C, C)."""
        return self.total / self.runs


Counts = Mapping[str, Counted]


def counted(comparison: Comparison, *, part: str, decoder: str, ruler: Ruler) -> dict[str, Counted]:
    """Setting -> its counts under a decoder, as `compare.table` decides; settings without predictions are left out."""
    found = {}
    for setting, runs in comparison.groups.items():
        if ready := [r for r in runs if r.has_predictions(part)]:
            found[setting] = of_runs(ready, comparison, part=part, decoder=decoder, ruler=ruler)
    return found


def of_runs(runs: Sequence[Run], comparison: Comparison, *, part: str, decoder: str, ruler: Ruler) -> Counted:
    """The counts of runs of one setting that have predictions on the part."""
    count = len(comparison.classes)
    total = np.zeros((count, count), dtype=np.int64)
    own = compare.decoder_for(decoder, runs)
    for run in runs:
        target, predicted = _decided(run, comparison, part, own, ruler)
        total += evaluation.confusion_matrix(target, predicted, count)
    return Counted(total, len(runs))


def _decided(
    run: Run, comparison: Comparison, part: str, decoder: str, ruler: Ruler
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Targets and decided classes of one run."""
    found = run.predictions(part)
    if found.predicted is not None:  # decided elsewhere: there is nothing to decode
        return found.target, found.predicted
    temperature = None
    if decoder == "min_cost" and run.has_predictions("validation"):
        fitted = run.predictions("validation")
        temperature = evaluation.fit_temperature(fitted.log_probabilities, fitted.target)
    classes = comparison.classes
    similarity = compare.trained_similarity(run, classes) if decoder == "blurred" else None
    needs = {"ruler": ruler, "temperature": temperature, "similarity": similarity}
    return found.target, evaluation.decode(found.log_probabilities, decoder, classes=classes, **needs)  # type: ignore[arg-type]
