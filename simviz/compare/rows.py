"""The table of a comparison: one row a setting, measured from the predictions that its runs kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import evaluation, npz
from simviz.classes import ClassSet
from simviz.compare.settings import is_control
from simviz.evaluation import Ruler
from simviz.evaluation.statistics import mean_interval
from simviz.runs import Comparison, Run, StoreError
from simviz.runs.tuning import at_kept_epoch
from simviz.settings import parse_setting

OWN = "the file's own"  # decider of predictions that came without probabilities


@dataclass(frozen=True)
class Row:
    """One setting under one decoder, over its seeds.

    Attributes
    ----------
    setting, decoder
    control : whether the row is there to be compared with, not asked for
    seeds : seeds in the order of the values
    values : metric -> one value a seed (None where it does not exist)
    same_ruler : whether the loss was trained on the very matrix that measures it
    warnings : what the runs say of themselves
    watched : the metric by which the runs are chosen -> one value a seed, on validation; empty where one has none
    """

    setting: str
    decoder: str
    control: bool
    seeds: tuple[int, ...]
    values: dict[str, list[float | None]]
    same_ruler: bool = False
    warnings: tuple[str, ...] = ()
    watched: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.setting if self.decoder in ("argmax", OWN) else f"{self.setting} | {self.decoder}"

    def mean(self, metric: str) -> float | None:
        known = [v for v in self.values.get(metric, []) if v is not None]
        return float(np.mean(known)) if known else None

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % t interval of the mean over seeds; None below two seeds."""
        known = [v for v in self.values.get(metric, []) if v is not None]
        found = mean_interval(known) if known else None
        return None if found is None or found.low is None or found.high is None else (found.low, found.high)


def decoded_by(classes: ClassSet) -> tuple[str, ...]:
    """The decoders every cross entropy is shown with, as controls."""
    return ("argmax", "min_cost", "median") if classes.ordered else ("argmax", "min_cost")


def trained_similarity(run: Run, classes: ClassSet) -> NDArray[np.float64] | None:
    """The S of S p that the run's SimLoss fitted to the labels, (C, C); None where it fitted p itself.

    Divided by its column sums where the loss did so. None too for a run that never left its warm-up.
    """
    if not has_similarity(run):
        return None
    matrix = run.matrix()
    assert matrix is not None
    values = matrix.aligned(classes).to_similarity().values.astype(np.float64)
    columns = run.spec.setting.loss.options.get("normalize") == "columns"
    return values / values.sum(axis=0) if columns else values


def has_similarity(run: Run) -> bool:
    """Whether there is a `trained_similarity`, without reading it."""
    if run.spec.setting.loss.name != "simloss" or not (run.path / "matrix.npz").exists():
        return False
    try:
        return not run.spec.warmup or int(run.result().get("epoch") or 0) > run.spec.warmup
    except StoreError:  # predictions without a result: nobody knows which loss made them
        return False


def decoder_for(decoder: str, runs: Sequence[Run]) -> str:
    """The decoder that reads these runs of one setting: argmax for `blurred` where one has no similarity."""
    return "argmax" if decoder == "blurred" and not all(map(has_similarity, runs)) else decoder


def decided_elsewhere(run: Run, part: str) -> bool:
    """Whether only the decided class of each sample is known, without reading the predictions."""
    try:
        return "predicted" in npz.headers(run.path / f"{part}.npz")
    except ValueError:  # whoever reads it says what is wrong
        return False


def blur_warnings(comparison: Comparison) -> dict[str, str]:
    """By setting that `blurred` can read, a sentence where the column sums of its S differ."""
    found = {}
    for setting, runs in comparison.groups.items():
        similarity = trained_similarity(runs[0], comparison.classes)
        if similarity is not None and (text := evaluation.blur_warning(similarity)):
            found[setting] = text
    return found


def table(
    comparison: Comparison, *, part: str = "test", decoder: str = "argmax", ruler: Ruler | None = None
) -> list[Row]:
    """One row a setting, plus cross entropy under its control decoders, from the predictions kept.

    Minimum expected cost is decided after temperature scaling on the validation part. `blurred` reads the
    runs trained with SimLoss by the matrix they were trained with; the other rows stay at argmax and say
    so. See `blur_warnings` for its limits. Nothing decodes predictions without probabilities: their decoder
    is `OWN`, and metrics that need probabilities are missing.
    """
    classes = comparison.classes
    ruler = ruler or comparison_ruler(comparison)
    rows = []
    for setting, runs in comparison.groups.items():
        ready = sorted((r for r in runs if r.has_predictions(part)), key=lambda r: r.spec.seed)
        if not ready:
            continue
        own = OWN if decided_elsewhere(ready[0], part) else decoder_for(decoder, ready)
        shown = [own]
        if own != OWN and parse_setting(setting).loss.name == "ce":
            shown += [d for d in decoded_by(classes) if d != own]
        matrix = ready[0].matrix()
        same = matrix is not None and ruler.same_as(matrix)
        said = tuple(dict.fromkeys(w for r in ready if (w := _warning(r))))
        watched = _watched(ready)
        for one in shown:
            found = [measured(run, classes, ruler, one, part) for run in ready]
            values = {key: [f.get(key) for f in found] for key in dict.fromkeys(k for f in found for k in f)}
            control = is_control(setting, comparison.groups) or one != own
            seeds = tuple(r.spec.seed for r in ready)
            rows.append(Row(setting, one, control, seeds, values, same, said if one == own else (), watched))
    return rows


def _watched(runs: Sequence[Run]) -> dict[str, list[float]]:
    """What each run reached on validation in the metric by which it is chosen; empty where one tells nothing."""
    metric = runs[0].spec.monitor
    try:
        found = [at_kept_epoch(run, metric) for run in runs]
    except (StoreError, KeyError):  # judged from a file, or cancelled before it had a result
        return {}
    known = [float(value) for value in found if value is not None]
    return {metric: known} if len(known) == len(runs) else {}


def measured(run: Run, classes: ClassSet, ruler: Ruler, decoder: str, part: str) -> dict[str, Any]:
    """Metrics of one run under a decoder and a ruler."""
    predictions = run.predictions(part)
    if predictions.predicted is not None:  # decided elsewhere: there is nothing to decode
        return predictions.metrics(classes, ruler)
    return evaluation.metrics(
        predictions.log_probabilities,
        predictions.target,
        classes=classes,
        ruler=ruler,
        decoder=decoder,
        **decoder_needs(run, classes, decoder),
    )


def decoder_needs(run: Run, classes: ClassSet, decoder: str) -> dict[str, Any]:
    """What a decoder asks for beside probabilities: a temperature fitted on validation, the S of `blurred`."""
    if decoder == "min_cost" and run.has_predictions("validation"):
        fitted = run.predictions("validation")
        return {"temperature": evaluation.fit_temperature(fitted.log_probabilities, fitted.target)}
    return {"similarity": trained_similarity(run, classes)} if decoder == "blurred" else {}


def comparison_ruler(comparison: Comparison) -> Ruler:
    """The ruler a comparison was set up with."""
    return evaluation.ruler(comparison.classes, (comparison.info.get("ruler") or {}).get("choice"))


def _warning(run: Run) -> str | None:
    try:
        text = run.result().get("warning")
    except ValueError:
        return None
    return str(text) if text else None
