"""Live curves. Vega, not Plotly: inside a ticking fragment its node stays, and with it zoom and scroll."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from simviz.figures import style
from simviz.runs.progress import Line
from simviz.ui.text import plain

MEASURES = {"nll": "validation loss (NLL)", "accuracy": "validation accuracy", "mean_cost": "validation mean cost"}
POINTS = 500
DASHES = {
    "solid": [1, 0],
    "dash": [6, 3],
    "dot": [2, 2],
    "dashdot": [6, 3, 2, 3],
    "longdash": [10, 4],
    "longdashdot": [10, 4, 2, 4],
}


def show(found: Sequence[Line], ruler: str, key: str) -> None:
    """Three small charts over the epochs: one line a run, one colour and dash a setting."""
    settings = list(dict.fromkeys(one.setting for one in found if one.setting))
    table = curves(found)
    if table.empty:
        return
    for column, (metric, title) in zip(st.columns(len(MEASURES)), MEASURES.items(), strict=True):
        with column:
            st.caption(title)
            st.altair_chart(
                chart(table, metric, settings),
                key=f"{metric}-{key}",
                width="stretch",
                alt=f"{title} over the epochs, a line a run: " + ", ".join(settings),
            )
    st.caption(f"A line a run; its look is in the table above. Mean cost by the ruler {plain(ruler)}." * bool(ruler))


def curves(found: Sequence[Line]) -> pd.DataFrame:
    """A row a run and epoch; long runs are thinned to at most 500 points."""
    rows: list[dict[str, Any]] = []
    for one in found:
        step = max(1, -(-len(one.metrics) // POINTS))
        kept = one.metrics[::-1][::step][::-1]  # the last epoch is always shown
        numbers = [{m: e.get(m) for m in ("epoch", *MEASURES)} for e in kept]
        rows += [{"run": one.run, "setting": one.setting, "seed": one.seed, **n} for n in numbers]
    return pd.DataFrame(rows)


def chart(table: pd.DataFrame, metric: str, settings: Sequence[str]) -> alt.Chart:
    """One measure over the epochs."""
    styles = style.setting_styles(settings)
    domain = list(settings)
    looks = [styles[s] for s in domain]
    color = alt.Color("setting:N", legend=None).scale(domain=domain, range=[s.color for s in looks])
    dash = alt.StrokeDash("setting:N", legend=None).scale(domain=domain, range=[DASHES[s.dash] for s in looks])
    last = int(table["epoch"].max())
    axis = alt.Axis(tickMinStep=1, format="d", tickCount=min(last, 8))
    return (
        alt.Chart(table[["run", "setting", "seed", "epoch", metric]])
        .mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=2, opacity=0.85)
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=axis).scale(domain=[min(1, last), max(last, 2)], nice=False),
            # Room for four figures from the start: a live chart that grows wider labels cuts them off.
            y=alt.Y(f"{metric}:Q", title=None, axis=alt.Axis(minExtent=34)).scale(zero=False),
            color=color,
            strokeDash=dash,
            detail="run:N",
            tooltip=["setting", "seed", "epoch", alt.Tooltip(f"{metric}:Q", format=".3f")],
        )
        .properties(height=200)
    )


def swatches(settings: Sequence[str]) -> dict[str, str]:
    """Setting -> its line as a small picture (data URI), for the table that is the charts' legend."""
    pictures = {}
    for setting, look in style.setting_styles(settings).items():
        dash = " ".join(map(str, DASHES[look.dash])) if look.dash != "solid" else "none"
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="16"><line x1="2" y1="8" x2="46" y2="8" '
            f'stroke="{look.color}" stroke-width="4" stroke-dasharray="{dash}"/></svg>'
        )
        pictures[setting] = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return pictures
