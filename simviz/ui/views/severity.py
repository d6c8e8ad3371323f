"""Severity: how often each loss is wrong, and how far, under one ruler chosen once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import streamlit as st

from simviz import compare, evaluation
from simviz.figures import severity as pictures
from simviz.ui import charts, evidence, links, pairs, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain
from simviz.ui.views import severity_classes, severity_table

SPREADS: tuple[Literal["bars", "cumulative"], ...] = ("bars", "cumulative")


def show() -> None:
    st.title("Severity of mistakes")
    found = evidence.gather("see here how bad the mistakes of each of them are")
    if found is None:
        return
    rows = found.table
    panels = found.panels()
    ruler = ruler_text(found, rows)
    st.caption(f"{plain(found.sample_text())}. Ruler: {plain(ruler)}.")
    severity_table.show(found, rows)
    _accuracy_cost(found, rows, ruler)
    _distances(found, panels, ruler)
    severity_classes.show(found, panels, ruler)
    st.subheader("Worst pairs")
    pairs.show(found, panels, by="cost", key=state.WORST)


def ruler_text(found: Evidence, rows: list[compare.Row]) -> str:
    """The ruler, and which losses were trained on it."""
    trained = list(dict.fromkeys(r.setting for r in rows if r.same_ruler))
    return found.ruler.describe() + (f", the very matrix that {', '.join(trained)} was trained on" if trained else "")


def _accuracy_cost(found: Evidence, rows: list[compare.Row], ruler: str) -> None:
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
        title=f"{found.part}, {found.decided_by}, {evidence.seeds_text(len(r.seeds) for r in rows)}; ruler {ruler}",
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
        f"{plain(alt)}. Small points are seeds, large ones their mean; {bars}. mean cost = error rate x severity, so "
        "severity alone falls too when easy mistakes are added."
    )


def _distances(found: Evidence, panels: list[Panel], ruler: str) -> None:
    st.subheader("How far the mistakes go")
    spread = {p.label: evaluation.error_distances(found.confusion(p), found.ruler) for p in panels}
    largest = float(found.ruler.distance.max())
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        links.unknown(state.SPREAD, SPREADS, "way to draw distances")
        view = st.segmented_control(
            "Share of mistakes",
            SPREADS,
            default="bars",
            required=True,
            key=state.SPREAD,
            bind="query-params",
            help="bars: at each distance. cumulative: up to each distance; higher to the left is better.",
        )
        beyond = _beyond(largest)
    title = f"{found.part}, {found.decided_by}, {evidence.seeds_text(len(p.runs) for p in panels)}; ruler {ruler}"
    fig = pictures.error_distances(spread, unit=found.ruler.unit, view=view, title=title)
    shares = {k: share_beyond(*pair, beyond) for k, pair in spread.items()}
    text = ", ".join(f"{k} {'no mistakes' if v is None else f'{v:.1%}'}" for k, v in shares.items())
    charts.show(fig, "distances", f"Distances of mistakes. Beyond {beyond:g}: {text}")
    st.caption(f"Mistakes farther than {plain(f'{beyond:g}')} ({plain(found.ruler.unit)}): {plain(text)}.")


def _beyond(largest: float) -> float:
    links.outside(state.BEYOND, 0.0, largest, "the distance")
    if not 0 <= float(st.session_state.get(state.BEYOND) or 0) <= largest:
        del st.session_state[state.BEYOND]  # kept from another ruler
    return st.number_input(
        "Farther than", 0.0, largest, largest / 2, largest / 20, key=state.BEYOND, bind="query-params", width=160
    )


def share_beyond(distances: np.ndarray, counts: np.ndarray, beyond: float) -> float | None:
    """Share of mistakes farther than `beyond`; None without a mistake."""
    total = int(counts.sum())
    return float(counts[distances > beyond].sum() / total) if total else None
