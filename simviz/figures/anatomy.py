"""Pictures of what is inside a matrix: its tree beside it, its classes as a map, SimLoss in its two parts."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from simviz.figures import style
from simviz.figures.heatmap import CELL_LIMIT, pixels
from simviz.matrices import ClassMatrix

PALETTE = tuple(c for name, c in style.FAMILIES.items() if name != "cross entropy")
BLURRED, BONUS = style.FAMILIES["similarity"], style.FAMILIES["ground distance"]
MAP_SIZE, LETTER, MARKER = (760, 470), (6.4, 15), 4  # pixels: of the map, of a letter, and half a point
BARS = 40
NAMED = 4  # classes of a branch that are listed under the pointer
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Branches:
    """The lines of a tree of C classes.

    Attributes
    ----------
    leaves : list of int, the class at each place 0 ... C-1
    heights, places : float64 (5 (C-1),), the brackets one after the other, NaN between them
    joint : float64 (C-1, 4): height and place of each join, the first and the last place below it
    """

    leaves: list[int]
    heights: Floats
    places: Floats
    joint: Floats


def branches(tree: ArrayLike) -> Branches:
    """Lay a SciPy linkage (C-1, 4) out.

    Not by SciPy's `dendrogram`, which recurses: a chain of 1,000 classes is too deep for it.
    """
    from scipy.cluster.hierarchy import leaves_list

    z = np.asarray(tree, dtype=np.float64).reshape(-1, 4)
    count = len(z) + 1
    leaves = leaves_list(z).tolist() if len(z) else [0]
    nodes = np.zeros((2 * count - 1, 4))  # height, place, first and last place below
    nodes[leaves, 1:] = np.arange(count)[:, None]
    left, right = z[:, :2].astype(int).T
    for node, (a, b) in enumerate(zip(left, right, strict=True), start=count):
        one, other = nodes[a], nodes[b]
        middle, first, last = (one[1] + other[1]) / 2, min(one[2], other[2]), max(one[3], other[3])
        nodes[node] = z[node - count, 2], middle, first, last
    gap = np.full(len(z), np.nan)
    heights = np.stack([nodes[left, 0], z[:, 2], z[:, 2], nodes[right, 0], gap], axis=1)
    places = np.stack([nodes[left, 1], nodes[left, 1], nodes[right, 1], nodes[right, 1], gap], axis=1)
    return Branches(leaves, heights.ravel(), places.ravel(), nodes[count:])


def dendrogram(values: ClassMatrix, tree: ArrayLike, *, groups: Sequence[str] | None = None) -> go.Figure:
    """The tree of the classes, and beside it the matrix in the order of its leaves, a row a class.

    Up to 200 classes with names and numbers under the pointer, beyond that the matrix is one image.

    Parameters
    ----------
    values : ClassMatrix of C classes
    tree : SciPy linkage (C-1, 4), as of `simviz.matrices.anatomy.tree`
    groups : C group names, optional; each leaf has the mark of its group

    Raises
    ------
    ValueError
        If tree or groups are not of C classes.
    """
    count = len(values)
    if len(np.asarray(tree)) != count - 1 or (groups is not None and len(groups) != count):
        of_groups = "no" if groups is None else len(groups)
        raise ValueError(f"{count} classes have a tree of {len(np.asarray(tree))} joins and {of_groups} groups")
    drawn = branches(tree)
    names = [values.names[i] for i in drawn.leaves]
    fig = go.Figure()
    _lines(fig, drawn, names)
    if groups is not None:
        place = {leaf: row for row, leaf in enumerate(drawn.leaves)}
        for group, members, look in _looks(groups):
            fig.add_scatter(
                x=[0] * len(members),
                y=[place[i] for i in members],
                mode="markers",
                name=group,
                marker={**look, "size": 7 if count <= CELL_LIMIT else 4},
                cliponaxis=False,
                text=[style.escape(values.names[i]) for i in members],
                hovertemplate="%{text}<extra>" + group + "</extra>",
            )
    _matrix(fig, values, drawn.leaves)
    return _side_by_side(fig, names, float(drawn.joint[:, 0].max(initial=0)), legend=groups is not None)


def class_map(points: ArrayLike, names: Sequence[str], groups: Sequence[str] | None = None) -> go.Figure:
    """The classes as points of the plane, coloured and marked by group, with the names that there is room for.

    Parameters
    ----------
    points : array_like (C, 2), as of `simviz.matrices.anatomy.class_map`
    names, groups : of the C classes; ValueError if their number differs
    """
    at = np.asarray(points, dtype=np.float64)
    if at.shape != (len(names), 2) or (groups is not None and len(groups) != len(names)):
        raise ValueError(f"points has the shape {at.shape} for {len(names)} names; give one row of two numbers a class")
    short = [style.label(n, 18) for n in names]
    room = room_for(at, short)
    fig = go.Figure()
    for group, rows, look in _looks(groups if groups is not None else ["classes"] * len(names)):
        fig.add_scatter(
            x=at[rows, 0],
            y=at[rows, 1],
            mode="markers+text",
            text=[short[i] if room[i] else "" for i in rows],
            textposition="top center",
            textfont={"size": 11},
            name=group,
            marker={**look, "size": 9 if len(names) <= CELL_LIMIT else 5},
            customdata=[style.escape(names[i]) for i in rows],
            hovertemplate="%{customdata}<extra>" + group + "</extra>",
        )
    fig.update_xaxes(title="first axis of the map", zeroline=False)
    fig.update_yaxes(title="second axis", scaleanchor="x", zeroline=False)
    return style.finish(fig, height=620, legend=groups is not None)


def simloss_parts(names: Sequence[str], blurred: ArrayLike, bonus: ArrayLike) -> go.Figure:
    """SimLoss for each true class: the blurred cross entropy above 0, the bonus below, what remains as a mark.

    The 40 classes that pay most, of equal ones those with the largest bonus first.

    Parameters
    ----------
    names : C class names
    blurred, bonus : array_like (C,), in nats, as of `simviz.matrices.anatomy.split_simloss`
    """
    paid, less = np.asarray(blurred, dtype=np.float64), np.asarray(bonus, dtype=np.float64)
    if not paid.shape == less.shape == (len(names),):
        raise ValueError(f"blurred {paid.shape} and bonus {less.shape} are not of {len(names)} names")
    order = np.lexsort([-less, -(paid - less).round(9)])[:BARS]
    at = [style.escape(names[i]) for i in order]
    fig = go.Figure()
    for name, heights, color, shape in (
        ("blurred cross entropy", paid[order], BLURRED, ""),
        ("minus the bonus", -less[order], BONUS, "/"),
    ):
        fig.add_bar(
            x=at,
            y=heights,
            name=name,
            marker={"color": color, "pattern": {"shape": shape}},
            hovertemplate="%{x}: %{y:.2f}<extra>" + name + "</extra>",
        )
    fig.add_scatter(
        x=at,
        y=(paid - less)[order],
        name="SimLoss",
        mode="markers",
        hovertemplate="%{x}: %{y:.2f}<extra>SimLoss</extra>",
        marker={
            "symbol": "diamond",
            "size": 9,
            "color": style.FAMILIES["earth mover's distance"],
            "line": {"width": 1, "color": "gray"},
        },
    )
    part = "" if len(order) == len(names) else f" (the {len(order)} that pay most of {len(names)})"
    fig.update_xaxes(
        title="true class" + part,
        **style.category_axis([names[i] for i in order]),
        tickangle=-90 if len(order) > 6 else 0,
    )
    fig.update_yaxes(title="nats")
    fig = style.finish(fig, height=420, legend=True)
    return fig.update_layout(barmode="relative", bargap=0.15, legend={"y": 1.02, "yanchor": "bottom", "x": 0})


def _looks(groups: Sequence[str]) -> Iterator[tuple[str, list[int], dict[str, Any]]]:
    """Escaped name, members and marker of each group, in the order they come."""
    for number, kind in enumerate(dict.fromkeys(groups)):
        rows = [i for i, group in enumerate(groups) if group == kind]
        color, symbol = PALETTE[number % len(PALETTE)], style.SYMBOLS[number % len(style.SYMBOLS)]
        yield style.escape(kind), rows, {"color": color, "symbol": symbol}


def _lines(fig: go.Figure, drawn: Branches, names: list[str]) -> None:
    """The brackets, and at each join a point that says who joins there."""
    many = len(names) > CELL_LIMIT
    line = {"color": style.FAMILIES["cross entropy"], "width": 0.6 if many else 1.3}
    fig.add_scatter(x=drawn.heights, y=drawn.places, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    said = []
    for first, last in drawn.joint[:, 2:].astype(int):
        more = last + 1 - first - NAMED
        said.append(
            ", ".join(map(style.label, names[first : last + 1][:NAMED])) + (f" and {more} more" if more > 0 else "")
        )
    fig.add_scatter(
        x=drawn.joint[:, 0],
        y=drawn.joint[:, 1],
        mode="markers",
        marker={"size": 2 if many else 4, "color": line["color"]},
        text=said,
        hovertemplate="join at %{x:.3f}<br>%{text}<extra></extra>",
        showlegend=False,
    )


def _side_by_side(fig: go.Figure, names: list[str], top: float, *, legend: bool) -> go.Figure:
    """The axes: the tree in the left third, the matrix in the rest, one vertical axis for both."""
    count = len(names)
    bare: dict[str, Any] = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    columns, rows = dict(bare), dict(bare)
    height = 900
    if count <= CELL_LIMIT:  # the pointer reads the labels, on the axis that hides them too
        named = {"tickmode": "array", "tickvals": list(range(count)), "ticktext": [style.label(n, 18) for n in names]}
        columns |= named
        rows |= named | {"showticklabels": True, "tickfont": {"size": 12 if count <= 30 else 9}}
        height = max(420, 180 + 12 * count)
    ends = [-0.5, count - 0.5]
    fig.update_layout(
        xaxis={"domain": [0, 0.3], "range": [1.03 * (top or 1.0), 0], "title": "distance at<br>which they join"},
        xaxis2={"domain": [0.315, 1], "range": ends, "anchor": "y", **columns},
        yaxis={"range": ends[::-1], "side": "right", "anchor": "x2", **rows},
        hoverdistance=12,
    )
    return style.finish(fig, height=height, legend=legend)


def room_for(points: Floats, labels: Sequence[str]) -> list[bool]:
    """Which labels to write: from the outermost class inwards, each that covers no point and no label before it.

    Parameters
    ----------
    points : float64 (C, 2)
    labels : C escaped texts
    """
    names = [html.unescape(text) for text in labels]
    span = np.ptp(points, axis=0)
    unit = max(span[0] / MAP_SIZE[0], span[1] / MAP_SIZE[1]) or 1.0  # a pixel, on axes that have one scale
    half = np.array([[LETTER[0] * (len(n) + 1), LETTER[1]] for n in names]) * unit / 2
    middles = points + np.array([0, LETTER[1] * unit])  # they stand above their points
    outermost = np.argsort(-np.linalg.norm(points - np.median(points, axis=0), axis=1), kind="stable")
    written: list[int] = []
    for i in outermost.tolist():
        off_labels = (np.abs(middles[written] - middles[i]) >= half[written] + half[i]).any(axis=1)
        off_points = (np.abs(points - middles[i]) >= half[i] + MARKER * unit).any(axis=1)
        if off_labels.all() and off_points.all():
            written.append(i)
    return [i in set(written) for i in range(len(names))]


def _matrix(fig: go.Figure, values: ClassMatrix, leaves: list[int]) -> None:
    """The matrix in the order of the leaves, on the second horizontal axis."""
    table = values.values[np.ix_(leaves, leaves)]
    high = 1.0 if values.kind == "similarity" else float(table.max()) or 1.0
    bar = {
        "title": {"text": values.kind, "side": "top"},
        "orientation": "h",
        "thickness": 10,
        "outlinewidth": 0,
        "len": 0.4,
        "x": 0.315,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
    }
    scale = {"colorscale": style.colorscale(style.SEQUENTIAL), "colorbar": bar}
    if len(leaves) <= CELL_LIMIT:
        pair = "%{y}, %{x}<br>" + values.kind + ": %{z:.2f}<extra></extra>"
        fig.add_heatmap(z=table, zmin=0, zmax=high, xaxis="x2", hovertemplate=pair, showlegend=False, **scale)
        return
    side = len(leaves)
    fig.add_layout_image(
        source=pixels(table, style.SEQUENTIAL, 0, high),
        xref="x2",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=side,
        sizey=side,
        sizing="stretch",
        layer="below",
        yanchor="top",
        xanchor="left",
    )
    fig.add_scatter(
        x=[None],
        y=[None],
        xaxis="x2",
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        marker={"color": [0], "cmin": 0, "cmax": high, "showscale": True, **scale},
    )
