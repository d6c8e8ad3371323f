"""What every setting of a comparison decided, counted, and which cells of two of them differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.evaluation import Answers, CellDifferences, Ruler
from simviz.evaluation.collapse import Nodes
from simviz.evaluation.confusion import checked_confusion
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


def shown(
    comparison: Comparison, part: str, alone: Collection[str] = (), epoch: int | None = None
) -> dict[str, list[Run]]:
    """Label -> the runs with predictions on the part, or with the epoch, as the confusion page draws them.

    One matrix a setting; runs whose ids are in `alone` stand for theirs, unless that is in `alone` too.
    """
    found: dict[str, list[Run]] = {}
    for setting, runs in comparison.groups.items():
        ready = [r for r in runs if (r.has_predictions(part) if epoch is None else epoch in r.epochs)]
        named = [r for r in ready if r.id in alone]
        found |= {r.id: [r] for r in named}
        if ready and (not named or setting in alone):
            found[setting] = ready
    return found


def counted(
    comparison: Comparison, *, part: str, decoder: str, ruler: Ruler, alone: Collection[str] = ()
) -> dict[str, Counted]:
    """Label, as in `shown`, -> its counts under a decoder, as `compare.table` decides."""
    runs = shown(comparison, part, alone)
    return {k: of_runs(ready, comparison, part=part, decoder=decoder, ruler=ruler) for k, ready in runs.items()}


def of_epoch(comparison: Comparison, epoch: int, alone: Collection[str] = ()) -> dict[str, Counted]:
    """Label, as in `shown`, -> its counts on validation after an epoch; ValueError for a damaged epoch."""
    count = len(comparison.classes)
    found = {}
    for label, runs in shown(comparison, "validation", alone, epoch).items():
        tables = [checked_confusion(r.epoch_arrays(epoch)["confusion"], count) for r in runs]
        found[label] = Counted(np.sum(tables, axis=0), len(runs))
    return found


def cell_tests(
    comparison: Comparison,
    sides: tuple[str, str],
    *,
    part: str,
    decoder: str,
    ruler: Ruler,
    nodes: Nodes,
    weighted: bool,
) -> CellDifferences:
    """The test of every cell of A - B, of two settings or runs, as the confusion page makes it.

    With `weighted` a mistake counts its distance, where rows pool classes. ValueError where the sides did not answer
    the same samples.
    """
    classes = comparison.classes
    every = shown(comparison, part, sides)
    a, b = (every[side] for side in sides)
    first, second = ([_answers(r, comparison, part, compare.decoder_for(decoder, s), ruler) for r in s] for s in (a, b))
    found = evaluation.joined_differences(
        first,
        second,
        len(classes),
        rows=nodes.row,
        weights=ruler.distance_for(classes) if weighted and len(nodes) < len(classes) else None,
        paired=[r.spec.seed for r in a] == [r.spec.seed for r in b],
    )
    if found is None:
        raise ValueError(f"{sides[0]} and {sides[1]} did not answer the same samples, so no cell can be tested")
    return found


def of_runs(runs: Sequence[Run], comparison: Comparison, *, part: str, decoder: str, ruler: Ruler) -> Counted:
    """The counts of runs of one setting that have predictions on the part."""
    count = len(comparison.classes)
    total = np.zeros((count, count), dtype=np.int64)
    own = compare.decoder_for(decoder, runs)
    for run in runs:
        said = _answers(run, comparison, part, own, ruler)
        total += evaluation.confusion_matrix(said.target, said.predicted, count)
    return Counted(total, len(runs))


def _answers(run: Run, comparison: Comparison, part: str, decoder: str, ruler: Ruler) -> Answers:
    found = run.predictions(part)
    if found.predicted is not None:  # decided elsewhere: there is nothing to decode
        return Answers(found.ids, found.units, found.target, found.predicted)
    classes = comparison.classes
    needs = compare.decoder_needs(run, classes, decoder)
    decided = evaluation.decode(found.log_probabilities, decoder, classes=classes, ruler=ruler, **needs)
    return Answers(found.ids, found.units, found.target, decided)
