"""Pictures of a distance that is learned: its agreement over the epochs, two trees, classes that move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from simviz.figures import style
from simviz.figures.anatomy import PALETTE, branches

REFERENCES = {"words": "#0072B2", "groups": "#A6761D", "positions": "#E69F00"}


def course(
    epochs: Sequence[int], agreement: Mapping[str, Sequence[float | None]], *, warmup: int = 0, epoch: int | None = None
) -> go.Figure:
    """Agreement with each reference over the epochs; the warm-up is shaded, the chosen epoch a line.

    Parameters
    ----------
    agreement : reference -> Spearman's rho of each epoch, None where there is none
    warmup : how many of the first epochs were plain cross entropy
    """
    fig = go.Figure()
    looks = zip(agreement.items(), style.SYMBOLS, strict=False)
    for (name, values), symbol in looks:
        fig.add_scatter(
            x=list(epochs),
            y=list(values),
            name=style.escape(name),
            mode="lines+markers",
            line={"color": REFERENCES.get(name, "gray"), "width": 2},
            marker={"symbol": symbol, "size": 8},
            hovertemplate="epoch %{x}: %{y:.2f}<extra>" + style.escape(name) + "</extra>",
        )
    if warmup:
        note = {"text": "warm-up: plain cross entropy", "font": {"size": 11}}
        fig.add_vrect(
            x0=epochs[0] - 0.5, x1=warmup + 0.5, fillcolor="gray", opacity=0.15, line_width=0,
            annotation=note, annotation_position="top left",
        )  # fmt: skip
    if epoch is not None:
        fig.add_vline(x=epoch, line={"dash": "dot", "color": "gray"})
    fig.add_hline(y=0, line={"color": "gray", "width": 1})
    fig.update_xaxes(title="epoch", range=[epochs[0] - 0.5, epochs[-1] + 0.5])
    fig.update_yaxes(title="Spearman's rho over pairs of classes")
    return style.finish(fig, height=360, legend=True)


def trees(left: ArrayLike, right: ArrayLike, names: Sequence[str], titles: tuple[str, str]) -> go.Figure:
    """Two trees over the same classes, face to face, a line from each class on the left to itself on the right.

    Parameters
    ----------
    left, right : SciPy linkages, (C-1, 4)
    names : C class names
    """
    fig = go.Figure()
    orders = []
    for side, tree in ((-1, left), (1, right)):
        drawn = branches(tree)
        order = drawn.leaves
        orders.append(order)
        x = side * (1 + drawn.heights / (drawn.joint[:, 0].max(initial=0) or 1.0))
        line = {"color": style.FAMILIES["similarity"], "width": 1.5}
        fig.add_scatter(x=x, y=drawn.places, mode="lines", line=line, hoverinfo="skip")
        fig.add_scatter(
            x=[side] * len(order),
            y=list(range(len(order))),
            mode="text",
            text=[style.label(names[i], 14) for i in order],
            textposition="middle right" if side < 0 else "middle left",
            textfont={"size": 10},
            hoverinfo="skip",
        )
    place = {name: row for row, name in enumerate(orders[1])}
    crossing = np.array([[0.5 * s, row if s < 0 else place[i], i] for row, i in enumerate(orders[0]) for s in (-1, 1)])
    lines = np.insert(crossing[:, :2], np.arange(2, len(crossing), 2), np.nan, axis=0)
    fig.add_scatter(x=lines[:, 0], y=lines[:, 1], mode="lines", line={"color": "gray", "width": 0.7}, hoverinfo="skip")
    for place_x, title in zip((-1.5, 1.5), titles, strict=True):
        fig.add_annotation(x=place_x, y=len(names), text=style.label(title), showarrow=False, yanchor="bottom")
    fig.update_xaxes(visible=False, range=[-2.05, 2.05])
    fig.update_yaxes(visible=False, range=[-1, len(names) + 1.5])
    return style.finish(fig, height=max(320, 120 + 14 * len(names)))


def moves(start: ArrayLike, end: ArrayLike, names: Sequence[str], groups: Sequence[str] | None = None) -> go.Figure:
    """The map of the classes, an arrow from where each was to where it is; groups have colours and a legend.

    Parameters
    ----------
    start, end : array_like, shape (C, 2), aligned
    """
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    kinds = list(dict.fromkeys(groups)) if groups is not None else ["classes"]
    of = np.array([kinds.index(g) for g in groups]) if groups is not None else np.zeros(len(names), dtype=int)
    fig = go.Figure()
    for number, kind in enumerate(kinds):
        rows = np.flatnonzero(of == number)
        color = PALETTE[number % len(PALETTE)]
        path = np.stack([a[rows], b[rows], np.full((len(rows), 2), np.nan)], axis=1).reshape(-1, 2)
        fig.add_scatter(x=path[:, 0], y=path[:, 1], mode="lines+markers", name=style.escape(kind), hoverinfo="skip",
                        line={"color": color, "width": 1}, legendgroup=kind, showlegend=False, opacity=0.6,
                        marker={"symbol": "arrow", "angleref": "previous", "size": [0, 9, 0] * len(rows)})  # fmt: skip
        fig.add_scatter(
            x=b[rows, 0],
            y=b[rows, 1],
            mode="markers+text" if len(names) <= 80 else "markers",
            text=[style.label(names[i], 14) for i in rows.tolist()],
            textposition="top center",
            textfont={"size": 10},
            name=style.escape(kind),
            legendgroup=kind,
            marker={"color": color, "symbol": style.SYMBOLS[number % len(style.SYMBOLS)], "size": 6},
            hovertemplate="%{text}<extra>" + style.escape(kind) + "</extra>",
        )
    fig.update_xaxes(title="first axis of the map", zeroline=False)
    fig.update_yaxes(title="second axis", scaleanchor="x", zeroline=False)
    return style.finish(fig, height=620, legend=groups is not None)
