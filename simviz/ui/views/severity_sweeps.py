"""Where a comparison has several values of a parameter, or chose its learning rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from simviz import compare
from simviz.figures import panels
from simviz.runs import StoreError
from simviz.runs.tuning import Tuning
from simviz.ui import charts, links, state
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain


def show(found: Evidence, rows: list[compare.Row]) -> None:
    """Small multiples, each with what it says; nothing where there is nothing to compare."""
    _parameters(found, rows)
    try:
        record = compare.tuning.recorded(found.comparison)
    except StoreError as error:
        st.warning(plain(error))
        return
    if record is not None and record.done:
        _rates(record)


def _parameters(found: Evidence, rows: list[compare.Row]) -> None:
    named: dict[str, compare.Row] = {}
    for row in rows:  # a setting is its first row; further rows of it are control decoders
        named[row.label if row.setting in named else row.setting] = row
    accuracy = {k: np.array(r.values["accuracy"], dtype=float) for k, r in named.items()}
    cost = {k: np.array(r.values["mean_cost"], dtype=float) for k, r in named.items()}
    swept = panels.sweeps(list(accuracy))
    if not swept:
        return
    st.subheader("Value by value")
    columns = st.columns(2)
    for number, (name, sweep) in enumerate(swept.items()):
        best = max(sweep, key=lambda v: accuracy[sweep[v]].mean())
        least = min(sweep, key=lambda v: cost[sweep[v]].mean())
        said = f"Best accuracy at {best:g}, least mean cost at {least:g}"
        with columns[number % 2]:
            fig = panels.accuracy_cost(
                sweep, accuracy, cost, unit=found.ruler.unit, title=f"{name}; ruler {found.ruler_text}"
            )
            charts.show(fig, f"sweep-{number}", f"{name}: {said}")
            st.caption(f"{said}.")
    st.caption(
        f"{found.part}, {plain(found.decided_by)}; ruler {plain(found.ruler_text)}. Means over seeds, joined by rising "
        "value; the axes are the same in every picture, and grey points are the other settings."
        + (" To choose a value by these numbers is to tune on the test part." if found.part == "test" else "")
    )


def _rates(record: Tuning) -> None:
    metric = record.metric.replace("_", " ")
    with links.expander("Learning rates that were tried", state.TRIED, ":material/tune:") as box:
        if not box.open:
            return
        rates = sorted({t.rate for made in record.tried.values() for t in made})
        table = pd.DataFrame({"setting": list(record.tried), "chosen": [record.chosen.get(s) for s in record.tried]})
        for rate in rates:
            values = ({t.rate: t.value for t in made}.get(rate) for made in record.tried.values())
            table[f"{rate:g}"] = pd.Series(list(values), dtype="float64")
        said = ", ".join(f"{s} {rate:g}" for s, rate in record.chosen.items())
        form = st.column_config.NumberColumn(format="%.4g")
        charts.table(
            table,
            "Learning rates",
            f"Validation {metric} at each rate. Chosen: {said}",
            placeholder="",
            column_config=dict.fromkeys(table.columns[1:], form),
        )
        edges = [s for s in record.tried if record.at_edge(s)]
        failed = sum(t.value is None for made in record.tried.values() for t in made)
        st.caption(
            f"Validation {plain(metric)}, one run a rate with seed {record.seed}; empty where a rate was not tried"
            + (f" or failed ({failed})." if failed else ".")
            + (f" The best rate still lies at the edge of those tried: {plain(', '.join(edges))}." if edges else "")
        )
