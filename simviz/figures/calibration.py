"""Pictures of how sure a model is, and how often it is right then."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simviz.evaluation import Reliability
from simviz.figures import style

FEW = 20
GREY = "rgba(128,128,128,0.7)"


def reliability(found: Reliability, setting: str, *, title: str = "") -> go.Figure:
    """Accuracy against confidence, a point a bin, over the number of samples in each.

    On the dashed line a model is right as often as it says; below it, it says too much. A grey line leads
    from every point to it: the bin's part of the ECE. Bins of fewer than 20 samples are hollow.

    Parameters
    ----------
    setting : str, for the colour
    """
    look = style.setting_styles([setting])[setting]
    x, y = found.confidence, found.accuracy
    fig = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.05)
    fig.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1},
        hoverinfo="skip",
        row=1,
        col=1,
    )
    fig.add_scatter(
        x=[v for at in x for v in (at, at, None)],
        y=[v for pair in zip(x, y, strict=True) for v in (*pair, None)],
        mode="lines",
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        row=1,
        col=1,
    )
    fig.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": look.color, "width": 1.5},
        marker={
            "color": look.color,
            "size": 8,
            "symbol": [look.symbol + ("-open" if n < FEW else "") for n in found.count],
        },
        customdata=found.count,
        hovertemplate="says %{x:.1%}<br>right %{y:.1%}<br>%{customdata:,} samples<extra></extra>",
        row=1,
        col=1,
    )
    fig.add_trace(_counts(found, look.color), row=2, col=1)
    fig.update_xaxes(range=[-0.02, 1.02], tickformat=".0%")
    fig.update_xaxes(title="probability of the most probable class", row=2)
    fig.update_yaxes(title="share right", range=[-0.02, 1.02], tickformat=".0%", row=1)
    fig.update_yaxes(title="samples", rangemode="tozero", nticks=3, row=2)
    return style.finish(fig, title=title, height=400)


def _counts(found: Reliability, color: str) -> go.Scatter:
    """A stem a bin; bins of equal mass have no width that bars could be drawn with."""
    return go.Scatter(
        x=[v for at in found.confidence for v in (at, at, None)],
        y=[v for n in found.count for v in (0, int(n), None)],
        mode="lines",
        line={"color": color, "width": 5},
        hovertemplate="%{y:,} samples<extra></extra>",
    )
