"""Names and messages from outside, made safe to stand in Streamlit's Markdown."""

from __future__ import annotations

import re

from simviz.report.cells import formula_safe

__all__ = ["code", "duration", "formula_safe", "plain"]


def plain(text: object) -> str:
    """The text with every character of Markdown escaped, so that it is shown and not run."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", str(text))


def code(text: object) -> str:
    """The text as a piece of code: nothing in it is run, and nothing needs to be escaped but its end."""
    return "`" + " ".join(str(text).replace("`", "'").split()) + "`"


def duration(seconds: float) -> str:
    """A length of time as one would say it: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
