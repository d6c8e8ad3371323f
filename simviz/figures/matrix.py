"""Pictures of a similarity or a distance between classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from simviz.figures import style
from simviz.figures.heatmap import Scale, heatmap
from simviz.matrices import ClassMatrix

BAR = style.FAMILIES["similarity"]
HUB = style.FAMILIES["ground distance"]


def matrix(
    values: ClassMatrix,
    *,
    unit: str = "",
    order: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    title: str = "",
) -> go.Figure:
    """The heat map of a ClassMatrix, a similarity from 0 to 1, a distance from 0 to its largest entry.

    Parameters
    ----------
    unit : what a distance is measured in (years, steps)
    order, groups : see `heatmap.heatmap`
    """
    what = values.kind + (f" ({unit})" if unit else "")
    scale = Scale(what, low=0.0, high=1.0 if values.kind == "similarity" else None)
    return heatmap(
        values.values,
        values.names,
        scale,
        title=title,
        axes=("other class", "true class"),
        order=order,
        groups=groups,
    )


def histogram(values: ClassMatrix, *, unit: str = "", bins: int = 40, title: str = "") -> go.Figure:
    """How the off-diagonal entries are spread: bars of their share, in % of all pairs, per bin.

    Entries of 0 are not drawn, because they would flatten the rest; the axis says how many there are.
    """
    off = values.values[~np.eye(len(values), dtype=bool)].astype(np.float64)
    top = 1.0 if values.kind == "similarity" else float(off.max(initial=0)) or 1.0
    counts, edges = np.histogram(off[off > 0], bins=bins, range=(0.0, top))
    pairs = "%{customdata[0]:.3g} to %{customdata[1]:.3g}<br>%{customdata[2]:,} pairs (%{y:.2f} %)"
    fig = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=100 * counts / max(off.size, 1),
            width=np.diff(edges),
            customdata=np.stack([edges[:-1], edges[1:], counts], axis=1),
            hovertemplate=pairs + "<extra></extra>",
            marker={"color": BAR},
        )
    )
    zero = 100 * float(np.mean(off == 0)) if off.size else 0.0
    what = f"{values.kind} of two different classes" + (f" ({unit})" if unit else "")
    left_out = f"<br>{zero:.1f} % of the pairs are 0 and not drawn" if zero else ""
    fig.update_xaxes(title=style.escape(what) + left_out, range=[-0.02 * top, 1.02 * top])
    fig.update_yaxes(title="share of pairs (%)", rangemode="tozero")
    return style.finish(fig, title=title, height=320)


def column_sums(
    names: Sequence[str], sums: ArrayLike, *, hubs: Sequence[str] = (), largest: int = 40, title: str = ""
) -> go.Figure:
    """Column sums of a similarity, largest first; the hubs are coloured and hatched.

    Parameters
    ----------
    names : C class names
    sums : array_like, shape (C,); 1 where a class resembles no other
    hubs : names of the classes that SimLoss would favour
    largest : how many bars to draw at most
    """
    heights = np.asarray(sums, dtype=np.float64)
    if heights.shape != (len(names),):
        raise ValueError(f"sums has the shape {heights.shape} for {len(names)} names")
    order = np.argsort(-heights, kind="stable")[:largest]
    fig = go.Figure()
    for label, color, pattern, is_hub in (("hub", HUB, "/", True), ("other class", BAR, "", False)):
        chosen = [i for i in order if (names[i] in hubs) == is_hub]
        if chosen:
            fig.add_bar(
                x=[style.escape(names[i]) for i in chosen],
                y=heights[chosen],
                name=label,
                marker={"color": color, "pattern": {"shape": pattern}},
                hovertemplate="%{x}<br>column sum %{y:.2f}<extra></extra>",
            )
    categories = [style.escape(names[i]) for i in order]
    mean = float(heights.mean())
    line = {"dash": "dot", "color": "gray", "width": 2}
    fig.add_scatter(
        x=categories, y=[mean] * len(order), mode="lines", line=line, name=f"mean {mean:.2f}", hoverinfo="skip"
    )
    fig.update_xaxes(
        title="class" if len(order) == len(names) else f"class (the {len(order)} largest of {len(names)})",
        **style.category_axis([names[i] for i in order]),
        tickangle=-90 if len(order) > 6 else 0,
    )
    fig.update_yaxes(title="column sum of S", range=[0, 1.2 * float(heights.max())])
    fig = style.finish(fig, title=title, height=400, legend=True)
    return fig.update_layout(bargap=0.15, legend={"y": 1, "yanchor": "top", "x": 1, "xanchor": "right"})
