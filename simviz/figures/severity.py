"""Pictures of how bad the mistakes are. The unit of the ruler stands on the axis, its name in the title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from simviz.figures import style

DISTINCT = 15
FEW = 20
FOOT = 60  # pixels below the plots, for ticks and what they mean
LEVEL_HEADS = 3  # headings that stand side by side; more are turned, or a telephone would lay them over each other
Interval = tuple[float, float]


def error_distances(
    spread: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    unit: str,
    view: Literal["bars", "cumulative"] = "bars",
    title: str = "",
) -> go.Figure:
    """How far wrong the wrong predictions are, per setting.

    Parameters
    ----------
    spread : setting -> (distances, counts), both of shape (K,), mistakes only
    unit : unit of the distances
    view : "bars", the share of mistakes at each distance (in 20 bins where there are more than 15
        different ones), or "cumulative", the share at most so far away

    Raises
    ------
    ValueError
        For another `view`, or distances and counts of different length.
    """
    if view not in ("bars", "cumulative"):
        raise ValueError(f"view is {view!r}; choose bars or cumulative")
    styles = style.setting_styles(spread)
    tables = {s: _sorted(s, *pair) for s, pair in spread.items()}
    fig = go.Figure()
    axis: dict[str, Any] = {"title": f"distance of a mistake ({style.escape(unit)})"}
    if view == "cumulative":
        for setting, (distances, counts) in tables.items():
            fig.add_trace(_step_line(setting, distances, counts, styles[setting]))
    else:
        every = np.unique(np.concatenate([d for d, _ in tables.values()])) if tables else np.empty(0)
        edges = _edges(every)
        if len(every) <= DISTINCT:
            axis |= {"tickmode": "array", "tickvals": list(range(len(every))), "ticktext": [f"{d:g}" for d in every]}
        for setting, (distances, counts) in tables.items():
            fig.add_trace(
                _share_bars(setting, distances, counts, edges, styles[setting], categorical=len(every) <= DISTINCT)
            )
    fig.update_xaxes(**axis)
    fig.update_yaxes(
        title="share of mistakes" if view == "bars" else "share of mistakes this near or nearer",
        tickformat=".0%",
        rangemode="tozero",
    )
    return style.finish(fig, title=title, height=380 + 18 * len(spread), legend=True)


def _sorted(setting: str, distances: ArrayLike, counts: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    d, n = np.asarray(distances, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if d.shape != n.shape or d.ndim != 1:
        raise ValueError(f"{setting}: {d.shape} distances and {n.shape} counts; give two arrays of one length")
    order = np.argsort(d)
    return d[order], n[order]


def _edges(distinct: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bin edges: one bin a value where there are few values, 20 equal bins otherwise."""
    if len(distinct) == 0:
        return np.array([0.0, 1.0])
    if len(distinct) > DISTINCT:
        return np.linspace(0.0, distinct[-1] * (1 + 1e-9), 21)
    between = (distinct[:-1] + distinct[1:]) / 2
    return np.concatenate([[distinct[0] - 1], between, [distinct[-1] + 1]])


def _share_bars(
    setting: str,
    distances: NDArray[np.float64],
    counts: NDArray[np.float64],
    edges: NDArray[np.float64],
    look: style.Style,
    *,
    categorical: bool,
) -> go.Bar:
    heights, _ = np.histogram(distances, bins=edges, weights=counts)
    total = counts.sum()
    patterns = dict(zip(style.DASHES, ("", "/", ".", "x", "-", "+"), strict=True))
    return go.Bar(
        x=np.arange(len(heights)) if categorical else (edges[:-1] + edges[1:]) / 2,
        y=heights / total if total else heights,
        customdata=heights,
        name=style.escape(setting),
        marker={"color": look.color, "pattern": {"shape": patterns[look.dash]}},
        hovertemplate="%{fullData.name}<br>%{x}: %{y:.1%} (%{customdata:,.0f} mistakes)<extra></extra>",
    )


def _step_line(
    setting: str, distances: NDArray[np.float64], counts: NDArray[np.float64], look: style.Style
) -> go.Scatter:
    total = counts.sum()
    share = np.cumsum(counts) / total if total else counts
    return go.Scatter(
        x=np.concatenate([[0.0], distances]),
        y=np.concatenate([[0.0], share]),
        mode="lines",
        name=style.escape(setting),
        line={"shape": "hv", "color": look.color, "dash": look.dash},
        hovertemplate="%{fullData.name}<br>%{y:.1%} within %{x:.3g}<extra></extra>",
    )


def accuracy_cost(
    accuracy: Mapping[str, ArrayLike],
    cost: Mapping[str, ArrayLike],
    *,
    unit: str,
    intervals: Mapping[str, tuple[Interval, Interval]] | None = None,
    quantity: str = "mean cost",
    title: str = "",
) -> go.Figure:
    """Accuracy against cost: a small point a seed, a large one for the mean, bars for its interval.

    Parameters
    ----------
    accuracy, cost : setting -> array_like, shape (seeds,); accuracy in [0, 1], cost in `unit`
    intervals : setting -> ((low, high) of the mean accuracy, (low, high) of the mean cost), optional
    quantity : what the vertical axis measures; lower is better
    """
    fig = go.Figure()
    for setting, look in style.setting_styles(accuracy).items():
        x, y = np.asarray(accuracy[setting], dtype=np.float64), np.asarray(cost[setting], dtype=np.float64)
        if x.shape != y.shape or x.ndim != 1:
            raise ValueError(f"{setting}: {x.shape} accuracies and {y.shape} costs; give one of each per seed")
        name, where = style.escape(setting), "accuracy %{x:.1%}<br>" + style.escape(quantity) + " %{y:.3f}"
        if len(x) > 1:
            fig.add_scatter(
                x=x,
                y=y,
                mode="markers",
                legendgroup=name,
                showlegend=False,
                marker={"color": look.color, "symbol": look.symbol, "size": 7, "opacity": 0.45},
                customdata=np.arange(len(x)),
                hovertemplate=f"{name}, seed no. %{{customdata}}<br>{where}<extra></extra>",
            )
        bars = {}
        if intervals and setting in intervals:
            (x_low, x_high), (y_low, y_high) = intervals[setting]
            bars = {"error_x": _bar(x.mean(), x_low, x_high), "error_y": _bar(y.mean(), y_low, y_high)}
        fig.add_scatter(
            x=[x.mean()],
            y=[y.mean()],
            mode="markers",
            name=name,
            legendgroup=name,
            marker={"color": look.color, "symbol": look.symbol, "size": 13, "line": {"width": 1, "color": "gray"}},
            hovertemplate=f"{name}, mean of {len(x)}<br>{where}<extra></extra>",
            **bars,
        )
    ends = list((intervals or {}).values())
    across, up = _window(accuracy, [e[0] for e in ends]), _window(cost, [e[1] for e in ends])
    fig.update_xaxes(title="accuracy (right is better)", tickformat=".2~%", range=across)
    fig.update_yaxes(title=f"{style.escape(quantity)} ({style.escape(unit)}; lower is better)", range=up)
    return style.finish(fig, title=title, height=440 + 18 * len(accuracy), legend=True)


def _window(values: Mapping[str, ArrayLike], intervals: Sequence[Interval]) -> list[float]:
    """The part of an axis to show: every point, and of the intervals of few seeds, which are wide, not all."""
    points = np.concatenate([np.ravel(v) for v in values.values()]) if values else np.zeros(1)
    low, high = float(points.min()), float(points.max())
    room = (high - low) or 0.1 * abs(high) or 1.0
    bottom = max(low - room, min([low, *(i[0] for i in intervals)]))
    top = min(high + room, max([high, *(i[1] for i in intervals)]))
    return [bottom - 0.1 * room, top + 0.1 * room]


def _bar(mean: float, low: float, high: float) -> dict[str, Any]:
    return {"type": "data", "array": [high - mean], "arrayminus": [mean - low], "thickness": 1.5, "width": 4}


def per_class(
    values: Mapping[str, ArrayLike],
    names: Sequence[str],
    *,
    behind: Mapping[str, ArrayLike],
    unit: str,
    counted: str = "mistakes",
    order: Sequence[int] | None = None,
    quantity: str = "severity of the mistakes",
    title: str = "",
) -> go.Figure:
    """One row a class, one column a setting; a hairline leads from the first setting's value.

    Parameters
    ----------
    values : setting -> array_like, shape (C,); NaN where a class has no mistakes
    behind : setting -> array_like, shape (C,), how many stand behind each value; below 20 the marker
        is hollow
    counted : what `behind` counts
    order : permutation of range(C), the class of each row from the top
    """
    settings = list(values)
    tables = {s: np.asarray(values[s], dtype=np.float64) for s in settings}
    counts = {s: np.asarray(behind[s]) for s in settings}
    for s in settings:
        if tables[s].shape != (len(names),) or counts[s].shape != (len(names),):
            raise ValueError(f"{s}: values {tables[s].shape} and counts {counts[s].shape} for {len(names)} classes")
    rows = list(range(len(names))) if order is None else [int(i) for i in order]
    turned = len(settings) > LEVEL_HEADS
    heads = [style.escape(s).replace("@", "<br>@") if turned else style.stacked(s) for s in settings]
    said = f"{style.escape(quantity)} ({style.escape(unit)})"  # in the middle: a first column may be narrower
    columns = max(1, len(settings))
    fig = make_subplots(1, columns, shared_yaxes=True, subplot_titles=heads, horizontal_spacing=0.02, x_title=said)
    categories = [style.escape(names[i]) for i in rows]
    for column, (setting, look) in enumerate(style.setting_styles(settings).items(), start=1):
        if column > 1:
            fig.add_trace(_hairlines(tables[settings[0]][rows], tables[setting][rows], categories), row=1, col=column)
        dots = _dots(setting, tables[setting][rows], counts[setting][rows], counted, categories, look)
        fig.add_trace(dots, row=1, col=column)
    finite = np.concatenate([t[np.isfinite(t)] for t in tables.values()]) if tables else np.empty(0)
    top = float(finite.max()) * 1.08 if finite.size and finite.max() > 0 else 1.0
    fig.update_xaxes(range=[-0.04 * top, top], nticks=4)
    fig.update_yaxes(**style.category_axis([names[i] for i in rows[::-1]]))
    fig.update_yaxes(tickmode="linear", dtick=1)  # the height has room for every class
    room = 24 + 16 * max((h.count("<br>") for h in heads), default=0)
    fig.update_annotations(font_size=12)
    if turned:
        room = 8 + 7 * max(len(piece) for h in heads for piece in h.split("<br>"))
        fig.update_annotations(selector=lambda note: note.text in heads, textangle=-90, align="left")
    fig = style.finish(fig, title=title, height=150 + 18 * len(names) + room)
    if title:
        fig.update_layout(title_pad_b=fig.layout.title.pad.b + room)  # above the headings
    return fig.update_traces(cliponaxis=False).update_layout(margin_t=fig.layout.margin.t + room, margin_b=FOOT)


def _hairlines(base: NDArray[np.float64], here: NDArray[np.float64], categories: list[str]) -> go.Scatter:
    """From the first setting's value to this one's, a line a class."""
    return go.Scatter(
        x=[v for pair in zip(base, here, strict=True) for v in (*pair, None)],
        y=[c for c in categories for _ in range(3)],
        mode="lines",
        line={"color": "rgba(128,128,128,0.6)", "width": 1},
        hoverinfo="skip",
    )


def _dots(
    setting: str, values: NDArray[np.float64], counts: NDArray[Any], what: str, categories: list[str], look: style.Style
) -> go.Scatter:
    return go.Scatter(
        x=values,
        y=categories,
        mode="markers",
        marker={
            "color": look.color,
            "size": 8,
            "symbol": [look.symbol + ("-open" if n < FEW else "") for n in counts],
        },
        customdata=counts,
        name=style.escape(setting),
        hovertemplate="%{fullData.name}<br>%{y}: %{x:.3f} over %{customdata:,} " + f"{what}<extra></extra>",
    )
