"""The epoch scrubber of the confusion page: validation, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.ui import cache, cache_confusion, links, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

NOW = "predictions"


@dataclass(frozen=True)
class AtEpoch(Evidence):
    """The same runs after one epoch: counts on validation by argmax, which is all an epoch keeps."""

    epoch: int = 0

    @property
    def decided_by(self) -> str:
        return "argmax"

    @property
    def when(self) -> str:
        return f"validation, epoch {self.epoch}"

    def confusion(self, panel: Panel) -> NDArray[np.int64]:
        total = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        for run in panel.runs:
            file = cache.stamp(run.path / "epochs" / f"{self.epoch:04d}.npz")
            assert file is not None  # `scrub` left out the runs without
            total += cache_confusion.of_epoch(file, len(self.classes))
        return total


def scrub(found: Evidence, panels: list[Panel]) -> tuple[Evidence, list[Panel]]:
    """The slider, and what to show: all settings at one epoch, or their predictions as before.

    Runs that still train have epochs only; where no run has more, it stands at the newest.
    """
    every = _with_unfinished(found, panels)
    epochs = sorted({epoch for panel in every for run in panel.runs for epoch in run.epochs})
    options = [*map(str, epochs), *([NOW] if panels else [])]
    links.unknown(state.MOMENT, options, "epoch")
    if not epochs:
        return found, panels
    if st.session_state.get(state.MOMENT) not in (None, *options):
        del st.session_state[state.MOMENT]  # kept from a comparison that had it
    if found.unfinished:
        _training(found)
    if len(options) == 1:  # the first epoch of all: nothing to slide between
        return _at(found, every, epochs[0])
    picked = st.select_slider(
        "Epoch, on validation",
        options,
        value=options[-1],
        key=state.MOMENT,
        bind="query-params",
        help="While training every epoch keeps its confusion matrix on validation. “predictions”: the part and "
        "decoder chosen above, at the epoch each run chose.",
    )
    if picked == NOW:
        return found, panels
    return _at(found, every, int(picked))


def _with_unfinished(found: Evidence, panels: list[Panel]) -> list[Panel]:
    """The panels with the runs that have epochs only; settings without any other run come last."""
    every = {panel.label: panel for panel in panels}
    for run in found.unfinished:
        panel = every.get(run.setting, Panel(run.setting, run.setting, ()))
        every[run.setting] = replace(panel, runs=(*panel.runs, run))
    return list(every.values())


def _training(found: Evidence) -> None:
    """How far the runs without predictions are, and a way to look again."""
    reached = [f"{run.id}: epoch {run.epochs[-1]} of {run.spec.epochs}" for run in found.unfinished]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"No predictions yet, so only their epochs are shown: {plain(', '.join(reached))}.")
        st.button("Look again", icon=":material/refresh:", key="epochs-again")


def _at(found: Evidence, panels: list[Panel], epoch: int) -> tuple[Evidence, list[Panel]]:
    """Only the runs that kept this epoch; a sentence for the others."""
    there = AtEpoch(found.comparison, "validation", found.ruler, "argmax", found.unfinished, epoch=epoch)
    kept, short, broken = [], [], []
    for panel in panels:
        runs = []
        for run in panel.runs:
            file = cache.stamp(run.path / "epochs" / f"{epoch:04d}.npz")
            if file is None:
                continue
            try:
                cache_confusion.of_epoch(file, len(found.classes))
                runs.append(run)
            except ValueError as error:
                broken.append(str(error))
        if runs:
            kept.append(replace(panel, runs=tuple(runs)))
        if len(runs) < len(panel.runs):
            short.append(f"{panel.label} ({len(runs)} of {len(panel.runs)})")
    st.caption(
        f"**Validation after epoch {epoch}**, decided by argmax: the test part is read once, at the epoch each run "
        "chose, so it has no epochs. The images below are those of the final "
        f"predictions, on the {found.part} part."
    )
    if short:
        st.caption(f"Not all runs kept epoch {epoch}: {plain(', '.join(short))}.")
    for text in dict.fromkeys(broken):
        st.warning(plain(text), icon=":material/broken_image:")
    return there, kept
