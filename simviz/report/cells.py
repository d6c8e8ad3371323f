"""A text as a cell of a table."""

from __future__ import annotations


def formula_safe(text: str) -> str:
    """The text as a table cell that no spreadsheet runs: an apostrophe before a leading =, +, -, @ or tab."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n") else text
