"""The pictures of a report: a title, a plotly figure and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.evaluation.collapse import Nodes, collapse
from simviz.figures import confusion as confusions
from simviz.figures import severity as severities
from simviz.report.counts import Counts
from simviz.report.look import PLAIN, Look, likeness, ordered

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


def matrices(
    counts: Counts,
    alone: Counts,
    classes: ClassSet,
    *,
    sides: tuple[str, str] | None,
    ruler: Ruler,
    look: Look = PLAIN,
) -> list[Picture]:
    """The matrix of each setting, all with the same colours, then the differences.

    Parameters
    ----------
    alone : single runs that are among the sides
    sides : the one difference; where there are none, of the first setting (ce if there is one) and each other
    ruler : puts like classes side by side where their names do not

    Raises
    ------
    ValueError
        For an order that there is not, or a level of groups the classes do not have.
    """
    nodes = collapse(classes, look.level)
    every = {**counts, **alone}
    tables = {label: nodes.sum(one.mean) for label, one in every.items()}
    total = sum((tables[label] for label in counts), np.zeros((len(nodes),) * 2))
    places = ordered(look.order, nodes, classes=classes, total=total, near=lambda: likeness(classes, ruler))
    cells: dict[str, Any] = {"normalize": look.normalize, "hide_diagonal": look.hide_diagonal}
    common = {**cells, "order": places, "groups": _coarsest(nodes) if look.order == "group" else None}
    limits = confusions.shared_limits((tables[label] for label in counts), log=look.log, **cells)
    found = []
    for label, one in counts.items():
        fig = confusions.confusion(tables[label], nodes.names, limits=limits, log=look.log, **common)
        found.append(Picture(f"Confusion of {label}", fig, _right(tables[label], one.runs, nodes)))
    first = "ce" if "ce" in counts else next(iter(counts))
    asked = [sides] if sides else [(first, s) for s in counts if s != first and not compare.is_control(s, counts)]
    for a, b in asked:
        fig = confusions.difference(tables[a], tables[b], nodes.names, labels=(a, b), **common)
        found.append(Picture(f"Difference: {a} minus {b}", fig, _moved(every, a, b)))
    return found


def _moved(counts: Counts, a: str, b: str) -> str:
    wrong = [(c.total.sum() - np.trace(c.total)) / c.runs for c in (counts[a], counts[b])]
    return (
        f"Blue: rarer in {b}, red: more frequent in {b}. Mistakes a run: {wrong[0]:,.1f} in {a}, {wrong[1]:,.1f} "
        f"in {b}. No cell is tested here for what chance alone would do."
    )


def _right(table: NDArray[np.float64], runs: int, nodes: Nodes) -> str:
    over = f"mean of {runs} runs" if runs > 1 else "one run"
    what = "class" if len(nodes) == len(nodes.row) else "class or group"
    share = np.trace(table) / max(table.sum(), 1)
    return f"{share:.1%} of the images lie on the diagonal ({over}). Row: true {what}, column: predicted {what}."


def _coarsest(nodes: Nodes) -> list[str] | None:
    """The coarsest group of each row, where a line between groups tells more than one between rows."""
    groups = [path[0] for path in nodes.paths]
    return groups if len(set(groups)) < len(groups) else None
