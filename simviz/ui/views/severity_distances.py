"""How far the mistakes of each loss go, and the share of them beyond a distance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import streamlit as st

from simviz import evaluation
from simviz.figures import severity as pictures
from simviz.ui import charts, links, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

SPREADS: tuple[Literal["bars", "cumulative"], ...] = ("bars", "cumulative")


def show(found: Evidence, panels: list[Panel]) -> dict[str, Any]:
    """The choices, the picture, the share beyond; returned is what `report.reading` needs to draw the same."""
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
    title = found.title(len(p.runs) for p in panels)
    fig = pictures.error_distances(spread, unit=found.ruler.unit, view=view, title=title)
    shares = {k: share_beyond(*pair, beyond) for k, pair in spread.items()}
    text = ", ".join(f"{p.label} {_told(found, p, shares[p.label], beyond)}" for p in panels)
    charts.show(fig, "distances", f"Distances of mistakes. Beyond {beyond:g}: {text}")
    st.caption(f"Mistakes farther than {plain(f'{beyond:g}')} ({plain(found.ruler.unit)}): {plain(text)}.")
    return {"view": view, "beyond": beyond}


def _beyond(largest: float) -> float:
    links.outside(state.BEYOND, 0.0, largest, "the distance")
    if not 0 <= float(st.session_state.get(state.BEYOND) or 0) <= largest:
        del st.session_state[state.BEYOND]  # kept from another ruler
    return st.number_input(
        "Farther than", 0.0, largest, largest / 2, largest / 20, key=state.BEYOND, bind="query-params", width=160
    )


def _told(found: Evidence, panel: Panel, share: float | None, beyond: float) -> str:
    """The share over all seeds, and where there are several the least and the most of one."""
    if share is None:
        return "no mistakes"
    alone = [found.confusion(replace(panel, runs=(run,))) for run in panel.runs]
    each = [share_beyond(*evaluation.error_distances(one, found.ruler), beyond) for one in alone]
    known = [one for one in each if one is not None]
    return f"{share:.1%}" + (f" (seeds {min(known):.1%} to {max(known):.1%})" if len(known) > 1 else "")


def share_beyond(distances: np.ndarray, counts: np.ndarray, beyond: float) -> float | None:
    """Share of mistakes farther than `beyond`; None without a mistake."""
    total = int(counts.sum())
    return float(counts[distances > beyond].sum() / total) if total else None
