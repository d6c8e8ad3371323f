"""Matrices by which mistakes may be measured beside the named rulers: learned, uploaded, built in this session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import streamlit as st

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.matrices import ClassMatrix
from simviz.runs import Comparison, StoreError, read_only
from simviz.settings import MATRIX_FILES
from simviz.ui import cache, folders, links, state

MATRIX = "matrix"  # the option behind which they stand
MOST = 30  # kept files that are looked at, the newest


@dataclass(frozen=True)
class Source:
    """A matrix that may be a ruler.

    Attributes
    ----------
    label : what it is called on the page
    file : what the command line takes for it: where it lies, or how the page that has it names its download
    read : ValueError where it is damaged, or not of these classes
    """

    label: str
    file: str
    read: Callable[[], ClassMatrix]


def sources(comparison: Comparison) -> dict[str, Source]:
    """What there is for these classes, by the name that a link gives it."""
    classes = comparison.classes
    return _learned(comparison, classes) | _kept(classes)


def pick(found: dict[str, Source], classes: ClassSet) -> Ruler:
    """The ruler of the matrix that is chosen among them; ValueError where it cannot be read."""
    names = list(found)
    links.unknown(state.RULER_OF, names, "matrix to measure by")
    if st.session_state.get(state.RULER_OF) not in (None, *names):
        del st.session_state[state.RULER_OF]  # kept from another comparison
    name = st.selectbox(
        "Matrix",
        names,
        key=state.RULER_OF,
        bind="query-params",
        help="Distances that runs of this comparison have learned, at their last epoch, and matrices that were "
        "uploaded or built on the page “Similarity matrix”. Of a similarity S it is 1 - S.",
    )
    return replace(evaluation.ruler(classes, found[name].read()), name=found[name].label)


def chosen(comparison: Comparison) -> str | None:
    """What the command line takes for the ruler in view; None for the comparison's own."""
    asked = st.session_state.get(state.RULER)
    if asked != MATRIX:
        return asked if asked in evaluation.RULERS else None
    source = sources(comparison).get(str(st.session_state.get(state.RULER_OF)))
    return None if source is None else source.file


def _learned(comparison: Comparison, classes: ClassSet) -> dict[str, Source]:
    found = {}
    for run in comparison.runs:
        try:
            epoch = max(run.epochs, default=0)
        except StoreError:
            continue
        file = cache.stamp(run.path / "epochs" / f"{epoch:04d}.npz")
        if file is None or not cache.keeps_distance(file):
            continue
        read = partial(_distance, file, classes)
        found[f"learned-{run.id}"] = Source(f"learned by {run.id}", f"learned-{run.id}-{epoch:04d}.csv", read)
    return found


def _distance(file: cache.Stamp, classes: ClassSet) -> ClassMatrix:
    return ClassMatrix(classes, cache.distances((file,), len(classes))[0], "distance")


def _kept(classes: ClassSet) -> dict[str, Source]:
    """Files of the store's matrices; the one in view on the page of matrices joins them."""
    built = st.session_state.get(state.BUILT)
    if built is not None and not read_only() and set(classes.names) <= set(built.matrix.names):
        folders.kept(built.matrix)
    files = [file for file in folders.matrices().glob("*") if file.suffix.lower() in MATRIX_FILES]
    found = {}
    for file in sorted(files, key=lambda file: -file.stat().st_mtime_ns)[:MOST]:
        try:
            matrix = _read(str(file), file.stat().st_mtime_ns)
        except (ValueError, OSError):
            continue
        if set(classes.names) <= set(matrix.names):
            said = f"{matrix.kind} {matrix.hash[:6]}, {len(matrix)} classes"
            found[f"matrix-{matrix.hash[:12]}"] = Source(
                said, str(file), partial(_read, str(file), file.stat().st_mtime_ns)
            )
    return found


@st.cache_resource(max_entries=MOST, show_spinner=False)
def _read(path: str, changed: int) -> ClassMatrix:
    return ClassMatrix.load(Path(path))
