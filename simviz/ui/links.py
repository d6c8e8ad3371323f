"""A view as a link: every value is written out, and one that does not exist is named in a sentence.

Streamlit restores bound widgets from the URL, but drops values that equal a default and silently
replaces unknown ones; this module closes both gaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from simviz.ui import state
from simviz.ui.text import plain

LONGEST = 120  # characters of a link's value that a sentence quotes
place: ContextVar[DeltaGenerator] = ContextVar("place")  # where sentences about the link stand: above the page


def url(page_url: str, values: Mapping[str, object]) -> str:
    """`page_url` with these query parameters and no others; None and "" are left out, a list is repeated.

    An empty list is written out: where a list has a default, to choose nothing is a choice.
    """
    parts = urlsplit(page_url)
    pairs = {k: "" if v == [] else v for k, v in values.items() if v not in (None, "")}
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(pairs, doseq=True), ""))


def unknown(key: str, options: Iterable[str], what: str) -> bool:
    """Say in a sentence that the link asks for something that is not there. Call it before the widget is made."""
    asked = st.query_params.get(key)
    if asked is None or asked in set(options):
        return False
    say_unknown(what, asked)
    return True


def say_unknown(what: str, asked: str) -> None:
    """The sentence of `unknown`, for what the caller has found out itself."""
    _say(f"The link asks for the {what} “{_cut(asked)}”, which is not here. Choose another one.")


def outside(key: str, low: float, high: float, what: str) -> bool:
    """The same for a number that the link gives and that is none, or lies outside `low` ... `high`."""
    asked = st.query_params.get(key)
    try:
        if asked is None or low <= float(asked) <= high:
            return False
    except ValueError:
        pass
    _say(f"The link gives {what} as “{_cut(str(asked))}”; it must be a number from {low:g} to {high:g}.")
    return True


def expander(label: str, key: str, icon: str | None = None) -> ExpanderContainer:
    """An expander that the link restores; what is in it need only be made while it is `open`."""
    unknown(key, state.SWITCH, f"value of “{label}”")
    return st.expander(label, icon=icon, key=key, bind="query-params")


def bind(key: str) -> Literal["query-params"] | None:
    """How a field of whole numbers is bound to the link; not at all where that says inf, which nobody can round."""
    try:
        endless = math.isinf(float(st.query_params.get(key, 0)))
    except ValueError:
        endless = False
    return None if endless else "query-params"


def _cut(asked: str) -> str:
    """What a link says, as a sentence quotes it: a link may be of any length."""
    return plain(asked if len(asked) <= LONGEST else f"{asked[:LONGEST]}…")


def _say(sentence: str) -> None:
    place.get().warning(sentence, icon=":material/link_off:")


def copy(page: str, found: Mapping[str, object]) -> None:
    """The link to what is on the screen, ready to copy.

    Parameters
    ----------
    page : the page's name in the URL
    found : values in effect that no widget holds, such as the comparison shown when none was chosen
    """
    keys = (*state.FRAME, *state.OF_PAGE.get(page, ()))
    values = {k: st.session_state.get(k) for k in keys} | dict(found)
    with st.popover("Copy link", icon=":material/link:", width="stretch"):
        st.caption("Opens this page with the same choices. Edited tables and uploaded files are not part of it.")
        st.code(url(st.context.url or f"/{page}", values), language=None, wrap_lines=True)
