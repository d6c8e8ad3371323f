"""The cell in view: two boxes, which clicks on pictures and rows of tables fill."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from simviz.ui import links, state
from simviz.ui.evidence import Evidence
from simviz.ui.views.confusion_view import members


def boxes(found: Evidence) -> tuple[str, str] | None:
    """The way to a cell by keyboard and by link: a class or a group each; None until both are chosen."""
    names = list(members(found))
    chosen = []
    for column, (key, label) in zip(
        st.columns(2), ((state.TRUE, "True class"), (state.PREDICTED, "Predicted class")), strict=True
    ):
        links.unknown(key, names, label.lower())
        if st.session_state.get(key) not in (None, *names):
            del st.session_state[key]  # kept from a comparison that had it
        with column:
            chosen.append(
                st.selectbox(
                    label,
                    names,
                    index=None,
                    key=key,
                    bind="query-params",
                    placeholder="or click a cell above",
                    on_change=first_page,
                )
            )
    true, predicted = chosen
    return None if true is None or predicted is None else (true, predicted)


def click(key: str, names: Sequence[str]) -> None:
    """Callback of a click: the cell under it goes into the boxes.

    A redrawn picture lets its selection go and reports that nothing is chosen; that is no wish, and ignored.
    """
    points = st.session_state[key]["selection"]["points"]
    if points:
        true, predicted = points[0]["customdata"][:2]
        pick(names[true], names[predicted])


def pick(true: str, predicted: str) -> None:
    """Callback of a row of a table, and of a click: the two names into the boxes."""
    st.session_state[state.TRUE], st.session_state[state.PREDICTED] = true, predicted
    first_page()


def first_page() -> None:
    """Other images begin with their first page."""
    if state.PAGE in st.session_state:
        st.session_state[state.PAGE] = 1
