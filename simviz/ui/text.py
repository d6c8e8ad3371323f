"""Names and messages from outside, made safe to stand in Streamlit's Markdown."""

from __future__ import annotations

import re


def plain(text: object) -> str:
    """The text with every character of Markdown escaped, so that it is shown and not run."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", str(text))
