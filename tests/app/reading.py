"""What an AppTest shows, as plain values."""

import base64
import json
import re

import numpy as np


def figures(at):
    return [json.loads(c.proto.spec) for c in at.get("plotly_chart")]


def says(at):
    """All sentences on the page, without Markdown's escapes."""
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown, at.subheader)
    return "\n".join(e.value for box in boxes for e in box).replace("\\", "")


def unescaped(at):
    """The sentences as Streamlit's Markdown gets them."""
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown, at.subheader)
    return [e.value for box in boxes for e in box]


def array(value):
    """Plotly's JSON of an array."""
    if isinstance(value, dict):
        flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        return flat.reshape([int(n) for n in re.findall(r"\d+", str(value.get("shape", len(flat))))])
    return np.array(value, dtype=float)


def heat(figure):
    """The numbers of a heat map."""
    return array(figure["data"][0]["z"])


def title(figure):
    return figure["layout"]["title"]["text"].replace("<br>", " ")


def frame(at, column):
    """The first table on the page that has a column of this name."""
    return next(f.value for f in at.dataframe if column in f.value)
