"""Pictures: arrays in, a plotly Figure out."""

from __future__ import annotations

from simviz.figures import anatomy, confusion, distance, heatmap, losses, matrix, severity, style

__all__ = ["anatomy", "confusion", "distance", "heatmap", "losses", "matrix", "severity", "style"]
