"""How every plotly figure is put on a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from simviz.ui import shell

FORMATS, CAMERA = ("svg", "png"), "camera"  # what a picture's own button saves; the key of that choice


def show(fig: go.Figure, key: str, alt: str, on_click: Callable[[], None] | None = None) -> None:
    """Draw a figure as wide as its column, with a camera for SVG or PNG; `alt` says what it shows, in words.

    `on_click` is called when a point is clicked, and with nothing chosen when a redrawn figure lets its
    selection go; it reads `st.session_state[key]`.
    """
    shell.drawn.get()[key] = fig
    saved = st.session_state.get(CAMERA) or FORMATS[0]
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": saved, "filename": f"simviz-{key}", "scale": 2 if saved == "png" else 1},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    clicks: dict[str, Any] = {} if on_click is None else {"on_select": on_click, "selection_mode": "points"}
    st.plotly_chart(fig, key=key, width="stretch", config=config, alt=alt, **clicks)
