"""The matrices of all settings side by side; with many classes an image each, and a window into it."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from simviz.figures import confusion as pictures
from simviz.figures.heatmap import TEXT_LIMIT, WINDOW, window
from simviz.ui import cache_confusion, charts
from simviz.ui.text import plain
from simviz.ui.views import confusion_cell
from simviz.ui.views.confusion_epoch import AtEpoch
from simviz.ui.views.confusion_view import View


def show(view: View, cell: tuple[int, int] | None) -> None:
    """Caption, then the pictures, the same colours for all."""
    low, high = view.limits
    found = view.found
    sample = f"Validation part after epoch {found.epoch}" if isinstance(found, AtEpoch) else found.sample_text()
    st.caption(
        f"{plain(sample)}, decided by {plain(found.decided_by)}. Row: true class, column: predicted class. "
        f"Colour: {plain(pictures.TITLES[view.normalize])}, {plain(f'{low:.3g}')} to {plain(f'{high:.3g}')} "
        "in all pictures."
    )
    _row(view, cell, (low, high), view.places, view.places, "confusion")
    if view.wide:
        around = view.around(cell)
        down, across = (window(view.places, place) for place in around)
        st.caption(plain(window_text(view, cell, around)))
        _row(view, around, (low, high), down, across, "window")


def window_text(view: View, cell: tuple[int, int] | None, around: tuple[int, int]) -> str:
    """What the window shows, in a sentence or two."""
    true, predicted = (view.nodes.names[i] for i in around)
    what = "the chosen cell" if around == cell else "the most frequent confusion"
    return (
        f"{len(view.places):,} classes are drawn as an image. Below, {WINDOW} rows and {WINDOW} columns of it around "
        f"{what}, {true} taken for {predicted}. A click on an image, the boxes and the table of pairs move the window."
    )


def _row(
    view: View,
    cell: tuple[int, int] | None,
    limits: tuple[float, float],
    down: list[int],
    across: list[int],
    key: str,
) -> None:
    side = min(len(view.panels), 3 if len(down) <= TEXT_LIMIT else 2)
    names = view.nodes.names
    for start in range(0, len(view.panels), side):
        for column, panel in zip(st.columns(side), view.panels[start : start + side], strict=False):
            table = view.counts[panel.label]
            fig = cache_confusion.picture(
                table,
                names,
                **view.style(cell) | {"order": down},
                columns=across,
                log=view.log,
                limits=limits,
                title=f"{panel.label}, {view.when}, {panel.over}",
            )
            widget = f"{key}-{view.panels.index(panel)}"
            alt = f"Confusion matrix of {panel.label}: {np.trace(table) / max(table.sum(), 1):.1%} lie on the diagonal"
            with column:
                click = partial(confusion_cell.click, widget, names)
                charts.show(fig, widget, alt, click)
