"""Confusion: every setting's matrix side by side, a cell of it, and the images behind that cell."""

from __future__ import annotations

from functools import partial

import streamlit as st

from simviz.report import reading
from simviz.ui import evidence, pairs, shell, state
from simviz.ui.views import (
    confusion_cell,
    confusion_difference,
    confusion_epoch,
    confusion_images,
    confusion_one,
    confusion_pictures,
    confusion_view,
    take_away,
)

SAID = (
    "The command line writes the report, with the normalisation, order, level, diagonal and logarithm chosen here; the "
    "Python draws the matrices of this very screen, and their difference."
)


def show() -> None:
    st.title("Confusion")
    found = evidence.gather("see here which classes each of them takes for which", epochs=True)
    if found is None:
        return
    frame = shell.frame()
    panels = found.panels(frame.a, frame.b)
    there, shown = confusion_epoch.scrub(found, panels)
    if not shown:
        return
    view = confusion_view.choose(there, shown)
    above = st.container()
    chosen = confusion_cell.boxes(found)
    cell = view.cell(chosen)
    with above:
        confusion_pictures.show(view, cell)
        difference = confusion_difference.show(view, cell)
    if panels:
        confusion_images.show(found, panels, chosen)
        confusion_one.show(found, panels)
    st.subheader("Most frequent confusions")
    pairs.show(there, shown, by="count", key=state.PAIRS, on_pick=confusion_cell.pick)
    if panels:
        python = partial(reading.confusion, **view.drawn(cell), **difference)
        take_away.show(found, python, SAID, (there, shown), view.look)
