"""Pictures: arrays in, a plotly Figure out."""

from __future__ import annotations

from simviz.figures import confusion, heatmap, losses, matrix, severity, style

__all__ = ["confusion", "heatmap", "losses", "matrix", "severity", "style"]
