"""A table that is repaired in place: edits are kept by class name, so the other columns can answer them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st


def edits(key: str) -> dict[str, dict[str, Any]]:
    """What was typed so far: class -> column -> value."""
    return st.session_state.setdefault(f"{key}/edits", {})


def show(key: str, table: pd.DataFrame, *, editable: list[str], columns: dict[str, Any], alt: str) -> None:
    """Draw `table` (its first column names the row) with some columns editable.

    The table handed in shows the edits already; each new one starts a fresh editor, because Streamlit
    would otherwise apply it again to rows that have changed since.
    """
    version = st.session_state.setdefault(f"{key}/version", 0)
    rows = table.iloc[:, 0].tolist()
    st.data_editor(
        table,
        key=f"{key}/{version}",
        disabled=[c for c in table.columns if c not in editable],
        column_config=columns,
        hide_index=True,
        height=min(36 * (len(table) + 1) + 4, 420),
        on_change=merge,
        args=(key, version, rows),
        alt=alt,
    )


def merge(key: str, version: int, rows: list[str]) -> None:
    """Callback: move what the editor holds into `edits`; an emptied cell takes its edit back."""
    kept = edits(key)
    for row, changes in st.session_state[f"{key}/{version}"]["edited_rows"].items():
        mine = kept.setdefault(rows[int(row)], {})
        for column, value in changes.items():
            if value is None or not str(value).strip():
                mine.pop(column, None)
            else:
                mine[column] = value
    st.session_state[f"{key}/version"] = version + 1


def reset(key: str) -> None:
    """Callback: forget every edit."""
    st.session_state[f"{key}/edits"] = {}
    st.session_state[f"{key}/version"] = st.session_state.get(f"{key}/version", 0) + 1
