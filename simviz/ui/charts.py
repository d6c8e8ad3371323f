"""How every plotly figure and every table is put on a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from simviz.ui import shell, state
from simviz.ui.text import plain

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("svg", "png")  # what a picture's own button saves
KEYBOARD = "keyboard: Shift+Space chooses the row"  # nothing in a table says so


def show(fig: go.Figure, key: str, alt: str, on_click: Callable[[], None] | None = None) -> None:
    """Draw a figure as wide as its column, with a camera for SVG or PNG; `alt` says what it shows, in words.

    `on_click` is called when a point is clicked, and with nothing chosen when a redrawn figure lets its
    selection go; it reads `st.session_state[key]`.
    """
    shell.drawn.get()[key] = fig
    asked = st.session_state.get(state.CAMERA) or st.query_params.get(state.CAMERA)  # no widget has read a new link yet
    saved = asked if asked in FORMATS else FORMATS[0]
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": saved, "filename": f"simviz-{key}", "scale": 2 if saved == "png" else 1},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    clicks: dict[str, Any] = {} if on_click is None else {"on_select": on_click, "selection_mode": "points"}
    st.plotly_chart(fig, key=key, width="stretch", config=config, alt=alt, **clicks)


def table(frame: pd.DataFrame, name: str, alt: str, csv: Callable[[], bytes] | None = None, **how: Any) -> None:
    """Draw a table, and below it a button that saves it as CSV, where nothing is a formula.

    Parameters
    ----------
    name : what it is: on the button, and in small letters the file's name; each table of a page has its own
    csv : makes the file, where that holds more than what is drawn
    how : arguments of `st.dataframe`
    """
    make = csv or partial(as_csv, frame)
    file = "-".join(part for part in (slug(name), shell.in_view()) if part) + ".csv"
    shell.tables.get()[file] = make
    with st.container(gap="xxsmall"):
        st.dataframe(frame, hide_index=True, alt=alt, **how)
        st.download_button(
            f"{plain(name)} (CSV)",
            data=make,
            file_name=file,
            mime="text/csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            key=f"csv-{name}",
        )


def as_csv(frame: pd.DataFrame) -> bytes:
    """A table as it is drawn, numbers in full."""
    from simviz.report import tables

    return tables.as_csv([{str(k): v for k, v in row.items()} for row in frame.to_dict("records")])


def slug(text: str) -> str:
    """A text as part of a file's name: "A - B" is a-minus-b."""
    return re.sub(r"[^\w.=]+", "-", text.lower().replace(" - ", " minus ")).strip("-")
