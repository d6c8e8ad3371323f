"""Severity class by class, one column a loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from simviz import evaluation
from simviz.figures import severity as pictures
from simviz.ui import charts, links, shell, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

QUANTITIES = {"severity": "severity of the mistakes", "mean_cost": "mean cost", "error_rate": "error rate"}
SORTS = ("largest", "index", "name", "difference")
PAGE_SIZE = 40


def show(found: Evidence, panels: list[Panel]) -> dict[str, Any]:
    """Choice of quantity and order, the picture, and the same as a table.

    Returned is what `report.reading` needs to draw the same.
    """
    a, b = sides(panels)
    panels = sorted(panels, key=lambda p: (p.label != a, p.label != b))
    quantity, sort = _choices(a is not None and b is not None)
    by_panel = {p.label: evaluation.class_severity(found.confusion(p), found.ruler) for p in panels}
    values = {label: found_here[quantity] for label, found_here in by_panel.items()}
    what = "mistakes" if quantity == "severity" else "images"
    counts = {p.label: by_panel[p.label]["errors" if quantity == "severity" else "count"] for p in panels}
    behind = {p.label: counts[p.label] / len(p.runs) for p in panels}
    order = class_order(values, found.classes.names, sort)
    pages = -(-len(order) // PAGE_SIZE)
    page = _page(pages)
    shown = order[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    unit = found.ruler.unit if quantity != "error_rate" else "share of the class's images"
    fig = pictures.per_class(
        {k: v[shown] for k, v in values.items()},
        [found.classes.names[i] for i in shown],
        behind={k: v[shown] for k, v in behind.items()},
        counted=what,
        unit=unit,
        quantity=QUANTITIES[quantity],
        title=found.title(len(p.runs) for p in panels),
    )
    alt = "; ".join(_worst(found, p.label, values[p.label], QUANTITIES[quantity]) for p in panels)
    charts.show(fig, "classes", alt)
    few = {p.label: int((behind[p.label] < pictures.FEW).sum()) for p in panels}
    text = ", ".join(f"{k} {n}" for k, n in few.items())
    st.caption(
        f"Hollow: fewer than {pictures.FEW} {what} a run, so chance may have drawn it; of "
        f"{len(order)} classes: {plain(text)}. Grey lines lead from {plain(panels[0].label)}'s value. "
        f"{plain(alt)}."
    )
    _table(found, panels, by_panel, order, quantity, behind, what)
    settings = [p.label for p in panels]
    return {"settings": settings, "quantity": quantity, "said": QUANTITIES[quantity], "shown": shown}


def _page(pages: int) -> int:
    links.outside(state.CLASS_PAGE, 1, pages, "the page of classes")
    if (st.session_state.get(state.CLASS_PAGE) or 1) > pages:
        del st.session_state[state.CLASS_PAGE]  # kept from a comparison of more classes
    return st.pagination(pages, key=state.CLASS_PAGE, bind=links.bind(state.CLASS_PAGE)) if pages > 1 else 1


def sides(panels: list[Panel]) -> tuple[str | None, str | None]:
    """The settings of A and B; a run stands for its setting here, as one seed's classes are few images."""
    labels = {r.id: p.label for p in panels for r in p.runs} | {p.label: p.label for p in panels}
    frame = shell.frame()
    a, b = labels.get(frame.a or ""), labels.get(frame.b or "")
    return (a, b) if a != b else (a, None)


def _choices(both: bool) -> tuple[str, str]:
    with st.container(horizontal=True, gap="large"):
        links.unknown(state.QUANTITY, QUANTITIES, "quantity")
        quantity = st.segmented_control(
            "Per class",
            list(QUANTITIES),
            default="severity",
            required=True,
            key=state.QUANTITY,
            bind="query-params",
        )
        options = SORTS if both else SORTS[:-1]
        links.unknown(state.SORT, options, "way to sort")
        if st.session_state.get(state.SORT) not in (None, *options):
            del st.session_state[state.SORT]  # A or B was let go of
        sort = st.segmented_control(
            "Sorted by",
            options,
            default="largest",
            required=True,
            key=state.SORT,
            bind="query-params",
            help="largest: in the first column. difference: where B gains most on A, with both chosen in the sidebar.",
        )
    return quantity, sort


def class_order(values: dict[str, NDArray[np.float64]], names: tuple[str, ...], sort: str) -> list[int]:
    """The class of each row from the top; classes without a value come last."""
    if sort == "index":
        return list(range(len(names)))
    if sort == "name":
        return sorted(range(len(names)), key=lambda i: names[i].lower())
    columns = list(values.values())
    key = columns[0] - columns[1] if sort == "difference" else columns[0]
    return [int(i) for i in np.argsort(-np.nan_to_num(key, nan=-np.inf), kind="stable")]


def _worst(found: Evidence, label: str, values: NDArray[np.float64], what: str) -> str:
    if not np.isfinite(values).any():
        return f"{label} makes no mistake"
    at = int(np.nanargmax(values))
    return f"largest {what} of {label}: {found.classes.names[at]} with {values[at]:.2f}"


def _table(
    found: Evidence,
    panels: list[Panel],
    by_panel: dict[str, dict[str, NDArray[np.float64]]],
    order: list[int],
    quantity: str,
    behind: dict[str, NDArray[np.float64]],
    what: str,
) -> None:
    """The numbers behind the picture; `behind` counts `what` each value rests on, a run."""
    with links.expander("As a table", state.CLASS_TABLE, ":material/table:") as box:
        if not box.open:
            return
        first = panels[0]
        table = pd.DataFrame({"class": [found.classes.names[i] for i in order]})
        table["images"] = by_panel[first.label]["count"][order] // len(first.runs)
        table["few"] = np.any([behind[p.label][order] < pictures.FEW for p in panels], axis=0)
        for panel in panels:
            table[panel.label] = by_panel[panel.label][quantity][order]
            table[f"mistakes {panel.label}"] = by_panel[panel.label]["errors"][order] / len(panel.runs)
        number = st.column_config.NumberColumn
        columns: dict[str, Any] = {p.label: number(format="%.3f", help=QUANTITIES[quantity]) for p in panels}
        columns["few"] = st.column_config.CheckboxColumn(help=f"Fewer than {pictures.FEW} {what} a run, in any column.")
        columns |= {f"mistakes {p.label}": number("mistakes", format="%.1f", help=f"{p.label}, a run") for p in panels}
        name = f"{QUANTITIES[quantity].capitalize()} by class"
        charts.table(table, name, name, column_config=columns, height=420)
