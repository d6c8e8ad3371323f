"""Pictures of what a loss pays for: a prediction, gradients, and the course of a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from simviz.figures import style

BARS = 12


def prediction(
    names: Sequence[str], probabilities: ArrayLike, roles: Mapping[str, str], *, title: str = ""
) -> go.Figure:
    """Probabilities of the classes as bars, the largest and those with a role where there are many.

    Parameters
    ----------
    names : C class names
    probabilities : array_like, shape (C,)
    roles : class name -> what it is here ("true", "near")
    """
    p = np.asarray(probabilities, dtype=np.float64)
    shown = largest(p, [i for i, n in enumerate(names) if n in roles])
    text = [f"{names[i]} ({roles[names[i]]})" if names[i] in roles else names[i] for i in shown]
    fig = _bars(text, 100 * p[shown], style.FAMILIES["cross entropy"], "%{x:.1f}", "%{y}<br>%{x:.1f} %<extra></extra>")
    fig.update_xaxes(title="probability (%)", range=[0, 118], tickvals=[0, 25, 50, 75, 100])  # room for the number
    return style.finish(fig, title=title, height=_height(len(shown)))


def gradient_bars(
    outputs: Sequence[str], gradient: ArrayLike, setting: str, *, limit: float, keep: int | None = None, title: str = ""
) -> go.Figure:
    """The derivative of a loss by each output as bars; the largest ones where there are many.

    Parameters
    ----------
    outputs : K names
    gradient : array_like, shape (K,)
    setting : the loss, for its colour
    limit : half the width of the axis, one for all losses that are compared
    keep : index of an output that is always drawn
    """
    slope = np.asarray(gradient, dtype=np.float64)
    shown = largest(slope, [] if keep is None else [keep])
    color, hover = style.color(setting), "%{y}<br>%{x:.3g}<extra></extra>"
    fig = _bars([outputs[i] for i in shown], slope[shown], color, "%{x:.2g}", hover)
    left_out = "" if len(shown) == len(slope) else f", {len(shown)} of {len(slope)}"
    wide = 1.4 * limit  # room for the number of the longest bar
    fig.update_xaxes(title=f"derivative by each output{left_out}", range=[-wide, wide], nticks=5)
    return style.finish(fig, title=title, height=_height(len(shown)))


def paths(
    courses: Mapping[str, ArrayLike], *, true: str, end: str, limits: tuple[float, float], unit: str
) -> go.Figure:
    """Lines: each loss while the mass moves from the true class to another.

    Parameters
    ----------
    courses : setting -> array_like, shape (T,), at evenly spaced shares from 0 to 1
    true, end : class names
    limits : of the vertical axis, one for pictures that stand side by side
    unit : what the vertical axis says
    """
    fig = go.Figure()
    for setting, look in style.setting_styles(courses).items():
        y = np.asarray(courses[setting], dtype=np.float64)
        fig.add_scatter(
            x=np.linspace(0, 100, len(y)),
            y=y,
            mode="lines",
            name=style.escape(setting),
            line={"color": look.color, "dash": look.dash, "width": 3},
            hovertemplate="%{x:.0f} % moved: %{y:.3g}<extra>" + style.escape(setting) + "</extra>",
        )
    fig.update_xaxes(title=f"share of the mass on {style.label(end)} (%)", range=[0, 100], dtick=25)
    fig.update_yaxes(title=unit, range=list(limits))
    return style.finish(fig, title=f"From {true} to {end}", height=400, legend=True).update_layout(margin_r=20)


def largest(values: ArrayLike, always: Sequence[int] = (), count: int = BARS) -> list[int]:
    """Indices of the `count` entries largest in size, those of `always` among them, in their own order.

    >>> largest([0.1, -3, 2, 0.5], always=[0], count=2)
    [0, 1]
    """
    size = np.abs(np.asarray(values, dtype=np.float64))
    size[list(always)] = np.inf
    return sorted(np.argsort(-size, kind="stable")[:count].tolist())


def _bars(labels: Sequence[str], lengths: ArrayLike, color: str, number: str, hover: str) -> go.Figure:
    """Bars from 0, the number at the end of each: a short one could not be read otherwise."""
    fig = go.Figure(
        go.Bar(
            x=np.asarray(lengths),
            y=[style.escape(n) for n in labels],
            orientation="h",
            marker={"color": color},
            texttemplate=number,
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate=hover,
        )
    )
    fig.update_yaxes(**style.category_axis(labels))
    fig.update_yaxes(autorange="reversed")
    return fig.update_layout(bargap=0.25)


def _height(bars: int) -> int:
    return 130 + 24 * bars
