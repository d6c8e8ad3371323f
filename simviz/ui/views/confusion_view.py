"""What the confusion page shows of a comparison: which rows in which order, and how a cell is counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.evaluation.collapse import Nodes, Path, collapse, group_names
from simviz.figures import confusion as pictures
from simviz.figures.heatmap import CELL_LIMIT, TEXT_LIMIT
from simviz.matrices.anatomy import OPTIMAL_LEAVES
from simviz.report.look import Look, ordered
from simviz.ui import cache, cache_confusion, evidence, links, shell, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain
from simviz.ui.views.confusion_epoch import AtEpoch

Floats = NDArray[np.float64]
CLASSES = "classes"
NORMALIZED: dict[str, pictures.Normalize] = {
    "by-true": "true",
    "counts": "counts",
    "by-predicted": "predicted",
    "by-all": "all",
}


@dataclass(frozen=True)
class View:
    """One look at a comparison.

    Attributes
    ----------
    nodes : the rows and columns, K of C classes and groups
    classwise : label of a panel -> float64 (C, C), mean counts over its runs
    counts : the same, (K, K)
    order : what the rows are ordered by
    places : the row drawn at each place; empty ones may be left out
    """

    found: Evidence
    panels: list[Panel]
    nodes: Nodes
    classwise: dict[str, Floats]
    counts: dict[str, Floats]
    normalize: pictures.Normalize
    hide: bool
    log: bool
    numbers: bool
    rows: tuple[int, list[Path]]
    order: str
    places: list[int]

    @property
    def when(self) -> str:
        """Part, or epoch, in titles."""
        by = f" by {self.found.ruler.name}" * (self.found.decoder == "min_cost")
        return self.found.when + (f", {self.found.decoder}{by}" if self.found.decoder != "argmax" else "")

    @property
    def wide(self) -> bool:
        """Whether it takes an image and a window instead of cells."""
        return len(self.places) > CELL_LIMIT

    @property
    def limits(self) -> tuple[float, float]:
        """The range of colours of all matrices."""
        tables = self.counts.values()
        return pictures.shared_limits(tables, normalize=self.normalize, hide_diagonal=self.hide, log=self.log)

    @property
    def look(self) -> Look:
        """What a report takes over of it."""
        return Look(self.normalize, self.order, self.rows[0], self.hide, self.log)

    def drawn(self, cell: tuple[int, int] | None) -> dict[str, Any]:
        """What `report.reading.confusion` needs to draw the same matrices."""
        look = self.style(cell) | {"log": self.log}
        whole = self.places == list(range(len(self.nodes)))
        look["order"] = None if whole else [int(place) for place in self.places]
        alone = [panel.label for panel in self.panels if panel.label != panel.setting]
        epoch = self.found.epoch if isinstance(self.found, AtEpoch) else None
        window = self.around(cell) if self.wide else None
        return {"look": look, "rows": self.rows, "alone": alone, "epoch": epoch, "window": window}

    def around(self, cell: tuple[int, int] | None) -> tuple[int, int]:
        """The cell that a window is cut around: the chosen one, or else the most frequent confusion of all settings."""
        if cell is not None and set(cell) <= set(self.places):
            return cell
        total = np.sum(list(self.counts.values()), axis=0)
        shown = total[np.ix_(self.places, self.places)] * ~np.eye(len(self.places), dtype=bool)
        row, column = np.unravel_index(int(shown.argmax()), shown.shape)
        return int(self.places[row]), int(self.places[column])

    @cached_property
    def groups(self) -> list[str] | None:
        """The coarsest group of each row, for lines between them where the order keeps them together."""
        groups = None if self.found.classes.groups is None else [path[0] for path in self.nodes.paths]
        return groups if groups and self.order == "group" and len(set(groups)) < len(groups) else None

    def cell(self, chosen: tuple[str, str] | None) -> tuple[int, int] | None:
        """The row and column in which the chosen classes or groups lie; None where they lie in several."""
        if chosen is None:
            return None
        known = members(self.found)
        rows = [np.unique(self.nodes.row[known[name]]) for name in chosen]
        return None if any(len(r) > 1 for r in rows) else (int(rows[0][0]), int(rows[1][0]))

    def style(self, cell: tuple[int, int] | None) -> dict[str, Any]:
        """What all pictures have in common, as arguments of `figures.confusion`."""
        common = {"normalize": self.normalize, "hide_diagonal": self.hide, "chosen": cell, "numbers": self.numbers}
        return common | {"order": self.places, "groups": self.groups}


def choose(found: Evidence, panels: list[Panel]) -> View:
    """The controls, and the view they ask for."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        links.unknown(state.NORMALIZE, NORMALIZED, "way to normalise")
        normalize = st.segmented_control(
            "Each cell",
            list(NORMALIZED),
            default="by-true",
            required=True,
            key=state.NORMALIZE,
            bind="query-params",
            help="by-true: share of the true class, rows sum to 1. by-predicted: columns sum to 1.",
        )
        by = shell.order_picker("confusion")
        rows = _rows(found)
        nodes = collapse(found.classes, *rows)
    with st.container(horizontal=True, gap="medium"):
        hide = switch(state.HIDE, "Hide diagonal")
        log = switch(state.LOG, "Logarithmic colours", "Of the matrices; a difference keeps its linear scale.")
        few = len(nodes) <= TEXT_LIMIT  # of more no cell has room for a number
        numbers = not few or switch(state.NUMBERS, "Numbers", on=True)
        used = switch(state.EMPTY, "Hide empty classes", "Those without a cell to show in any of the pictures.")
    classwise = {p.label: found.confusion(p) / len(p.runs) for p in panels}
    counts = {label: nodes.sum(table) for label, table in classwise.items()}
    total = sum(counts.values(), np.zeros((len(nodes),) * 2))
    places, remark = _order(by, found, nodes, total)
    if used:
        places, said = _used(places, total, hide)
        remark = f"{remark} {said}".strip()
    if remark:
        st.caption(plain(remark))
    return View(found, panels, nodes, classwise, counts, NORMALIZED[normalize], hide, log, numbers, rows, by, places)


def switch(key: str, label: str, about: str | None = None, *, on: bool = False) -> bool:
    """A toggle that the link restores."""
    links.unknown(key, state.SWITCH, f"value of “{label}”")
    return st.toggle(label, value=on, key=key, bind="query-params", help=about)


def members(found: Evidence) -> dict[str, list[int]]:
    """Everything a cell can be chosen by: each class, then each group, with the indices of its classes."""
    classes = found.classes
    known = {name: [i] for i, name in enumerate(classes.names)}
    for path, name in group_names(classes).items():
        known[name] = [i for i, groups in enumerate(classes.groups or ()) if groups[: len(path)] == path]
    return known


def _rows(found: Evidence) -> tuple[int, list[Path]]:
    """The pickers of level and of opened groups, as `collapse` takes them."""
    classes = found.classes
    depth = 0 if classes.groups is None else len(classes.groups[0])
    levels = (CLASSES, *(f"level-{k}" for k in range(1, depth + 1)))
    links.unknown(state.LEVEL, levels, "level of groups")
    if not depth:
        _unknown_groups({})
        return 0, []
    if st.session_state.get(state.LEVEL) not in (None, *levels):
        del st.session_state[state.LEVEL]  # kept from a comparison that had it
    picked = st.segmented_control(
        "Rows and columns",
        levels,
        default=CLASSES,
        required=True,
        key=state.LEVEL,
        bind="query-params",
        help="level-1: the coarsest groups. A group's row is the sum of its classes', so all totals stay.",
    )
    paths = {" / ".join(path): path for path in group_names(classes)}
    _unknown_groups(paths)
    if picked == CLASSES:
        return 0, []
    level = levels.index(picked)
    return level, _opened(paths, level)


def _opened(paths: dict[str, Path], level: int) -> list[Path]:
    """The groups to show by their parts; those inside a group are offered once it is opened."""
    before = [name for name in st.session_state.get(state.OPENED_GROUPS) or _asked_groups() if name in paths]
    open_ = {paths[name] for name in before}
    offered = [n for n, p in paths.items() if len(p) == level or (len(p) > level and p[:-1] in open_)]
    if state.OPENED_GROUPS in st.session_state:
        st.session_state[state.OPENED_GROUPS] = [name for name in before if name in offered]
    names = st.multiselect(
        "Opened groups",
        offered,
        key=state.OPENED_GROUPS,
        bind="query-params",
        placeholder="none",
        width=320,
        help="These are shown by their parts.",
    )
    return [paths[name] for name in names]


def _asked_groups() -> list[str]:
    return [name for name in st.query_params.get_all(state.OPENED_GROUPS) if name]


def _unknown_groups(known: dict[str, Path]) -> None:
    for asked in _asked_groups():
        if asked not in known:
            links.say_unknown("group", asked)


def _order(by: str, found: Evidence, nodes: Nodes, total: Floats) -> tuple[list[int], str]:
    """The row at each place, and a sentence on what the order follows where it is not plain."""
    near = partial(evidence.likeness, found)
    kept: dict[str, Any] = {"leaves": cache.leaves, "confused": cache_confusion.leaves}
    places = ordered(by, nodes, classes=found.classes, total=total, near=near, **kept)
    rough = f" Of more than {OPTIMAL_LEAVES} classes, neighbours may be less alike than they could be."
    rough = rough if len(nodes) > OPTIMAL_LEAVES else ""
    if by == "similarity":
        return places, f"Like classes stand side by side by the distance “{near().name}”.{rough}"
    if by == "confusion":
        return places, f"Classes that are taken for each other stand side by side.{rough}"
    if by == "group" and found.classes.groups is None:
        return places, "These classes have no groups; they are in the order of the list."
    return places, ""


def _used(places: list[int], total: Floats, hide: bool) -> tuple[list[int], str]:
    """Without the rows that show nothing."""
    shown = total * ~np.eye(len(total), dtype=bool) if hide else total
    busy = (shown + shown.T).sum(axis=1) > 0
    kept = [i for i in places if busy[i]]
    if not kept:
        return places, "Every class is empty; all are shown."
    what = "a mistake" if hide else "an image or a prediction"
    return kept, f"{len(places) - len(kept)} of {len(places)} classes are without {what} and left out."
