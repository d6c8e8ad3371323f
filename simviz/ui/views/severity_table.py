"""The table that `compare` prints, one row a loss, what it says, and what the runs say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from simviz import compare
from simviz.report import tables
from simviz.ui import charts
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain

SHARES = ("accuracy", "superclass_accuracy", "failed_superclass_accuracy", "macro_recall", "top5", "within_1")
SHOWN = {
    "accuracy": ("accuracy", "Share of images given their true class."),
    "mean_cost": ("mean cost", "Mean distance from true to predicted class, over all images."),
    "mistake_severity": ("severity", "Mean distance of the mistakes alone. It never stands without accuracy."),
    "failed_superclass_accuracy": ("FSA", "Share of the mistakes that stay in the true class's group."),
    "mae": ("MAE", "Mean absolute error in units of the positions."),
    "qwk": ("QWK", "Cohen's kappa with quadratic weights in class ranks."),
    "distinct_classes": ("classes", "How many different classes are predicted at all; few mean a collapse."),
}


def show(found: Evidence, rows: list[compare.Row]) -> None:
    """Table, findings, warnings."""
    metric_table(found, rows, SHOWN, "Severity")
    st.caption(
        "Mean over seeds ± half of its 95 % t interval. Control rows were not asked for; they show what a setting must "
        "be seen beside."
    )
    if findings := compare.findings(rows):
        st.markdown("\n".join(f"- {plain(text)}" for text in findings))
    said = {(r.setting, w) for r in rows for w in r.warnings}
    for setting, warning in sorted(said):
        st.warning(f"**{plain(setting)}**: {plain(warning)}")


def metric_table(found: Evidence, rows: list[compare.Row], metrics: Mapping[str, tuple[str, str]], name: str) -> None:
    """One row a loss and decoder; `metrics` is key -> (heading, meaning), those that no row has are left out.

    The CSV holds everything that is measured in the rows, with its interval.
    """
    metrics = {m: about for m, about in metrics.items() if any(r.mean(m) is not None for r in rows)}
    table, columns = _table(rows, metrics)
    alt = "; ".join(f"{r.label}: " + ", ".join(_said(r, m, name) for m, (name, _) in metrics.items()) for r in rows)
    height = min(35 * (len(table) + 1) + 3, 500)
    csv = partial(tables.severity, found.part, found.ruler, rows)
    charts.table(table, name, alt, csv, column_config=columns, height=height)


def _said(row: compare.Row, metric: str, name: str) -> str:
    mean = row.mean(metric)
    return f"{name} unknown" if mean is None else f"{name} {mean:.1%}" if metric in SHARES else f"{name} {mean:.3f}"


def _table(rows: list[compare.Row], metrics: Mapping[str, tuple[str, str]]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Numbers with their half interval beside them, and how the columns are written."""
    number = st.column_config.NumberColumn
    table = pd.DataFrame({"setting": [r.setting for r in rows]})
    columns: dict[str, Any] = {}
    table["decoder"] = [r.decoder for r in rows]
    table["control"] = [r.control for r in rows]
    for metric, (name, about) in metrics.items():
        form, factor = ("%.1f %%", 100) if metric in SHARES else ("%.1f" if metric == "distinct_classes" else "%.3f", 1)
        table[name] = factor * pd.Series([r.mean(metric) for r in rows], dtype="float64")
        columns[name] = number(format=form, help=about)
        halves = factor * pd.Series([_half(r, metric) for r in rows], dtype="float64")
        if metric != "distinct_classes" and halves.notna().any():
            table[f"± {name}"] = halves
            columns[f"± {name}"] = number("±", format=form, help=f"Half of the 95 % interval of the mean {name}.")
    table["seeds"] = [len(r.seeds) for r in rows]
    if any(r.same_ruler for r in rows):
        table["trained on the ruler"] = [r.same_ruler for r in rows]
    return table, columns


def _half(row: compare.Row, metric: str) -> float | None:
    interval = row.interval(metric)
    return None if interval is None else (interval[1] - interval[0]) / 2
