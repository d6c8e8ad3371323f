"""Pictures: arrays in, a plotly Figure out."""

from __future__ import annotations

from simviz.figures import confusion, distance, heatmap, losses, matrix, severity, style

__all__ = ["confusion", "distance", "heatmap", "losses", "matrix", "severity", "style"]
