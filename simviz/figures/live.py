"""Pictures of heads that are fitted anew: accuracy against cost, and whole curves of a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from simviz.figures import style

HERE = style.FAMILIES["ground distance"]
FRONT = "rgba(128,128,128,0.8)"
Point = tuple[float, float]


def plane(
    trail: Sequence[tuple[str, float, float]],
    controls: Mapping[str, Point],
    *,
    unit: str,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    front: Sequence[Point] = (),
    title: str = "",
) -> go.Figure:
    """Accuracy against mean cost: the positions a slider was in, the newest the strongest; controls; the best of all.

    Parameters
    ----------
    trail : (setting, accuracy, mean cost), oldest first; the last is where the slider is
    controls : name -> (accuracy, mean cost)
    unit : of a cost
    curves : setting -> (accuracies, mean costs), each (K,), along a parameter, optional
    front : (accuracy, mean cost) of the points that none beats, optional
    """
    fig = go.Figure()
    where = "accuracy %{x:.1%}<br>mean cost %{y:.3f}<extra></extra>"
    for setting, look in style.setting_styles(curves or {}).items():
        assert curves is not None
        x, y = (np.asarray(values, dtype=np.float64) for values in curves[setting])
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=style.escape(setting),
            line={"color": look.color, "dash": look.dash, "width": 1.5},
            marker={"color": look.color, "symbol": look.symbol, "size": 6},
            hovertemplate=f"{style.escape(setting)}<br>{where}",
        )
    if len(front):
        across, up = np.array(sorted(front), dtype=np.float64).T
        fig.add_scatter(
            x=across,
            y=up,
            mode="lines",
            name="none is better in both",
            line={"color": FRONT, "dash": "dot", "width": 3},
            hoverinfo="skip",
        )
    for number, (name, point) in enumerate(controls.items()):
        fig.add_scatter(
            x=[point[0]],
            y=[point[1]],
            mode="markers",
            name=style.escape(name),
            marker={
                "color": style.FAMILIES["cross entropy"],
                "symbol": style.SYMBOLS[1:][number % 8],
                "size": 12,
                "line": {"width": 1, "color": "gray"},
            },
            hovertemplate=f"{style.escape(name)}<br>{where}",
        )
    fig.add_trace(_steps(trail, where))
    fig.update_xaxes(title="accuracy (right is better)", tickformat=".1%")
    fig.update_yaxes(title=f"mean cost ({style.escape(unit)}; lower is better)")
    return style.finish(fig, title=title, height=440 + 18 * (len(controls) + len(curves or {})), legend=True)


def _steps(trail: Sequence[tuple[str, float, float]], where: str) -> go.Scatter:
    """The way of the slider: it fades towards its beginning."""
    count = len(trail)
    shades = [0.15 + 0.85 * (place + 1) / count for place in range(count)]
    return go.Scatter(
        x=[x for _, x, _ in trail],
        y=[y for _, _, y in trail],
        mode="lines+markers",
        name=f"the slider's last {count} positions" if count > 1 else "the slider",
        line={"color": "rgba(213,94,0,0.35)", "width": 1},
        marker={
            "color": HERE,
            "opacity": shades,
            "size": [9.0] * (count - 1) + [15.0],
            "line": {"width": [0.0] * (count - 1) + [2.0], "color": "gray"},
        },
        customdata=[style.escape(setting) for setting, _, _ in trail],
        hovertemplate="%{customdata}<br>" + where,
    )


QUANTITIES = {
    "accuracy": ("accuracy", ".2~%"),
    "mean_cost": ("mean cost", ".5~g"),
    "failed_superclass_accuracy": ("inside the group (FSA)", ".2~%"),
    "mistake_severity": ("severity of a mistake", ".5~g"),
    "distinct_classes": ("classes predicted", "d"),
}


def curves(
    values: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]],
    controls: Mapping[str, Mapping[str, Any]],
    *,
    parameter: str,
    at: float,
    title: str = "",
) -> go.Figure:
    """Metrics along one parameter, a panel each; a line where the slider is; controls as level lines.

    Parameters
    ----------
    values : setting -> (the parameter's values (K,), metric -> (K,)); a metric is one of `QUANTITIES`
    controls : name -> metric -> value, drawn as a level line where it is known
    parameter : its name, below every panel
    at : where the slider is
    """
    known = [q for q in QUANTITIES if any(q in metrics for _, metrics in values.values())]
    fig = make_subplots(
        (len(known) + 1) // 2, 2, subplot_titles=[QUANTITIES[q][0] for q in known], horizontal_spacing=0.12
    )
    looks = style.setting_styles(values)
    for place, quantity in enumerate(known):
        cell = {"row": place // 2 + 1, "col": place % 2 + 1}
        for setting, (x, metrics) in values.items():
            fig.add_scatter(
                x=np.asarray(x, dtype=np.float64),
                y=np.asarray(metrics[quantity], dtype=np.float64),
                mode="lines+markers",
                name=style.escape(setting),
                legendgroup=setting,
                showlegend=place == 0,
                line={"color": looks[setting].color, "dash": looks[setting].dash},
                marker={"symbol": looks[setting].symbol, "size": 7},
                hovertemplate=f"{style.escape(setting)}<br>{parameter} %{{x:g}}: %{{y:.3f}}<extra></extra>",
                **cell,
            )
        for number, (name, metrics) in enumerate(controls.items()):
            if (level := metrics.get(quantity)) is not None:
                reach = [float(np.min([np.min(x) for x, _ in values.values()]))]
                reach.append(float(np.max([np.max(x) for x, _ in values.values()])))
                fig.add_scatter(
                    x=reach,
                    y=[level, level],
                    mode="lines",
                    name=style.escape(name),
                    legendgroup=name,
                    showlegend=place == 0,
                    line={"color": style.FAMILIES["cross entropy"], "dash": style.DASHES[1:][number % 5], "width": 1.5},
                    hovertemplate=f"{style.escape(name)}: %{{y:.3f}}<extra></extra>",
                    **cell,
                )
        fig.add_vline(x=at, line={"color": HERE, "width": 2, "dash": "dot"}, **cell)
        fig.update_xaxes(title=parameter, **cell)
        fig.update_yaxes(tickformat=QUANTITIES[quantity][1], **cell)
    fig = style.finish(fig, title=title, height=180 + 240 * ((len(known) + 1) // 2), legend=True)
    if title:
        fig.update_layout(title_pad_b=32)
    return fig.update_layout(margin_t=fig.layout.margin.t + 24)
