"""Train: choose data and settings, see what it will take, start; the job board stands below."""

from __future__ import annotations

from importlib import import_module
from threading import Thread
from typing import Any

import streamlit as st

from simviz.datasets import ImageDataset
from simviz.runs import Store, read_only, ready
from simviz.runs.tuning import TRIALS
from simviz.ui import cache, given
from simviz.ui.text import code, duration, plain
from simviz.ui.views import similarity_words, train_board, train_data, train_options, train_settings

SOON = ("torch", "simviz.ui.views.severity", "simviz.ui.views.confusion")
ASKED = "start-asked"  # a click is kept here: the frame may run the script twice, and a button is true in one run only


def show() -> None:
    st.title("Train")
    st.markdown(
        "Several losses on the **same data, split and batches**, each with several seeds: a comparison. "
        "Training runs in a process of its own and goes on when you leave this page or close the browser."
    )
    if not given.closed("nothing can be trained from this page"):
        with st.container(border=True):
            _form()
    if not train_board.show() and not read_only():
        Thread(target=_load_ahead, daemon=True).start()


def _load_ahead() -> None:
    """While the visitor chooses, load what the click and the pages after it need: torch alone takes seconds."""
    ready.make()
    for name in SOON:
        import_module(name)


def _form() -> None:
    """The choices from data to start."""
    picked = train_data.show()
    if picked is None:
        return
    data, where = picked
    drop, size = train_options.images(data)
    words = {n: w for n, w in similarity_words.edited(data.classes).items() if n not in drop}
    kept = [n for n in data.classes if n not in drop]
    if len(kept) < 2:
        st.error("Leave at least two classes in.")
        return
    classes = data.classes.subset(kept).with_words(words)
    settings = train_settings.show(classes, len(words))
    seeds, base = train_options.show(classes)
    base |= {"dataset": where, "drop": drop, "words": words, "train_size": size}
    title = base.pop("title") or f"{data.name}: {', '.join(dict.fromkeys(s.partition('@')[0] for s in settings.asked))}"
    minutes = base.pop("budget")
    tuned = base.pop("tuned")
    trials = len(settings.all) * TRIALS if tuned else 0
    st.markdown(_promise(data, base, len(settings.all) * seeds, trials))
    missing = base.pop("missing")
    if missing:
        st.info("Type the path of the weights.")
    ready = bool(settings.asked) and not settings.wrong and not missing
    st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not ready,
        key="start",
        on_click=st.session_state.update,
        args=({ASKED: True},),
    )
    if st.session_state.pop(ASKED, False):
        _start(settings.all, seeds, base, title, minutes, tuned)


def _promise(data: ImageDataset, base: dict[str, Any], runs: int, trials: int) -> str:
    """What will be trained, and about how long it takes on this machine."""
    images = min(len(data.indices("train")), base["train_size"] or len(data))
    model = base["model"] or data.default_model
    what = f"**{runs} run{'' if runs == 1 else 's'}**, {base['epochs']} epochs of {images:,} images each"
    if trials:
        what += f", after **{trials} trials** or more of learning rates, chosen by validation {plain(base['monitor'])}"
    seconds = cache.pace(str(Store().root), model, data.name)
    if seconds is None:
        return (
            f"{what}. How long that takes is unknown: no run of {code(model)} on {plain(data.name)} has ended here yet."
        )
    seconds *= images * base["epochs"] * (runs + trials)
    return f"{what}: **about {duration(seconds)}** at the pace of the last such run."


def _start(
    settings: list[str], seeds: int, base: dict[str, Any], title: str, minutes: float | None, tuned: bool
) -> None:
    """Check everything, lay the comparison out, start its process. What is wrong is said, and nothing is started."""
    with st.spinner("Checking data, losses and ruler"):
        from simviz import compare  # loads torch with the losses, so only now
        from simviz.runs import budget, queue

        try:
            specs = compare.specs_for(settings, range(seeds), **base)
            tuning = compare.tuning.plan(specs) if tuned else None
            comparison = compare.create(specs, title=title, store=Store(), tuning=tuning)
            if minutes is not None:
                budget.grant(comparison, minutes)
            queue.start(comparison)
        except (ValueError, OSError) as error:
            st.error(f"Nothing was started. {plain(error)}", icon=":material/block:")
            return
    train_board.watch(comparison)
    st.toast(f"Started {len(specs)} runs", icon=":material/play_arrow:")
