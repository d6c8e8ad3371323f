"""The matrix changed by hand: cells, and the group of a class. Kept for the session, for each set of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from simviz.classes import ClassSet
from simviz.figures import heatmap as pictures
from simviz.figures import style
from simviz.matrices import ClassMatrix
from simviz.ui import charts
from simviz.ui.text import plain

EDITS = "live/edits"
CELL, VALUE, MIRROR, PLOT = ("live-true", "live-other"), "live-value", "live-mirror", "live-matrix"
MOVED, GROUP = "live-moved", "live-group"
LISTED = 6
DIGITS = 3  # of a cell, as its box shows it
FARTHEST = 10  # times the largest distance that was built: a power of more is a number no loss can be told


def edits(classes: ClassSet) -> dict[str, dict[Any, Any]]:
    """`cells`: (kind, true, other) -> value, and `groups`: class -> its new group.

    Names, so that any matrix of the kind takes them; the kind, because a distance of 0 is no similarity of 0.
    """
    kept = st.session_state.setdefault(EDITS, {})
    return kept.setdefault(ClassSet(classes.names).fingerprint, {"cells": {}, "groups": {}})


def regrouped(classes: ClassSet) -> ClassSet:
    """The classes in the groups that they were moved to."""
    moved = edits(classes)["groups"]
    if classes.groups is None or not moved:
        return classes
    groups = [moved.get(name, path) for name, path in zip(classes.names, classes.groups, strict=True)]
    return ClassSet(
        classes.names, positions=classes.positions, period=classes.period, groups=groups, words=classes.words
    )


def edited(matrix: ClassMatrix, classes: ClassSet) -> ClassMatrix:
    """The matrix with the cells that were set; the very same one where none was, or all are as they had been."""
    values = matrix.values.copy()
    for (kind, true, other), value in edits(classes)["cells"].items():
        if kind == matrix.kind:
            values[matrix.names.index(true), matrix.names.index(other)] = value
    if np.array_equal(values, matrix.values):
        return matrix
    return ClassMatrix(matrix.names, values, matrix.kind, recipe={**matrix.recipe, "edited": True})


def show(classes: ClassSet, matrix: ClassMatrix | None, built: ClassMatrix | None) -> None:
    """The heat map to click, the cell in two boxes, the group of a class, and a way back.

    Parameters
    ----------
    classes : as the data set has them
    matrix : with the cells that were set; None for a loss that takes none
    built : without them
    """
    if matrix is not None and built is not None:
        _cells(matrix, built)
    _group(classes)
    known = edits(classes)
    cells = [f"{kind} {plain(t)} for {plain(o)} = {v:g}" for (kind, t, o), v in known["cells"].items()]
    more = [f"{len(cells) - LISTED} more"] if len(cells) > LISTED else []
    moved = [f"{plain(name)} to {plain(' / '.join(path))}" for name, path in known["groups"].items()]
    if cells or moved:
        st.markdown("Changed: " + "; ".join([*cells[:LISTED], *more, *moved]))
    undo(classes, "live-undo")


def _cells(matrix: ClassMatrix, built: ClassMatrix) -> None:
    many = len(matrix) > pictures.FULL_LAYER
    only = f" (of more than {pictures.FULL_LAYER} classes only the largest cells answer)" if many else ""
    st.caption(
        f"Click a cell{only}, or choose it below, and give it a value; the last layer answers at once. What is changed "
        "here holds for this session and stays on top of whatever the sliders build, a similarity on similarities and "
        "a distance on distances; it is not part of a link."
    )
    _picture(matrix)
    left, middle, right = st.columns(3)
    chosen = [
        box.selectbox(label, matrix.names, index=None, key=key, persist_state="session", placeholder="or click a cell")
        for box, label, key in zip((left, middle), ("Row: true class", "Column: other class"), CELL, strict=True)
    ]
    true, other = chosen
    if true is not None and other is not None and true != other:
        _value(matrix, built, true, other, right)
    elif true is not None and true == other:
        right.caption("A class is itself: the diagonal stays.")


def undo(classes: ClassSet, key: str) -> None:
    """The button that takes all changes back."""
    st.button(
        "Take all changes back",
        icon=":material/undo:",
        key=key,
        disabled=not any(edits(classes).values()),
        on_click=reset,
        args=(classes,),
    )


def reset(classes: ClassSet) -> None:
    """Callback: forget every change."""
    known = edits(classes)
    known["cells"].clear()
    known["groups"].clear()


def _picture(matrix: ClassMatrix) -> None:
    def hover(true: int, other: int) -> str:
        names = style.escape(matrix.names[true]), style.escape(matrix.names[other])
        return f"{names[0]} for {names[1]}: {matrix.values[true, other]:.3f}"

    top = 1.0 if matrix.kind == "similarity" else None
    chosen = [st.session_state.get(key) for key in CELL]
    fig = pictures.heatmap(
        matrix.values,
        matrix.names,
        pictures.Scale(matrix.kind, low=0.0, high=top),
        axes=("other class", "true class"),
        hover=hover,
        chosen=None if None in chosen else tuple(map(matrix.names.index, chosen)),  # type: ignore[arg-type]
    )
    charts.show(fig, PLOT, f"The {matrix.kind} of {len(matrix)} classes; a click chooses a cell", on_click=_clicked)
    st.session_state[f"{PLOT}/names"] = matrix.names


def _clicked() -> None:
    """Callback: the cell under the click goes into the boxes; a redrawn picture that lets go is no wish."""
    pick(st.session_state[f"{PLOT}/names"], st.session_state[PLOT]["selection"]["points"])


def pick(names: tuple[str, ...], points: list[dict[str, Any]]) -> None:
    """Put the class names of a clicked point into the boxes; nothing for no point. The group is asked of its row."""
    if points:
        true, other = (names[index] for index in points[0]["customdata"][:2])
        st.session_state.update({CELL[0]: true, CELL[1]: other, MOVED: true})


def _value(matrix: ClassMatrix, built: ClassMatrix, true: str, other: str, box: Any) -> None:
    """The number in the cell, and whether its mirror image gets it too."""
    here = float(matrix.values[matrix.names.index(true), matrix.names.index(other)])
    top = 1.0 if matrix.kind == "similarity" else max(here, FARTHEST * (float(built.values.max()) or 1.0))
    key = f"{VALUE}/{matrix.kind}/{true}/{other}/{here}"  # another value behind it is another box: none shows what was
    box.number_input(
        f"{matrix.kind}, {plain(true)} for {plain(other)}",
        min_value=0.0,
        max_value=top,
        value=here,
        step=0.05,
        format=f"%.{DIGITS}f",
        key=key,
        on_change=_set,
        args=(key, built, true, other),
    )
    box.toggle("its mirror image too", value=True, key=MIRROR, persist_state="session")


def _set(key: str, built: ClassMatrix, true: str, other: str) -> None:
    """Callback: keep a cell's value; what the box shows of the value that was built is that value."""
    value = st.session_state[key]
    if value is None:
        return
    cells = edits(ClassSet(built.names))["cells"]
    for pair in [(true, other)] + [(other, true)] * bool(st.session_state[MIRROR]):
        before = float(built.values[built.names.index(pair[0]), built.names.index(pair[1])])
        if round(value, DIGITS) == round(before, DIGITS):
            cells.pop((built.kind, *pair), None)
        else:
            cells[built.kind, *pair] = float(value)


def _group(classes: ClassSet) -> None:
    """Two boxes: a class, and the group it is put into."""
    if classes.groups is None:
        return
    left, right = st.columns(2)
    name = left.selectbox(
        "Put a class into another group (the matrix “groups” and losses over groups follow; the ruler does not)",
        classes.names,
        index=None,
        key=MOVED,
        persist_state="session",
    )
    if name is None:
        return
    paths = list(dict.fromkeys(classes.groups))
    now = regrouped(classes).groups
    assert now is not None
    here = paths.index(now[classes.names.index(name)])
    key = f"{GROUP}/{name}/{here}"
    right.selectbox(
        "Its group",
        paths,
        index=here,
        format_func=" / ".join,
        key=key,
        on_change=_move,
        args=(key, classes, name),
    )


def _move(key: str, classes: ClassSet, name: str) -> None:
    """Callback: keep the group of a class, unless it is its own."""
    assert classes.groups is not None
    group, moved = st.session_state[key], edits(classes)["groups"]
    if group == classes.groups[classes.names.index(name)]:
        moved.pop(name, None)
    else:
        moved[name] = group
