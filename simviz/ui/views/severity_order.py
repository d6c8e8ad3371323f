"""What only ordered classes have: errors along their positions, kappa, and the ranked probability score."""

from __future__ import annotations

from typing import Any

import streamlit as st

from simviz import compare
from simviz.ui.evidence import Evidence
from simviz.ui.views import severity_table

LINE = {
    "mae": ("MAE", "Mean absolute error in units of the positions."),
    "mse": ("MSE", "Mean squared error in units of the positions: far mistakes weigh more."),
    "within_1": ("within 1", "Share of images at most one class rank off."),
    "qwk": ("QWK", "Cohen's kappa with quadratic weights in class ranks."),
    "rps": (
        "RPS",
        "Ranked probability score: squared differences of the cumulated probabilities, times the gaps between the "
        "positions. Of the probabilities as the decoder reads them, so median and expectation change nothing here.",
    ),
}
CIRCLE = {"mae": ("MAE", "Mean absolute error in units of the positions, the shorter way round.")}


def show(found: Evidence, rows: list[compare.Row]) -> dict[str, Any]:
    """The table, whose metrics are returned, and what its columns mean."""
    if found.classes.circular:
        severity_table.metric_table(found, rows, CIRCLE, "Errors on the circle")
        st.caption(
            f"The classes lie on a circle of {found.classes.period:g}: the error is the shorter way round. Kappa and "
            "the ranked probability score need a first and a last class, so they are left out."
        )
        return {"metrics": list(CIRCLE)}
    severity_table.metric_table(found, rows, LINE, "Errors along the order")
    st.caption(
        "Measured along the positions of the classes, whatever the ruler. MAE, MSE and RPS: less is better; within 1 "
        "and QWK: more is better. RPS is missing where only the decided class is known. Where MAE falls and within 1 "
        "does not rise, far mistakes came nearer without becoming near."
    )
    return {"metrics": list(LINE)}
