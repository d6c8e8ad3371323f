"""Severity: how often each loss is wrong, and how far, under one ruler chosen once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from simviz import compare
from simviz.figures import severity as pictures
from simviz.report import reading
from simviz.ui import cache, cache_severity, charts, evidence, links, pairs, state
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain
from simviz.ui.views import (
    severity_calibration,
    severity_classes,
    severity_distances,
    severity_gain,
    severity_order,
    severity_ranking,
    severity_sweeps,
    severity_table,
    take_away,
)

ROOMS = {
    "distances": "How far the mistakes go",
    "classes": "Class by class",
    "pairs": "Worst pairs",
    "top-k": "The best-ranked classes",
    "calibration": "How sure, and how often right",
    "order": "Along the order of the classes",
    "gain": "What would it bring my model?",
}

SAID = "The command line writes the report; the Python draws the pictures of this screen and prints its main numbers."


def show() -> None:
    st.title("Severity of mistakes")
    found = evidence.gather("see here how bad the mistakes of each of them are")
    if found is None:
        return
    try:
        rows = found.table
        fitted = temperatures(found, rows)
    except ValueError as error:
        st.error(f"These predictions cannot be measured: {plain(error)}")
        return
    st.caption(
        f"{plain(found.sample_text())}. Ruler: {plain(found.ruler_text)}. Decided by {plain(found.decided_by)}."
        f"{plain(fitted)}"
    )
    severity_table.show(found, rows)
    _accuracy_cost(found, rows)
    severity_sweeps.show(found, rows)
    room, chosen = _room(found, rows)
    take_away.show(found, partial(reading.severity, room=room, **chosen), SAID)


def temperatures(found: Evidence, rows: list[compare.Row]) -> str:
    """A sentence on the temperatures behind every decision by cost; "" where there is none."""
    fitted, without = [], []
    for setting in dict.fromkeys(r.setting for r in rows if r.decoder == "min_cost"):
        stamps = [cache.stamps(run, found.part)[1] for run in found.comparison.groups[setting]]
        values = [cache_severity.temperature(stamp)[0] for stamp in stamps if stamp is not None]
        if values:
            fitted.append(f"{setting} {np.mean(values):.2f}")
        else:
            without.append(setting)
    text = ""
    if fitted:
        text += f" min_cost divides log p by a temperature fitted on validation: {', '.join(fitted)}."
    if fitted and found.part == "validation":
        text += " These are the samples it was fitted on."
    if without:
        text += (
            f" There is no validation part to fit a temperature of {', '.join(without)} on: min_cost takes p as it is."
        )
    return text


def _accuracy_cost(found: Evidence, rows: list[compare.Row]) -> None:
    st.subheader("Accuracy against mean cost")
    shown = {r.label: r for r in rows}
    both = {k: (r.interval("accuracy"), r.interval("mean_cost")) for k, r in shown.items()}
    accuracy = {k: np.array(r.values["accuracy"], dtype=float) for k, r in shown.items()}
    cost = {k: np.array(r.values["mean_cost"], dtype=float) for k, r in shown.items()}
    fig = pictures.accuracy_cost(
        accuracy,
        cost,
        unit=found.ruler.unit,
        intervals={k: (a, c) for k, (a, c) in both.items() if a is not None and c is not None},
        title=found.title(len(r.seeds) for r in rows),
    )
    best = max(shown, key=lambda k: accuracy[k].mean())
    least = min(shown, key=lambda k: cost[k].mean())
    alt = f"Best accuracy: {best} ({accuracy[best].mean():.1%}); least mean cost: {least} ({cost[least].mean():.3f})"
    charts.show(fig, "accuracy-cost", alt)
    seeds = max(len(r.seeds) for r in shown.values())
    bars = (
        "bars: 95 % interval of the mean, longer than the picture where seeds are few"
        if seeds > 1
        else "one seed alone has no interval"
    )
    st.caption(
        f"{plain(alt)}. Small points are seeds, large ones their mean; {bars}. In every seed mean cost = error "
        "rate x severity, so severity alone falls too when easy mistakes are added."
    )


def _room(found: Evidence, rows: list[compare.Row]) -> tuple[str, dict[str, Any]]:
    """One of the closer looks, and what was chosen there: only what is open is computed and drawn."""
    lacking = set() if found.classes.ordered else {"order"}
    if all(r.decoder == compare.OWN for r in rows):
        lacking |= {"top-k", "calibration"}
    options = [name for name in ROOMS if name not in lacking]
    links.unknown(state.DETAIL, options, "closer look")
    if st.session_state.get(state.DETAIL) not in (None, *options):
        del st.session_state[state.DETAIL]  # kept from a comparison that had it
    room = st.segmented_control(
        "Look closer", options, default=options[0], required=True, key=state.DETAIL, bind="query-params"
    )
    st.subheader(ROOMS[room])
    return room, _opened(found, rows, room)


def _opened(found: Evidence, rows: list[compare.Row], room: str) -> dict[str, Any]:
    panels = found.panels()
    if room == "distances":
        return severity_distances.show(found, panels)
    if room == "classes":
        return severity_classes.show(found, panels)
    if room == "pairs":
        return {"setting": pairs.show(found, panels, by="cost", key=state.WORST), "most": pairs.SHOWN}
    if room == "top-k":
        return severity_ranking.show(found, rows)
    if room == "calibration":
        return severity_calibration.show(found, rows)
    if room == "gain":
        return severity_gain.show(found)
    return severity_order.show(found, rows)
