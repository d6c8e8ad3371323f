"""One look for every picture: the colours of the losses, the scales, labels and margins.

Colour is the family of a loss; line and marker tell its members apart, so no picture relies on colour
alone. The colours are those of Okabe and Ito (black and yellow replaced, which vanish on a dark or a
light page), the scales cividis and a reversed RdBu. No text or background colour is set: the page's
theme, light or dark, decides.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from simviz.settings import Setting, parse_setting

FAMILIES = {
    "cross entropy": "#7F7F7F",
    "similarity": "#0072B2",
    "earth mover's distance": "#E69F00",
    "expected cost": "#009E73",
    "ground distance": "#D55E00",
    "soft labels": "#CC79A7",
    "thresholds": "#56B4E9",
    "groups": "#A6761D",
    "other": "#9467BD",
}
_FAMILY_OF = {
    "ce": "cross entropy",
    "gce": "cross entropy",
    "simloss": "similarity",
    "forward": "similarity",
    "emd2": "earth mover's distance",
    "expected_cost": "expected cost",
    "sinkhorn": "expected cost",
    "cdw_ce": "expected cost",
    "ground_distance": "ground distance",
    "self_guided": "ground distance",
    "soft_labels": "soft labels",
    "dldl": "soft labels",
    "coral": "thresholds",
    "corn": "thresholds",
    "or_cnn": "thresholds",
    "group_ce": "groups",
    "hxe": "groups",
}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "pentagon", "triangle-down")

SEQUENTIAL = (
    "#00224E",
    "#123570",
    "#3B496C",
    "#575D6D",
    "#707173",
    "#8A8678",
    "#A59C74",
    "#C3B369",
    "#E1CC55",
    "#FEE838",
)
DIVERGING = (
    "#67001F",
    "#B2182B",
    "#D6604D",
    "#F4A582",
    "#FDDBC7",
    "#F7F7F7",
    "#D1E5F0",
    "#92C5DE",
    "#4393C3",
    "#2166AC",
    "#053061",
)

LABEL_LENGTH = 26
TITLE_LENGTH = 46


class Style(NamedTuple):
    """How one setting is drawn: a hex colour, a plotly line dash, a plotly marker symbol."""

    color: str
    dash: str
    symbol: str


def family(setting: str | Setting) -> str:
    """The family of a loss's name, a setting or a row's label; "other" for a loss this table does not know."""
    if isinstance(setting, str):
        setting = setting.partition(" | ")[0]  # the decoder of a row changes no colour
    return _FAMILY_OF.get(parse_setting(setting).loss.name, "other")


def color(setting: str | Setting) -> str:
    """The hex colour of a loss's or a setting's family."""
    return FAMILIES[family(setting)]


def setting_styles(settings: Iterable[str]) -> dict[str, Style]:
    """A style for each setting of a comparison, in the order given; no two are alike.

    Members of a family share its colour and differ in marker and line (up to 18 of them).
    """
    count: dict[str, int] = {}
    styles: dict[str, Style] = {}
    for setting in settings:
        if setting in styles:
            continue
        n = count[family(setting)] = count.get(family(setting), -1) + 1
        styles[setting] = Style(color(setting), DASHES[n % len(DASHES)], SYMBOLS[n % len(SYMBOLS)])
    return styles


def escape(name: object) -> str:
    """A name as plotly shows it literally: its markup characters become entities."""
    return html.escape(str(name), quote=False)


def label(name: object, length: int = LABEL_LENGTH) -> str:
    """`escape`d, and shortened in the middle where it is longer than `length` characters."""
    text = str(name)
    if len(text) > length:
        tail = length // 3
        text = f"{text[: length - tail - 1]}…{text[-tail:]}"
    return escape(text)


def category_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis of class names in this order: each is a category by its full name, so that two which
    shorten alike stay two, and is labelled by its short one."""
    categories = [escape(n) for n in names]
    short = {c: label(n) for c, n in zip(categories, names, strict=True) if c != label(n)}
    return {"type": "category", "categoryorder": "array", "categoryarray": categories, "labelalias": short}


def wrapped(text: str, width: int = TITLE_LENGTH) -> str:
    """Escaped, broken into lines of at most `width` characters: plotly does not wrap a title."""
    return "<br>".join(escape(line) for line in textwrap.wrap(text, width) or [""])


def colorscale(colors: Sequence[str]) -> list[list[Any]]:
    """Evenly spaced colours as plotly's [[0, colour], ..., [1, colour]]."""
    return [[i / (len(colors) - 1), c] for i, c in enumerate(colors)]


def colormap(values: NDArray[np.floating], colors: Sequence[str], low: float, high: float) -> NDArray[np.uint8]:
    """Values as pixels.

    Parameters
    ----------
    values : float array, shape (H, W); NaN becomes transparent
    colors : hex colours, evenly spaced from `low` to `high`; linear between them, clipped outside

    Returns
    -------
    uint8 array, shape (H, W, 4)
    """
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors], dtype=np.float32)
    share = np.clip((np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0), 0, 1)
    table = np.stack([np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(colors)), s) for s in stops.T], axis=1)
    pixels = table.round().astype(np.uint8)[(share * 255).round().astype(np.uint8)]
    alpha = np.where(np.isnan(values), 0, 255).astype(np.uint8)
    return np.concatenate([pixels, alpha[..., None]], axis=-1)


def stacked(setting: str) -> str:
    """A setting as a narrow heading: a line for the loss, for its matrix and for each option."""
    return "<br>".join(escape(piece) for piece in re.split(r"(?=@)|(?<=[:,])", setting))


def finish(fig: go.Figure, *, title: str = "", height: int = 420, legend: bool = False) -> go.Figure:
    """Title, margins and legend, the same for every picture; returns `fig`.

    The legend lies below the plot, so that a narrow screen keeps the width for the data, and every
    axis takes the room its labels need.
    """
    heading = {"text": wrapped(title), "font": {"size": 15}, "x": 0, "xanchor": "left", "pad": {"b": 8}}
    # This combination alone makes room for every line of a title; plotly cuts the first one otherwise.
    heading |= {"yref": "paper", "y": 1, "yanchor": "bottom", "automargin": True}
    layout = fig.layout  # each of its values is set by itself: `update_layout` takes ten times as long
    layout.title = heading if title else None
    layout.height = height
    layout.margin = {"l": 8, "r": 8, "t": 16, "b": 8}
    layout.showlegend = legend
    layout.legend = {"orientation": "h", "yanchor": "top", "y": -70 / (height - 120), "x": 0, "xanchor": "left"}
    layout.hoverlabel = {"align": "left"}
    for name in layout:
        if re.fullmatch(r"[xy]axis\d*", name):
            layout[name].automargin = True
    return fig
