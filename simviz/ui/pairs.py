"""The confused pairs of one setting, with what the other settings make of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from simviz.evaluation import top_pairs
from simviz.ui import charts, links, shell
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

SHOWN = 25


def show(
    found: Evidence,
    panels: list[Panel],
    *,
    by: Literal["count", "cost"],
    key: str,
    on_pick: Callable[[str, str], None] | None = None,
) -> str:
    """Pick a setting, see its pairs; a row that is clicked calls `on_pick` with the two names. Gives the setting back.

    Parameters
    ----------
    by : what the pairs are ranked by; cost is count x distance
    key : of the picker of the setting, in the link
    """
    label = _setting(panels, key)
    panel = next(p for p in panels if p.label == label)
    table = pair_table(found, panel, by)
    if table.empty:
        st.info(f"{plain(label)} makes no mistake on the {found.part} part.")
        return label
    for other in panels:
        if other is not panel:
            table[other.label] = _counts(found, other, table)
    st.markdown(f"**{plain(label)}: {plain(found.title([len(panel.runs)]))}**")
    table["share"] *= 100
    widget = f"{key}-rows-{panels.index(panel)}"
    clicks: dict[str, Any] = {}
    if on_pick is not None:
        clicks = {"on_select": partial(picked, widget, table, on_pick), "selection_mode": "single-row"}
    charts.table(
        table,
        f"Pairs of {label} by {by}",
        column_config=_columns(found, panel, panels),
        height=min(36 * (len(table) + 1) + 4, 400),
        key=widget,
        alt=f"Most confused pairs of {label}, by {by}",
        **clicks,
    )
    st.caption(
        f"The {len(table)} pairs with the largest {by} of {plain(label)} ({plain(panel.over)}, decided by "
        f"{plain(found.decided_by)}); "
        f"distance by the ruler {plain(found.ruler.describe())}; the last columns count the same pair elsewhere."
        + (f" Click a row to look at that cell; {charts.KEYBOARD}." if clicks else "")
    )
    return label


def _setting(panels: list[Panel], key: str) -> str:
    """The box that asks whose pairs to show, first the setting that is compared elsewhere on the page."""
    labels = [p.label for p in panels]
    links.unknown(key, labels, "setting")
    if st.session_state.get(key) not in (None, *labels):
        del st.session_state[key]  # kept from another comparison
    frame = shell.frame()
    first = labels.index(frame.a) if frame.a in labels else 0
    return st.selectbox("Pairs of", labels, index=first, key=key, bind="query-params")


def _columns(found: Evidence, panel: Panel, panels: list[Panel]) -> dict[str, Any]:
    unit, number = found.ruler.unit, st.column_config.NumberColumn
    weighs = f"Cost: count x distance, in {unit}; how much this pair weighs."
    return {
        "count": number(format="%.1f" if len(panel.runs) > 1 else "%d", help=f"Images, {panel.over}."),
        "share": number(format="%.0f %%", help="Of the true class's images."),
        "distance": number(format="%.2f", help=f"In {unit}."),
        "cost": number("severity (count x distance)", format="%.1f", help=weighs),
        **{o.label: number(format="%.1f", help=f"Images there, {o.over}.") for o in panels if o is not panel},
    }


def pair_table(found: Evidence, panel: Panel, by: Literal["count", "cost"]) -> pd.DataFrame:
    """Columns true, predicted, count (mean over seeds), share, distance, cost; largest `by` first."""
    confusion = found.confusion(panel)
    every = SHOWN if by == "count" else int(np.count_nonzero(confusion))
    table = pd.DataFrame(top_pairs(confusion, found.ruler, found.classes, every))
    if table.empty:
        return table
    table[["count", "cost"]] /= len(panel.runs)
    return table.sort_values(by, ascending=False, kind="stable").head(SHOWN).reset_index(drop=True)


def picked(widget: str, table: pd.DataFrame, on_pick: Callable[[str, str], None]) -> None:
    """Callback: hand the names of the row that was clicked on; a row let go of is no wish."""
    rows = st.session_state[widget]["selection"]["rows"]
    if rows:
        on_pick(str(table.loc[rows[0], "true"]), str(table.loc[rows[0], "predicted"]))


def _counts(found: Evidence, panel: Panel, table: pd.DataFrame) -> list[float]:
    confusion, index = found.confusion(panel), found.classes.index
    pairs = zip(table["true"], table["predicted"], strict=True)
    return [confusion[index(t), index(p)] / len(panel.runs) for t, p in pairs]
