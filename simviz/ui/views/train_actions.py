"""What can be done to a comparison on its card: pause, resume, cancel, look at its results.

Everything goes through files of the store, so every browser that shows the card sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import streamlit as st

from simviz.runs import Comparison, Store, progress, queue, read_only
from simviz.runs.progress import Line
from simviz.ui import state
from simviz.ui.text import plain

ENDED = {"failed": "Try {} failed again", "cancelled": "Resume {} cancelled"}


def show(comparison: Comparison, found: Sequence[Line]) -> None:
    """The buttons that fit the states of the runs."""
    if not read_only():
        if not progress.over(found):
            _stop(comparison, found)
        go_on(comparison.id, found)
    if any(one.state in ("finished", "cancelled") for one in found):
        for page, label in (("confusion", "Confusion"), ("severity", "Severity")):
            # The browser changes the page, not the script: it then forgets the ticks of the board at once. One that
            # came while the next page is drawn would take the visitor back, to a page that is empty.
            st.page_link(
                f"pages/{page}.py",
                label=label,
                icon=":material/arrow_forward:",
                query_params={state.COMPARISON: comparison.id},
            )


def go_on(key: str, found: Sequence[Line]) -> None:
    """Resume, for what was interrupted, and for what ended too early."""
    if any(one.state in queue.INTERRUPTED for one in found):
        st.button("Resume", key=f"resume-{key}", on_click=_resume, args=(key,), icon=":material/restart_alt:")
    if progress.over(found) and any(one.state in queue.INTERRUPTED for one in found):
        st.button("Give up", key=f"close-{key}", on_click=_do, args=(queue.cancel, key), icon=":material/close:")
    for ended, label in ENDED.items():
        count = sum(one.state == ended and one.resumable for one in found)
        if count:
            st.button(
                label.format(count),
                key=f"resume-{ended}-{key}",
                type="tertiary",
                icon=":material/restart_alt:",
                on_click=_resume,
                args=(key, (ended,)),
                help="From the last finished epoch, or from the start where none was finished.",
            )


def _stop(comparison: Comparison, found: Sequence[Line]) -> None:
    """Pause and cancel, for what trains or waits."""
    key = comparison.id
    wanted = {comparison.run(one.run).wanted for one in found if one.state in ("queued", "running")}
    pausing, cancelling = wanted == {"pause"}, wanted == {"cancel"}
    st.button(
        "Pausing" if pausing else "Pause",
        key=f"pause-{key}",
        disabled=pausing or cancelling,
        on_click=_do,
        args=(queue.pause, key),
        icon=":material/pause_circle:",
        help="Lets others train. It goes on from its last finished epoch and ends as if it had never been paused.",
    )
    st.button(
        "Cancelling" if cancelling else "Cancel",
        key=f"cancel-{key}",
        disabled=cancelling,
        on_click=_do,
        args=(queue.cancel, key),
        icon=":material/stop_circle:",
        help="What was reached is kept.",
    )


def _resume(comparison_id: str, states: Collection[str] = queue.INTERRUPTED) -> None:
    """Callback."""
    _do(lambda comparison: queue.resume(comparison, states), comparison_id)


def _do(what: Callable[[Comparison], Any], comparison_id: str) -> None:
    """Callback: change the comparison, or say why that cannot be."""
    try:
        what(Store().comparison(comparison_id))
    except (ValueError, OSError) as error:
        st.toast(plain(error), icon=":material/error:")
