"""The frame around every page: navigation, the comparison in view, the link.

`pages/` makes Streamlit run a page's file without app.py on the first visit of a fresh server, and in
AppTest on every run. So every page starts with `require`, which notices and starts again.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from simviz.ui import links, state
from simviz.ui.text import plain

if TYPE_CHECKING:
    from simviz.runs import Comparison

PAGES = {
    "Learn": [
        ("home", "Start", ":material/home:", "What simviz is for, and what this machine has."),
        (
            "lesson",
            "Lesson",
            ":material/school:",
            "Ten minutes, eight questions: vote first, then see what the runs say.",
        ),
        (
            "losses",
            "What each loss pays for",
            ":material/balance:",
            "Write down an answer; see the value and the gradient of every loss.",
        ),
    ],
    "Build": [
        (
            "similarity",
            "Similarity matrix",
            ":material/grid_on:",
            "Build a matrix from words, order, positions, groups or a file, and see what it will do to a loss.",
        ),
        (
            "train",
            "Train",
            ":material/model_training:",
            "Train several losses on the same data, and watch them.",
        ),
        (
            "live",
            "Drag the matrix",
            ":material/tune:",
            "Move a slider, and see which mistakes a network with a new last layer makes.",
        ),
    ],
    "Inspect": [
        ("confusion", "Confusion", ":material/apps:", "Which classes each loss takes for which, and the images."),
        ("severity", "Severity", ":material/straighten:", "How bad the mistakes of each loss are, under a ruler."),
        (
            "ground_distance",
            "Ground distance",
            ":material/hub:",
            "How a distance between the classes is learned while a network trains.",
        ),
    ],
    "Keep": [("runs", "Runs", ":material/inventory_2:", "Everything that was trained: look up, take along, delete.")],
}

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0072B2"/>'
    '<path fill="#fff" d="M3 3h3v3H3zM6.5 6.5h3v3h-3zM10 10h3v3h-3z"/>'
    '<path fill="#fff" fill-opacity=".45" d="M6.5 3h3v3h-3zM3 6.5h3v3H3zM10 6.5h3v3h-3zM6.5 10h3v3h-3z"/></svg>'
)

PAGE = "page-drawn"  # of the session: the page whose run ended last
KEPT = "frame-kept"  # of the session: what the frame's keys were when a page's run ended last
GONE = "comparison-gone"  # of the session: what a link to this page asked for in vain, until another is chosen

# Before torch is loaded, as for the processes that train (simviz.runs.cores): beside a browser that takes one of two
# cores, threads that spin while they wait made a fit of 0.1 s take seven.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Streamlit writes on its primary colour in white, which the light blue of the dark theme does not bear; a table's own
# download leaves names that begin like a formula as they are, where ours disarm them; on a very wide screen lines of
# text and pictures without an end are hard to read; and Plotly rings the button of a picture that the keyboard has
# reached in black, whatever lies below.
STYLE = (
    '<style>button[aria-label="Download as CSV"] { display: none; }'
    "[data-testid=stMainBlockContainer] { max-width: 1800px; }"
    "[data-tag], button[kind^=primary]:enabled, button[kind^=primary]:enabled p "
    "{ color: light-dark(white, #14171F) !important; }"
    ".modebar-btn:focus-visible { outline: 1px solid light-dark(black, white) !important; }</style>"
)

drawn: ContextVar[dict[str, Any]] = ContextVar("drawn")  # the page's figures by key, for their JSON
tables: ContextVar[dict[str, Callable[[], bytes]]] = ContextVar("tables")  # what makes its tables, by name of the file
_modules = 0  # how many were there when the collector was last spared
_framed: ContextVar[bool] = ContextVar("framed", default=False)


@dataclass(frozen=True)
class Frame:
    """What the sidebar chose: the comparison in view, and the settings or runs called A and B."""

    comparison: Comparison | None
    a: str | None = None
    b: str | None = None


_frame: ContextVar[Frame | None] = ContextVar("frame")
_pickers: ContextVar[DeltaGenerator] = ContextVar("pickers")


def pages() -> dict[str, list[st.Page]]:
    return {
        section: [
            st.Page(f"pages/{name}.py", title=title, icon=icon, help=about, default=name == "home")
            for name, title, icon, about in entries
        ]
        for section, entries in PAGES.items()
    }


def configure() -> None:
    """Title, icon and width. The icon is drawn here: Streamlit would fetch a named one from the internet."""
    st.set_page_config(page_title="simviz", page_icon=ICON, layout="wide")


def run() -> None:
    """Called by app.py: the navigation, the sidebar, then the page inside them."""
    _spare_the_collector()
    page = st.navigation(pages())
    st.html(STYLE)
    links.place.set(st.container())
    drawn.set({})
    tables.set({})
    with st.sidebar:
        _pickers.set(st.container())
        link = st.container()
    if st.session_state.get(PAGE) != (page.url_path or "home"):
        st.session_state.pop(GONE, None)
        _bring_along()
    inside, chosen = _framed.set(True), _frame.set(None)
    try:
        page.run()
        # A page that asks for no comparison stands before the store is opened: the start page is seen a second earlier.
        comparison = frame().comparison
        st.session_state.pop(state.OPENED, None)
        st.session_state[PAGE] = page.url_path or "home"
        st.session_state[KEPT] = {k: st.session_state[k] for k in state.FRAME if st.session_state.get(k) is not None}
        with link:  # after the page, when its widgets hold what the link must say
            links.copy(page.url_path or "home", {} if comparison is None else {state.COMPARISON: comparison.id})
            _access()
            _jobs(page.url_path)
    finally:
        _framed.reset(inside)
        _frame.reset(chosen)


def _spare_the_collector() -> None:
    """Take what was imported out of Python's garbage collection, once for each lot of modules.

    Streamlit collects after every run, and walking torch, pandas and plotly takes it a sixth of a second each time.
    """
    global _modules
    if len(sys.modules) != _modules:
        _modules = len(sys.modules)
        gc.freeze()


def _bring_along() -> None:
    """What a link set, for the next page.

    Streamlit 1.67 forgets it where the page is changed before anything else was touched: it keeps it for the pickers of
    the page before. Where the visitor went back, the address alone says what was there.
    """
    context = get_script_run_ctx()
    if getattr(context, "is_history_navigation", False):
        return
    for key, value in st.session_state.get(KEPT, {}).items():
        if st.session_state.get(key) == value and key not in st.query_params:
            st.session_state[key] = value
            with suppress(StreamlitAPIException):  # still bound: then Streamlit writes it itself
                st.query_params[key] = str(value)


def _access() -> None:
    from simviz.runs import read_only

    if read_only():
        st.caption(":material/lock: This server is read-only.")


def _jobs(page: str) -> None:
    """What trains, with the way to it, on every page but the one that shows it anyway."""
    from simviz.runs import Store, progress

    running, waiting = (0, 0) if page == "train" else progress.under_way(Store())
    if running or waiting:
        said = [f"{running} running"] * bool(running) + [f"{waiting} waiting"] * bool(waiting)
        st.page_link("pages/train.py", label=f"Jobs: {', '.join(said)}", icon=":material/model_training:")


def require() -> None:
    """First line of every page's file: if app.py did not start it, start again through app.py."""
    if not _framed.get():
        configure()
        st.navigation(pages())
        st.rerun()


def frame() -> Frame:
    """What the sidebar chose, for the page that is being drawn."""
    chosen = _frame.get()
    if chosen is None:
        with _pickers.get():
            chosen = _choose()
        _frame.set(chosen)
    return chosen


def in_view() -> str:
    """The id of the comparison in view; "" on a page that asked for none."""
    chosen = _frame.get(None)
    return "" if chosen is None or chosen.comparison is None else chosen.comparison.id


def order_picker(*more: str) -> str:
    """The order of the classes, one choice for all pages; `more` are orders that only this page knows."""
    options = (*state.ORDERS, *more)
    links.unknown(state.ORDER, options, "class order")
    if st.session_state.get(state.ORDER) not in (None, *options):
        del st.session_state[state.ORDER]  # kept from a page that had it
    return st.segmented_control(
        "Order of the classes",
        options,
        default=options[0],
        required=True,
        key=state.ORDER,
        wrap=True,
        bind="query-params",
        help="index: as the data set numbers them. similarity: like classes side by side (optimal "
        "leaf order; above 500 classes any order of the tree).",
    )


def _choose() -> Frame:
    """The pickers of comparison, A and B. Nothing is preselected: a link that names nothing means the newest."""
    from simviz.runs import Store, StoreError
    from simviz.ui import cache

    if said := cache.examples(str(Store().root)):
        st.warning(plain(said))
    every = {c.id: c for c in Store().comparisons()}
    if not every:
        links.unknown(state.COMPARISON, (), "comparison")
        return Frame(None)
    # A tick of the job board that crosses the click would take the choice back: it holds until a page was drawn.
    if st.session_state.get(state.OPENED) in every:
        st.session_state[state.COMPARISON] = st.session_state[state.OPENED]
    strange = _asked_for_another(every)
    picked = st.selectbox(
        "Comparison",
        list(every),
        index=None,
        key=state.COMPARISON,
        bind="query-params",
        placeholder="newest",
        help="Several losses on the same data, split and batches.",
    )
    if strange and picked is None:
        return Frame(None)
    st.session_state.pop(GONE, None)
    comparison = every[picked or next(iter(every))]
    try:
        options = [*comparison.groups, *(r.id for r in comparison.runs)]
    except (StoreError, ValueError) as error:
        st.warning(f"This comparison cannot be read in full: {plain(error)}")
        return Frame(comparison)
    a, b = (_side(letter, key, options) for letter, key in (("A", state.A), ("B", state.B)))
    return Frame(comparison, a, b)


def _asked_for_another(every: dict[str, Comparison]) -> bool:
    """Whether the link asked for a comparison that is not here: the page is never drawn with the newest instead.

    Streamlit takes the parameter out of the address, so it is remembered until another is chosen.
    """
    asked = st.query_params.get(state.COMPARISON) or st.session_state.get(GONE)
    if asked is None or asked in every:
        return False
    if st.session_state.get(state.COMPARISON) is None:
        st.session_state[GONE] = asked
        links.say_unknown("comparison", asked)
    return True


def _side(letter: str, key: str, options: list[str]) -> str | None:
    links.unknown(key, options, f"setting or run {letter}")
    return st.selectbox(
        letter,
        options,
        index=None,
        key=key,
        bind="query-params",
        placeholder="a setting, or one of its runs",
        help="A setting stands for all its seeds. A and B are what a difference is taken between.",
    )
