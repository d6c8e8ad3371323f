"""How every plotly figure is put on a page."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st


def show(fig: go.Figure, key: str, alt: str) -> None:
    """Draw a figure as wide as its column, with a camera for SVG; `alt` says what it shows, in words."""
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": f"simviz-{key}"},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    st.plotly_chart(fig, key=key, width="stretch", config=config, alt=alt)
