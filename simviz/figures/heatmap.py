"""Heat maps of a square matrix between classes, drawn by size (see `TEXT_LIMIT` and `CELL_LIMIT`).

Up to 20 classes each cell carries its number; up to 200 it is a heat map without text; beyond that it
is one image, because a browser takes seconds over a million cells. Axes are categories, so that two
names shortened to the same label stay apart.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from simviz.figures import style

TEXT_LIMIT = 20
CELL_LIMIT = 200
FULL_LAYER = 60
IMAGE_LABELS = 30


@dataclass(frozen=True)
class Scale:
    """How values become colours.

    Attributes
    ----------
    title : str
        What a cell says, with its unit; stands beside the colour bar.
    low, high : float or None
        Range of the colours; that of the finite values where None. A diverging scale is made
        symmetric about 0.
    diverging : bool
    log : bool
        Colours follow log10 of the value; cells that are not positive stay empty.
    format : str
        d3 format of the value in a cell and under the pointer.
    """

    title: str
    low: float | None = None
    high: float | None = None
    diverging: bool = False
    log: bool = False
    format: str = ".2f"


def heatmap(
    values: ArrayLike,
    names: Sequence[str],
    scale: Scale,
    *,
    title: str = "",
    axes: tuple[str, str] = ("class", "class"),
    order: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    hover: Callable[[int, int], str] | None = None,
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """Draw a C x C matrix.

    Parameters
    ----------
    values : array_like, shape (C, C)
        Row = true class (drawn from the top). NaN cells stay empty.
    names : C class names, in the order of the rows
    scale : Scale
    axes : titles of the horizontal and the vertical axis
    order : permutation of range(C), optional
        The class drawn at each place; rows and columns alike.
    groups : C group names, optional
        A line is drawn wherever neighbours in the drawn order differ.
    hover : function of (true, predicted) class indices, optional
        Text under the pointer. With it the picture gets a layer of invisible points whose customdata
        is [true, predicted], because heat maps report no clicks; above 60 classes only cells with a
        value other than 0 are in it.
    chosen : (true, predicted) class indices, optional
        The cell to frame.

    Raises
    ------
    ValueError
        If the shapes of `values`, `names`, `order` or `groups` do not fit.
    """
    table = np.asarray(values, dtype=np.float32)
    places = _checked_order(table, names, order, groups)
    table = table[np.ix_(places, places)]
    ordered = [names[i] for i in places]
    shown = np.log10(np.where(table > 0, table, np.nan)) if scale.log else table
    low, high = _limits(shown, scale)
    fig = go.Figure()
    if len(ordered) > CELL_LIMIT:
        _draw_image(fig, shown, ordered, scale, low, high)
    else:
        _draw_cells(fig, shown, table, ordered, scale, (low, high), layered=hover is not None)
        if hover is not None:
            fig.add_trace(_click_layer(table, ordered, places, hover))
    if groups is not None:
        _separate(fig, [groups[i] for i in places])
    if chosen is not None:
        column, row = places.index(chosen[1]), places.index(chosen[0])
        _frame(fig, column, row)
    _label_axes(fig, ordered, axes)
    return style.finish(fig, title=title, height=max(440, min(940, 240 + 11 * len(ordered))))


def _checked_order(
    table: NDArray[np.float32], names: Sequence[str], order: Sequence[int] | None, groups: Sequence[str] | None
) -> list[int]:
    count = len(names)
    if table.shape != (count, count):
        raise ValueError(
            f"values is {' x '.join(map(str, table.shape))} for {count} names; give a {count} x {count} matrix"
        )
    if groups is not None and len(groups) != count:
        raise ValueError(f"groups has {len(groups)} entries for {count} names")
    if order is None:
        return list(range(count))
    places = [int(i) for i in order]
    if sorted(places) != list(range(count)):
        raise ValueError(f"order is not a permutation of 0 ... {count - 1}")
    return places


def _limits(shown: NDArray[np.float32], scale: Scale) -> tuple[float, float]:
    finite = shown[np.isfinite(shown)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if scale.low is not None:
        low = math.log10(scale.low) if scale.log else scale.low
    if scale.high is not None:
        high = math.log10(scale.high) if scale.log else scale.high
    if scale.diverging:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    return (low, high) if high > low else (low, low + 1.0)


def _colors(scale: Scale) -> Sequence[str]:
    return style.DIVERGING if scale.diverging else style.SEQUENTIAL


def _colorbar(scale: Scale, low: float, high: float) -> dict[str, object]:
    bar: dict[str, object] = {
        "title": {"text": style.wrapped(scale.title, 30), "side": "right"},
        "thickness": 12,
        "outlinewidth": 0,
    }
    if scale.log:
        whole = [float(p) for p in range(math.ceil(low - 1e-6), math.floor(high + 1e-6) + 1)]
        powers = whole if len(whole) > 1 else [low, high]
        bar |= {"tickvals": powers, "ticktext": [f"{10**p:.3g}" for p in powers]}
    return bar


def _draw_cells(
    fig: go.Figure,
    shown: NDArray[np.float32],
    table: NDArray[np.float32],
    names: list[str],
    scale: Scale,
    limits: tuple[float, float],
    *,
    layered: bool,
) -> None:
    """The heat map itself; it answers the pointer only where no click layer does."""
    low, high = limits
    categories = [style.escape(n) for n in names]
    number = "%{text}" if scale.log else f"%{{z:{scale.format}}}"
    pair = f"%{{y}}, %{{x}}<br>{style.escape(scale.title)}: {number}<extra></extra>"
    fig.add_trace(
        go.Heatmap(
            z=shown,
            x=categories,
            y=categories,
            text=[[format(v, scale.format) if v > 0 else "" for v in row] for row in table] if scale.log else None,
            zmin=low,
            zmax=high,
            colorscale=style.colorscale(_colors(scale)),
            colorbar=_colorbar(scale, low, high),
            texttemplate=number if len(names) <= TEXT_LIMIT else None,
            hoverinfo="skip" if layered else None,
            hovertemplate=None if layered else pair,
            hoverongaps=False,
            xgap=1 if len(names) <= TEXT_LIMIT else 0,
            ygap=1 if len(names) <= TEXT_LIMIT else 0,
        )
    )


def _click_layer(
    table: NDArray[np.float32], names: list[str], places: list[int], hover: Callable[[int, int], str]
) -> go.Scatter:
    """Invisible points over the cells: the pointer's text, and [true, predicted] for a click."""
    inside = np.isfinite(table) if len(names) <= FULL_LAYER else np.nan_to_num(table) != 0
    rows, columns = np.nonzero(inside)
    categories = [style.escape(n) for n in names]
    hidden = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[categories[j] for j in columns],
        y=[categories[i] for i in rows],
        mode="markers",
        marker={"symbol": "square", "size": 9, "opacity": 0},
        selected=hidden,
        unselected=hidden,
        customdata=[[places[i], places[j]] for i, j in zip(rows, columns, strict=True)],
        text=[hover(places[i], places[j]) for i, j in zip(rows, columns, strict=True)],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _draw_image(
    fig: go.Figure, shown: NDArray[np.float32], names: list[str], scale: Scale, low: float, high: float
) -> None:
    """One PNG, a pixel a cell, and a colour bar carried by a trace without points."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(style.colormap(shown, _colors(scale), low, high)).save(buffer, "PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    fig.add_trace(go.Image(source=source, hoverinfo="skip"))
    marker = {
        "color": [low],
        "cmin": low,
        "cmax": high,
        "colorscale": style.colorscale(_colors(scale)),
        "showscale": True,
        "colorbar": _colorbar(scale, low, high),
    }
    fig.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="skip", showlegend=False))


def _separate(fig: go.Figure, groups: list[str]) -> None:
    """Lines between neighbours of different groups, in one trace-free pass of shapes."""
    cuts = [i - 0.5 for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    line = {"color": "rgba(128,128,128,0.7)", "width": 1}
    ends = (-0.5, len(groups) - 0.5)
    shapes = [{"type": "line", "x0": c, "x1": c, "y0": ends[0], "y1": ends[1], "line": line} for c in cuts]
    shapes += [{"type": "line", "y0": c, "y1": c, "x0": ends[0], "x1": ends[1], "line": line} for c in cuts]
    fig.update_layout(shapes=[*fig.layout.shapes, *shapes])


def _frame(fig: go.Figure, column: int, row: int) -> None:
    fig.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=row - 0.5,
        y1=row + 0.5,
        line={"color": "#D55E00", "width": 2},
    )


def _label_axes(fig: go.Figure, names: list[str], axes: tuple[str, str]) -> None:
    """As many names as there is room for, which plotly decides for categories; the first row on top."""
    common = {"showgrid": False, "zeroline": False, "tickfont": {"size": 12 if len(names) <= 30 else 9}}
    if len(names) <= CELL_LIMIT:
        common |= style.category_axis(names)
    else:
        shown = list(range(0, len(names), math.ceil(len(names) / IMAGE_LABELS)))
        common |= {"tickmode": "array", "tickvals": shown, "ticktext": [style.label(names[i]) for i in shown]}
        common |= {"constrain": "domain"}
    bounds = [-0.5, len(names) - 0.5]
    angle = -90 if len(names) > 6 else 0
    fig.update_xaxes(title=style.escape(axes[0]), tickangle=angle, range=bounds, **common)
    fig.update_yaxes(title=style.escape(axes[1]), range=bounds[::-1], **common)
    fig.update_layout(hoverdistance=-1)
