"""Pictures of a distance that is learned: its agreement over the epochs, two trees, classes that move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from simviz.figures import style
from simviz.figures.anatomy import PALETTE, branches, room_for

REFERENCES = {"words": "#0072B2", "groups": "#A6761D", "positions": "#E69F00"}
TIED, TRUNK, TREE = 0.35, 1.0, 0.5  # of two trees: where the lines between them end, where a tree begins, its width


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
        note = {"text": "warm-up", "font": {"size": 11}, "textangle": -90}  # upright: the shade may be narrow
        fig.add_vrect(
            x0=epochs[0] - 0.5, x1=warmup + 0.5, fillcolor="gray", opacity=0.15, line_width=0,
            annotation=note, annotation_position="bottom left",
        )  # fmt: skip
    if epoch is not None:
        fig.add_vline(x=epoch, line={"dash": "dot", "color": "gray"})
    fig.add_hline(y=0, line={"color": "gray", "width": 1})
    fig.update_xaxes(title="epoch", range=[epochs[0] - 0.5, epochs[-1] + 0.5])
    fig.update_yaxes(title="Spearman's rho over pairs of classes")
    return style.finish(fig, height=360, legend=True)


def trees(left: ArrayLike, right: ArrayLike, names: Sequence[str], titles: tuple[str, str]) -> go.Figure:
    """Two trees over the same classes, face to face, a line from each class on the left to itself on the right.

    The right one is turned at its joins so that fewer lines cross (see `facing`); its heights stay.

    Parameters
    ----------
    left, right : SciPy linkages, (C-1, 4)
    names : C class names
    """
    fig = go.Figure()
    first = branches(left)
    second = branches(facing(right, first.leaves))
    for side, drawn in ((-1, first), (1, second)):
        x = side * (TRUNK + TREE * drawn.heights / (drawn.joint[:, 0].max(initial=0) or 1.0))
        line = {"color": style.FAMILIES["similarity"], "width": 1.5}
        fig.add_scatter(x=x, y=drawn.places, mode="lines", line=line, hoverinfo="skip")
        fig.add_scatter(
            x=[side * TRUNK] * len(names),
            y=list(range(len(names))),
            mode="text",
            text=[f"\u2009{style.label(names[i], 14)}\u2009" for i in drawn.leaves],
            textposition="middle right" if side < 0 else "middle left",
            textfont={"size": 10},
            hoverinfo="skip",
        )
    place = {name: row for row, name in enumerate(second.leaves)}
    ties = [[side * TIED, row if side < 0 else place[i]] for row, i in enumerate(first.leaves) for side in (-1, 1)]
    lines = np.insert(np.array(ties), np.arange(2, len(ties), 2), np.nan, axis=0)
    fig.add_scatter(x=lines[:, 0], y=lines[:, 1], mode="lines", line={"color": "gray", "width": 0.7}, hoverinfo="skip")
    for side, title in zip((-1, 1), titles, strict=True):
        fig.add_annotation(
            x=side * (TRUNK + TREE), y=len(names), text=style.label(title), showarrow=False,
            xanchor="left" if side < 0 else "right", yanchor="bottom",
        )  # fmt: skip
    fig.update_xaxes(visible=False, range=[-TRUNK - 1.03 * TREE, TRUNK + 1.03 * TREE])
    fig.update_yaxes(visible=False, range=[-1, len(names) + 1.5])
    return style.finish(fig, height=max(320, 120 + 14 * len(names)))


def facing(tree: ArrayLike, order: Sequence[int]) -> NDArray[np.float64]:
    """A tree whose joins are turned towards an order of its leaves: at each, the side of smaller mean place is first.

    Parameters
    ----------
    tree : SciPy linkage (C-1, 4)
    order : the C classes

    Returns
    -------
    float64 (C-1, 4), the same joins at the same heights
    """
    turned = np.array(tree, dtype=np.float64).reshape(-1, 4)
    count = len(turned) + 1
    place, size = np.zeros(2 * count - 1), np.ones(2 * count - 1)
    place[list(order)] = np.arange(count)
    for node, join in enumerate(turned, start=count):
        a, b = join[:2].astype(int)
        place[node], size[node] = place[a] + place[b], size[a] + size[b]
        if place[a] / size[a] > place[b] / size[b]:
            join[:2] = b, a
    return turned


def moves(start: ArrayLike, end: ArrayLike, names: Sequence[str], groups: Sequence[str] | None = None) -> go.Figure:
    """The map of the classes, an arrow from where each was to where it is; groups have colours and a legend.

    Names stand where there is room for them; the pointer says the others.

    Parameters
    ----------
    start, end : array_like, shape (C, 2), aligned
    """
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    kinds = list(dict.fromkeys(groups)) if groups is not None else ["classes"]
    of = np.array([kinds.index(g) for g in groups]) if groups is not None else np.zeros(len(names), dtype=int)
    short = [style.label(n, 14) for n in names]
    room = room_for(b, short)
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
            mode="markers+text",
            text=[short[i] if room[i] else "" for i in rows.tolist()],
            textposition="top center",
            textfont={"size": 11},
            customdata=[style.escape(names[i]) for i in rows.tolist()],
            name=style.escape(kind),
            legendgroup=kind,
            marker={"color": color, "symbol": style.SYMBOLS[number % len(style.SYMBOLS)], "size": 7},
            hovertemplate="%{customdata}<extra>" + style.escape(kind) + "</extra>",
        )
    fig.update_xaxes(title="first axis of the map", zeroline=False)
    fig.update_yaxes(title="second axis", scaleanchor="x", zeroline=False)
    return style.finish(fig, height=620, legend=groups is not None)
