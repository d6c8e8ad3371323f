"""Pictures: arrays in, a plotly Figure out."""

from __future__ import annotations

from simviz.figures import (
    anatomy,
    calibration,
    confusion,
    distance,
    heatmap,
    live,
    losses,
    matrix,
    panels,
    ranking,
    severity,
    style,
)

__all__ = [
    "anatomy",
    "calibration",
    "confusion",
    "distance",
    "heatmap",
    "live",
    "losses",
    "matrix",
    "panels",
    "ranking",
    "severity",
    "style",
]
