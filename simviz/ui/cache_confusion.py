"""What the confusion page remembers between reruns; see `cache`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from simviz import evaluation, npz
from simviz.classes import ClassSet
from simviz.evaluation import CellDifferences, Ruler
from simviz.figures import confusion as pictures
from simviz.ui.cache import BY_CONTENT, Decoded, Stamp


@st.cache_resource(max_entries=1000, show_spinner="Reading epochs")
def of_epoch(file: Stamp, num_classes: int) -> NDArray[np.int64]:
    """The validation confusion an epoch kept, int64 (C, C), read-only; ValueError where there is none."""
    name = "/".join(Path(file[0]).parts[-3:])
    try:
        found = evaluation.confusion.checked_confusion(npz.read(Path(file[0]))["confusion"], num_classes)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{name} holds no confusion matrix: {error}") from None
    found.setflags(write=False)
    return found


def picture(table: NDArray[np.float64], names: Sequence[str], **how: Any) -> go.Figure:
    """`figures.confusion` as one of several; not to be changed. A page that is come back to draws nothing anew."""
    return _picture(hashlib.sha256(table.tobytes()).hexdigest(), names, how, table)


@st.cache_resource(max_entries=24, show_spinner=False)
def _picture(digest: str, names: Sequence[str], how: dict[str, Any], _table: NDArray[np.float64]) -> go.Figure:
    return pictures.multiple(pictures.confusion(_table, names, **how))


def leaves(table: NDArray[np.float64]) -> list[int]:
    """`evaluation.confusion_order`; Streamlit's own hash looks at a sample of a large array only."""
    return _leaves(hashlib.sha256(table.tobytes()).hexdigest(), table)


@st.cache_data(max_entries=32, show_spinner="Ordering the classes")
def _leaves(digest: str, _table: NDArray[np.float64]) -> list[int]:
    return evaluation.confusion_order(_table)


@st.cache_resource(max_entries=32, show_spinner="Testing the cells", hash_funcs=BY_CONTENT)
def tested(
    of: tuple[tuple[tuple[Stamp | None, ...], ...], ...],
    classes: ClassSet,
    ruler: Ruler,
    decoder: str,
    rows: bytes,
    *,
    weighted: bool,
    paired: bool,
    _a: Sequence[Decoded],
    _b: Sequence[Decoded],
) -> CellDifferences | None:
    """`evaluation.joined_differences`; None where the runs did not all answer the same samples.

    `of` are the stamps of A's and of B's runs, `rows` the intp array of the row each class falls into, as bytes; with
    `weighted` a mistake counts its distance.
    """
    first, second = ([evaluation.Answers(d.ids, d.units, d.target, d.predicted) for d in side] for side in (_a, _b))
    return evaluation.joined_differences(
        first,
        second,
        len(classes),
        rows=np.frombuffer(rows, dtype=np.intp),
        weights=ruler.distance_for(classes) if weighted else None,
        paired=paired,
    )
