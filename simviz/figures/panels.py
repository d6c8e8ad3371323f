"""One panel of small multiples over the values of a parameter: what a bound or an r changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from simviz.figures import style
from simviz.settings import Part, Setting, parse_setting

FEWEST = 3  # values that make a line worth a panel
PANEL_HEIGHT = 360

Sweep = dict[float, str]


def sweeps(settings: Sequence[str]) -> dict[str, Sweep]:
    """Settings alike but for one number, at least three of them.

    Returns
    -------
    the setting with … in the number's place -> value, ascending -> setting

    >>> sweeps([f"simloss@order:r={r}" for r in (0.3, 0.1, 0.2)] + ["ce"])
    {'simloss@order:r=…': {0.1: 'simloss@order:r=0.1', 0.2: 'simloss@order:r=0.2', 0.3: 'simloss@order:r=0.3'}}
    """
    found: dict[str, Sweep] = {}
    for text in settings:
        setting = parse_setting(text)
        for part in (setting.loss, setting.matrix):
            for name, value in part.options.items() if part else ():
                if isinstance(value, bool) or not isinstance(value, int | float) or name == "shuffle":
                    continue
                blank = Part(part.name, {**part.options, name: "…"})  # type: ignore[union-attr]
                whole = Setting(blank, setting.matrix) if part is setting.loss else Setting(setting.loss, blank)
                found.setdefault(str(whole), {})[float(value)] = text
    return {name: dict(sorted(values.items())) for name, values in found.items() if len(values) >= FEWEST}


def accuracy_cost(
    sweep: Sweep, accuracy: Mapping[str, ArrayLike], cost: Mapping[str, ArrayLike], *, unit: str, title: str = ""
) -> go.Figure:
    """Mean accuracy against mean cost of one sweep, joined by rising value; what belongs to no sweep is grey.

    The axes reach as far for every sweep of the same settings, so that pictures beside each other can be compared.

    Parameters
    ----------
    sweep : one of `sweeps` of the keys of `accuracy`
    accuracy, cost : setting -> array_like, shape (seeds,); accuracy in [0, 1], cost in `unit`
    """
    right, up = ({s: float(np.mean(np.asarray(v, dtype=np.float64))) for s, v in of.items()} for of in (accuracy, cost))
    swept = {s for values in sweeps(list(accuracy)).values() for s in values.values()}
    fig = go.Figure()
    about = "<br>accuracy %{x:.1%}<br>mean cost %{y:.3f}<extra></extra>"
    for other, look in style.setting_styles(accuracy).items():
        if other not in swept:
            name = style.escape(other)
            fig.add_scatter(
                x=[right[other]],
                y=[up[other]],
                mode="markers",
                name=name,
                marker={"color": "gray", "symbol": look.symbol, "size": 10},
                hovertemplate=name + about,
            )
    fig.add_scatter(
        x=[right[s] for s in sweep.values()],
        y=[up[s] for s in sweep.values()],
        mode="lines+markers+text",
        text=[f"{value:g}" for value in sweep],
        textposition="top center",
        customdata=[style.escape(s) for s in sweep.values()],
        line={"color": style.color(next(iter(sweep.values()))), "width": 1.5},
        marker={"size": 8},
        showlegend=False,
        hovertemplate="%{customdata}" + about,
    )
    fig.update_xaxes(title="accuracy (right is better)", tickformat=".2~%", nticks=6, range=_range(right.values()))
    fig.update_yaxes(title=f"mean cost ({style.escape(unit)})", nticks=6, range=_range(up.values()))
    return style.finish(fig, title=title, height=PANEL_HEIGHT, legend=True)


def _range(values: Iterable[float]) -> list[float]:
    low, high = min(found := list(values)), max(found)
    room = 0.15 * ((high - low) or abs(high) or 1.0)
    return [low - room, high + room]
