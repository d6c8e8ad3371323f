"""The pictures of a report: a title, a plotly figure and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.figures import confusion as confusions
from simviz.figures import severity as severities
from simviz.report.counts import Counts

MOST_ROWS = 60


@dataclass(frozen=True)
class Picture:
    """A figure under its heading, with a sentence computed from what it shows."""

    heading: str
    figure: go.Figure
    caption: str


def accuracy_cost(rows: Sequence[compare.Row], ruler: Ruler) -> Picture:
    """Every row's seeds, mean and intervals."""
    accuracy = {r.label: np.array(r.values["accuracy"], dtype=float) for r in rows}
    cost = {r.label: np.array(r.values["mean_cost"], dtype=float) for r in rows}
    both = {r.label: (r.interval("accuracy"), r.interval("mean_cost")) for r in rows}
    fig = severities.accuracy_cost(
        accuracy, cost, unit=ruler.unit, intervals={k: (a, c) for k, (a, c) in both.items() if a and c}
    )
    best = max(accuracy, key=lambda k: accuracy[k].mean())
    least = min(cost, key=lambda k: cost[k].mean())
    said = f"Best accuracy: {best} ({accuracy[best].mean():.1%}); least mean cost: {least} ({cost[least].mean():.3f})."
    return Picture(f"Accuracy against mean cost, ruler {ruler.describe()}", fig, said)


def per_class(counts: Counts, classes: ClassSet, ruler: Ruler) -> Picture:
    """Severity of the mistakes of every class; of many classes those with the largest values."""
    found = {label: evaluation.class_severity(one.total, ruler) for label, one in counts.items()}
    values = {label: one["severity"] for label, one in found.items()}
    behind = {label: one["errors"] / counts[label].runs for label, one in found.items()}
    largest = np.max([np.nan_to_num(v, nan=-1) for v in values.values()], axis=0)
    order = np.argsort(-largest, kind="stable")[:MOST_ROWS]
    fig = severities.per_class(
        {k: v[order] for k, v in values.items()},
        [classes.names[i] for i in order],
        behind={k: v[order] for k, v in behind.items()},
        unit=ruler.unit,
    )
    shown = f"The {MOST_ROWS} of {len(classes)} classes with the largest values. " if len(classes) > MOST_ROWS else ""
    said = f"{shown}Hollow: fewer than {severities.FEW} mistakes a run, so chance may have drawn it."
    return Picture(f"Severity class by class, ruler {ruler.describe()}", fig, said)


def confusion(counts: Counts, classes: ClassSet) -> list[Picture]:
    """The matrix of each setting, shares of the true class, all with the same colours."""
    found = []
    for label, one in counts.items():
        fig = confusions.confusion(one.mean, classes.names, limits=(0.0, 1.0), groups=_coarsest(classes))
        right = np.trace(one.total) / max(one.total.sum(), 1)
        over = f"mean of {one.runs} runs" if one.runs > 1 else "one run"
        said = f"{right:.1%} of the images lie on the diagonal ({over}). Row: true class, column: predicted class."
        found.append(Picture(f"Confusion of {label}", fig, said))
    return found


def differences(counts: Counts, classes: ClassSet, sides: tuple[str, str] | None) -> list[Picture]:
    """A - B of the two sides; where none are given, of the first setting (ce if there is one) and each other."""
    first = "ce" if "ce" in counts else next(iter(counts), "")
    asked = [sides] if sides else [(first, s) for s in counts if s != first and not compare.is_control(s)]
    found = []
    for a, b in asked:
        one, other = counts[a], counts[b]
        fig = confusions.difference(one.mean, other.mean, classes.names, labels=(a, b), groups=_coarsest(classes))
        wrong = [(c.total.sum() - np.trace(c.total)) / c.runs for c in (one, other)]
        said = (
            f"Blue: rarer in {b}, red: more frequent in {b}. Mistakes a run: {wrong[0]:,.1f} in {a}, {wrong[1]:,.1f} "
            f"in {b}. No cell is tested here for what chance alone would do."
        )
        found.append(Picture(f"Difference: {a} minus {b}", fig, said))
    return found


def _coarsest(classes: ClassSet) -> list[str] | None:
    """The coarsest group of each class, where the classes of each stand together."""
    groups = [path[0] for path in classes.groups or ()]
    blocks = sum(a != b for a, b in pairwise(groups)) + 1
    return groups if len(groups) > 0 and blocks == len(set(groups)) < len(groups) else None
