"""Heat maps of a square matrix between classes, drawn by size (see `TEXT_LIMIT` and `CELL_LIMIT`).

Up to 20 classes each cell carries its number; up to 200 it is a heat map without text; beyond that it
is one image, because a browser takes seconds over a million cells; part of it is then drawn as cells
(see `window`). Axes are categories, so that two names shortened to the same label stay apart.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from simviz.figures import style

TEXT_LIMIT = 20
CELL_LIMIT = 200
# A point for every cell of 100 classes cost a tenth of a second of each change (docs/measured.md), of 64 nothing.
FULL_LAYER = 64
LAYER_POINTS = 10_000
REACH = 1  # pixels around a point's own three, where not every cell has one: about half a cell
IMAGE_LABELS = 30
IMAGE_BLOCKS = 25  # points a side that answer the pointer over an image
WINDOW = 50
WINDOW_STEP = 20
QUIET = ("#DADADA", "#A8A8A8")
Labels = tuple[list[str], list[str]]  # from the left, from the top


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
    columns: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    hover: Callable[[int, int], str] | None = None,
    chosen: tuple[int, int] | None = None,
    quiet: ArrayLike | None = None,
    numbers: bool = True,
) -> go.Figure:
    """Draw a C x C matrix, or some rows and columns of it.

    Parameters
    ----------
    values : array_like, shape (C, C)
        Row = true class (drawn from the top). NaN cells stay empty.
    names : C class names, in the order of the rows
    scale : Scale
    axes : titles of the horizontal and the vertical axis
    order : distinct class indices, optional
        The class drawn at each place, rows and columns alike; a class that is left out is not drawn.
    columns : distinct class indices, optional
        The class in each column, where it is not that of the row (see `window`).
    groups : C group names, optional
        A line is drawn wherever neighbours in the drawn order differ.
    hover : function of (true, predicted) class indices, optional
        Text under the pointer. With it the picture gets a layer of invisible points whose customdata
        is [true, predicted], because heat maps report no clicks. Above 64 classes only cells with a value
        other than 0 are in it, the 10,000 largest at most; above 200 a point stands for a block of cells, and for the
        cell of largest absolute value off the diagonal in it, the first of the block where there is none.
    chosen : (true, predicted) class indices, optional
        The cell to frame, if it is drawn.
    quiet : bool, shape (C, C), optional
        Cells drawn in grey, e.g. those whose value may be chance.
    numbers : whether cells hold their value; above `TEXT_LIMIT` classes none does

    Raises
    ------
    ValueError
        If the shapes of `values`, `names`, `groups` or `quiet` do not fit, or an order names a class twice or one
        that is not there.
    """
    table = np.asarray(values, dtype=np.float32)
    across, down = (
        _checked_order(table, names, drawn, groups) for drawn in (order if columns is None else columns, order)
    )
    table = table[np.ix_(down, across)]
    grey = None if quiet is None else _checked_quiet(quiet, len(names))[np.ix_(down, across)]
    labels = [names[j] for j in across], [names[i] for i in down]
    shown = np.log10(np.where(table > 0, table, np.nan)) if scale.log else table
    limits = _limits(shown, scale)
    fig = go.Figure()
    if max(table.shape) > CELL_LIMIT:
        _draw_image(fig, shown, grey, scale, limits)
        if hover is not None:
            fig.add_trace(_block_layer(table, across, down, hover))
    else:
        _draw_cells(fig, shown, table, grey, labels, scale, limits, layered=hover is not None, numbers=numbers)
        if hover is not None:
            fig.add_trace(_click_layer(table, labels, across, down, hover))
    if groups is not None:
        _separate(fig, [groups[j] for j in across], [groups[i] for i in down])
    if chosen is not None and chosen[1] in across and chosen[0] in down:
        _frame(fig, across.index(chosen[1]), down.index(chosen[0]))
    _label_axes(fig, labels, axes)
    return style.finish(fig, title=title, height=max(440, min(940, 240 + 11 * len(down))))


def window(places: Sequence[int], at: int) -> list[int]:
    """The part of a drawn order around one class: `WINDOW` classes, in steps so that a near class keeps it."""
    start = (list(places).index(at) - (WINDOW - WINDOW_STEP) // 2) // WINDOW_STEP * WINDOW_STEP
    start = max(0, min(start, len(places) - WINDOW))
    return list(places[start : start + WINDOW])


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
    if not places or len(set(places)) < len(places) or not set(places) <= set(range(count)):
        raise ValueError(f"an order names each class once at most, by an index in 0 ... {count - 1}; got {places[:9]}")
    return places


def _checked_quiet(quiet: ArrayLike, count: int) -> NDArray[np.bool_]:
    grey = np.asarray(quiet)
    if grey.shape != (count, count) or grey.dtype != bool:
        raise ValueError(f"quiet is {grey.dtype} of shape {grey.shape}; give booleans of shape ({count}, {count})")
    return grey


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
    grey: NDArray[np.bool_] | None,
    labels: Labels,
    scale: Scale,
    limits: tuple[float, float],
    *,
    layered: bool,
    numbers: bool,
) -> None:
    """The heat map itself; it answers the pointer only where no click layer does."""
    low, high = limits
    x, y = ([style.escape(n) for n in names] for names in labels)
    small = max(table.shape) <= TEXT_LIMIT
    own_text = scale.log or (scale.diverging and layered)  # empty where there is nothing, or no change, to read
    number = "%{text}" if own_text else f"%{{z:{scale.format}}}"
    pair = f"%{{y}}, %{{x}}<br>{style.escape(scale.title)}: {number}<extra></extra>"
    common: dict[str, Any] = {
        "x": x,
        "y": y,
        "texttemplate": number if small and numbers else None,
        "hoverinfo": "skip" if layered else None,
        "hovertemplate": None if layered else pair,
        "hoverongaps": False,
        "xgap": 1 if small else 0,
        "ygap": 1 if small else 0,
    }
    words = None
    if own_text and ((small and numbers) or not layered):
        words = [[format(v, scale.format) for v in row] for row in table]
    bar: dict[str, Any] = {"colorbar": _colorbar(scale, low, high)}
    layers = [(shown, _colors(scale), bar)]
    if grey is not None and grey.any():
        pale = (QUIET[1], QUIET[0], QUIET[1]) if scale.diverging else QUIET
        layers = [(np.where(grey, np.float32(np.nan), shown), _colors(scale), bar)]
        layers.append((np.where(grey, shown, np.float32(np.nan)), pale, {"showscale": False}))
    for z, colors, more in layers:
        if words is not None:  # a cell without a value would show its text all the same
            common["text"] = np.where(np.isnan(z) | (table == 0), "", words).tolist()
        scaled = {"zmin": low, "zmax": high, "colorscale": style.colorscale(colors)}
        fig.add_trace(go.Heatmap(z=z, **scaled, **more, **common))


def _click_layer(
    table: NDArray[np.float32], labels: Labels, across: list[int], down: list[int], hover: Callable[[int, int], str]
) -> go.Scatter:
    """Invisible points over the cells: the pointer's text, and [true, predicted] for a click."""
    size = np.abs(np.nan_to_num(table))
    rows, columns = np.nonzero(np.isfinite(table) if max(table.shape) <= FULL_LAYER else size)
    if len(rows) > LAYER_POINTS:
        largest = np.sort(np.argsort(-size[rows, columns], kind="stable")[:LAYER_POINTS])
        rows, columns = rows[largest], columns[largest]
    x, y = ([style.escape(n) for n in names] for names in labels)
    pairs = [(down[i], across[j]) for i, j in zip(rows, columns, strict=True)]
    return _points([x[j] for j in columns], [y[i] for i in rows], pairs, [hover(*pair) for pair in pairs])


def _block_layer(
    table: NDArray[np.float32], across: list[int], down: list[int], hover: Callable[[int, int], str]
) -> go.Scatter:
    """The same over an image, a point a block of cells, for the block's largest value off the diagonal."""
    size = np.abs(np.nan_to_num(table))
    size[np.equal.outer(down, across)] = 0
    step = math.ceil(max(table.shape) / IMAGE_BLOCKS)
    x, y, pairs, texts = [], [], [], []
    for top in range(0, len(down), step):
        for left in range(0, len(across), step):
            block = size[top : top + step, left : left + step]
            i, j = np.unravel_index(int(block.argmax()), block.shape)
            pairs.append((down[top + int(i)], across[left + int(j)]))
            x.append(left + (block.shape[1] - 1) / 2)
            y.append(top + (block.shape[0] - 1) / 2)
            count = np.count_nonzero(block)
            head = f"largest of {count} here" if count else "nothing off the diagonal here; the first cell:"
            texts.append(f"{head}<br>{hover(*pairs[-1])}")
    return _points(x, y, pairs, texts)


def _points(x: list[Any], y: list[Any], pairs: list[tuple[int, int]], texts: list[str]) -> go.Scatter:
    hidden = {"marker": {"opacity": 0}}
    # As arrays, because plotly looks at every entry of a list; of objects, because a number array would not be JSON.
    carried = np.array(pairs, dtype=object).reshape(-1, 2)
    return go.Scatter(
        x=np.array(x),
        y=np.array(y),
        mode="markers",
        # Only one is drawn: the pointer finds the others all the same, and a browser is slow at thousands of shapes.
        marker={"symbol": "square", "size": 6, "opacity": 0, "maxdisplayed": 1},
        selected=hidden,
        unselected=hidden,
        customdata=carried,
        text=np.array(texts, dtype=object),
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _draw_image(
    fig: go.Figure,
    shown: NDArray[np.float32],
    grey: NDArray[np.bool_] | None,
    scale: Scale,
    limits: tuple[float, float],
) -> None:
    """One PNG, a pixel a cell, and a colour bar carried by a trace without points."""
    fig.add_trace(go.Image(source=pixels(shown, _colors(scale), *limits, quiet=grey), hoverinfo="skip"))
    marker = {
        "color": [limits[0]],
        "cmin": limits[0],
        "cmax": limits[1],
        "colorscale": style.colorscale(_colors(scale)),
        "showscale": True,
        "colorbar": _colorbar(scale, *limits),
    }
    fig.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="skip", showlegend=False))


def pixels(
    values: NDArray[np.floating],
    colors: Sequence[str],
    low: float,
    high: float,
    *,
    quiet: NDArray[np.bool_] | None = None,
) -> str:
    """A matrix as a PNG with a pixel a cell, as a data URI; see `style.colormap`. Cells in `quiet` are grey."""
    from PIL import Image

    drawn = style.colormap(values, colors, low, high)
    if quiet is not None:
        drawn[quiet & np.isfinite(values)] = style.colormap(np.zeros((1, 1)), QUIET, 0, 1)[0, 0]
    buffer = io.BytesIO()
    Image.fromarray(drawn).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _separate(fig: go.Figure, across: list[str], down: list[str]) -> None:
    """Lines between neighbours of different groups, in one trace-free pass of shapes."""
    line = {"color": "rgba(128,128,128,0.7)", "width": 1}
    shapes: list[dict[str, Any]] = []
    for groups, end, along, other in ((across, len(down), "x", "y"), (down, len(across), "y", "x")):
        cuts = [i - 0.5 for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
        span = {f"{other}0": -0.5, f"{other}1": end - 0.5}
        shapes += [{"type": "line", f"{along}0": c, f"{along}1": c, **span, "line": line} for c in cuts]
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


def _label_axes(fig: go.Figure, labels: Labels, titles: tuple[str, str]) -> None:
    """As many names as there is room for, which plotly decides for categories; the first row on top."""
    image = max(map(len, labels)) > CELL_LIMIT
    options = []
    for names in labels:
        axis: dict[str, Any] = {
            "showgrid": False,
            "zeroline": False,
            "tickfont": {"size": 12 if len(names) <= 30 else 9},
        }
        if image:
            shown = list(range(0, len(names), math.ceil(len(names) / IMAGE_LABELS)))
            axis |= {"tickmode": "array", "tickvals": shown, "ticktext": [style.label(names[i]) for i in shown]}
            axis |= {"constrain": "domain"}
        else:
            axis |= style.category_axis(names)
        options.append(axis)
    angle = -90 if len(labels[0]) > 6 else 0
    ends = [len(names) - 0.5 for names in labels]
    layout = fig.layout
    layout.xaxis = {"title": style.escape(titles[0]), "tickangle": angle, "range": [-0.5, ends[0]], **options[0]}
    layout.yaxis = {"title": style.escape(titles[1]), "range": [ends[1], -0.5], **options[1]}
    # The nearest point, wherever each cell has one: that is the cell under the pointer.
    layout.hoverdistance = REACH if FULL_LAYER < max(map(len, labels)) <= CELL_LIMIT else -1
