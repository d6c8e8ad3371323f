"""Pictures of a confusion matrix (row = true class, column = predicted class)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from simviz.evaluation import normalise
from simviz.figures import style
from simviz.figures.heatmap import Scale, heatmap

Normalize = Literal["counts", "true", "predicted", "all"]
TITLES = {
    "counts": "images",
    "true": "share of the true class",
    "predicted": "share of the predicted class",
    "all": "share of all images",
}


def confusion(
    counts: ArrayLike,
    names: Sequence[str],
    *,
    normalize: Normalize = "true",
    hide_diagonal: bool = False,
    log: bool = False,
    order: Sequence[int] | None = None,
    columns: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    chosen: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
    numbers: bool = True,
    clickable: bool = True,
    title: str = "",
) -> go.Figure:
    """The confusion matrix of one setting; a click on a cell carries [true, predicted].

    Parameters
    ----------
    counts : array_like, shape (C, C); means over seeds may be fractions
    names : C class names
    normalize : "counts", "true", "predicted" or "all"
    hide_diagonal : leave correct predictions out, of the colours too
    log : colours follow the logarithm; empty cells stay empty
    order, columns, groups, chosen, numbers : see `heatmap`
    limits : range of the colours (above 0 with `log`); give every picture of a comparison the same, `shared_limits`
    clickable : False for a picture that is drawn anew all the time: it is lighter, and the pointer finds only the value
    """
    raw = np.asarray(counts)
    table = normalise(raw, normalize)
    if hide_diagonal:
        np.fill_diagonal(table, np.nan)
    scale = Scale(
        TITLES[normalize],
        low=limits[0] if limits else (None if log else 0.0),
        high=limits[1] if limits else None,
        log=log,
        format=_count_format(raw) if normalize == "counts" else ".2f",
    )
    rows, number = raw.sum(axis=1), _count_format(raw)

    def hover(true: int, predicted: int) -> str:
        share = f" ({raw[true, predicted] / rows[true]:.1%} of {rows[true]:,.0f})" if rows[true] else ""
        return (
            f"true: {style.escape(names[true])}<br>predicted: {style.escape(names[predicted])}<br>"
            f"{raw[true, predicted]:{number}} images{share}"
        )

    return heatmap(
        table,
        names,
        scale,
        title=title,
        axes=("predicted class", "true class"),
        order=order,
        columns=columns,
        groups=groups,
        hover=hover if clickable else None,
        chosen=chosen,
        numbers=numbers,
    )


def difference(
    a: ArrayLike,
    b: ArrayLike,
    names: Sequence[str],
    *,
    labels: tuple[str, str] = ("A", "B"),
    normalize: Normalize = "true",
    hide_diagonal: bool = True,
    order: Sequence[int] | None = None,
    columns: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    chosen: tuple[int, int] | None = None,
    limit: float | None = None,
    harm: tuple[ArrayLike, ArrayLike] | None = None,
    unit: str = "",
    quiet: ArrayLike | None = None,
    note: Callable[[int, int], str] | None = None,
    numbers: bool = True,
    title: str = "",
) -> go.Figure:
    """A - B on a scale centred on 0: blue cells are rarer (or do less harm) in B, red ones more.

    Parameters
    ----------
    a, b : array_like, shape (C, C), counts
    labels : what A and B are, for the pointer's text
    order, columns, groups, chosen, quiet, numbers : see `heatmap`
    limit : the value of the strongest colour; the largest one drawn if None
    harm : two array_like, shape (C, C), optional
        The summed distance of each cell's mistakes in A and in B. With it the colour is the change of harm,
        distance times change, divided as the counts are.
    unit : of a distance, for the colour bar
    note : function of (true, predicted), optional
        A last line under the pointer.
    """
    first, second = normalise(a, normalize), normalise(b, normalize)
    if first.shape != second.shape:
        raise ValueError(f"A has {len(first)} classes and B {len(second)}; a difference needs the same classes")
    table = change(a, b, normalize, harm)
    if hide_diagonal:
        np.fill_diagonal(table, np.nan)
    number = _count_format(first - second)
    form = number if normalize == "counts" else ".2%"
    what = f"A - B, {TITLES[normalize]}" if harm is None else f"A - B, harm: distance ({unit}) x {TITLES[normalize]}"
    exact = f"+{_count_format(table)}" if normalize == "counts" else "+.2f"

    def hover(true: int, predicted: int) -> str:
        x, y = first[true, predicted], second[true, predicted]
        text = (
            f"true: {style.escape(names[true])}<br>predicted: {style.escape(names[predicted])}<br>"
            f"{style.escape(labels[0])}: {x:{form}}<br>{style.escape(labels[1])}: {y:{form}}<br>A - B: {x - y:+{form}}"
        )
        if harm is not None:
            text += f"<br>harm, A - B: {table[true, predicted]:{exact}} {style.escape(unit)}"
        return text if note is None else f"{text}<br>{style.escape(note(true, predicted))}"

    return heatmap(
        table,
        names,
        Scale(what, high=limit, low=None if limit is None else -limit, diverging=True, format=exact),
        title=title,
        axes=("predicted class", "true class"),
        order=order,
        columns=columns,
        groups=groups,
        hover=hover,
        chosen=chosen,
        quiet=quiet,
        numbers=numbers,
    )


def shared_limits(
    tables: Iterable[ArrayLike], *, normalize: Normalize = "true", hide_diagonal: bool = False, log: bool = False
) -> tuple[float, float]:
    """The range of colours that fits all of these, for `confusion`; its low end is above 0 with `log`.

    Parameters
    ----------
    tables : at least one array_like, all of shape (C, C), counts
    normalize, hide_diagonal, log : as they are drawn
    """
    shown = np.stack([normalise(table, normalize) for table in tables])
    if hide_diagonal:
        shown = shown[:, ~np.eye(shown.shape[1], dtype=bool)]
    high = float(shown.max(initial=0)) or 1.0
    low = float(shown[shown > 0].min(initial=high)) if log else 0.0
    return low, high


def change(
    a: ArrayLike, b: ArrayLike, normalize: Normalize, harm: tuple[ArrayLike, ArrayLike] | None = None
) -> NDArray[np.float64]:
    """What `difference` colours, float64 (C, C): A - B of the shares, or of the harm."""
    first, second = harm or (None, None)
    return normalise(a, normalize, first) - normalise(b, normalize, second)


def multiple(fig: go.Figure, height: int = 460) -> go.Figure:
    """The same picture as one of several side by side: lower, a bare colour bar, no axis titles."""
    for trace in fig.data:
        if trace.type == "heatmap" or (trace.type == "scatter" and trace.marker.showscale):
            # a bar's options on a trace without one would draw a second bar over the first
            bar = trace if trace.type == "heatmap" else trace.marker
            bar.colorbar.update(title=None, thickness=8, nticks=4, xpad=4, tickfont={"size": 10})
    for axis in (fig.layout.xaxis, fig.layout.yaxis):
        axis.title, axis.tickfont = None, {"size": 9}
    fig.layout.height, fig.layout.title.font.size = height, 13
    return fig


def _count_format(counts: NDArray[Any]) -> str:
    """Whole numbers, or one decimal where there are means."""
    known = np.nan_to_num(counts)
    return ",.0f" if np.equal(known, np.round(known)).all() else ",.1f"
