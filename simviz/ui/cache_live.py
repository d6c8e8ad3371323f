"""What the page of refitted heads remembers: a run's features, prepared once, and every position a slider was in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.matrices import ClassMatrix
from simviz.runs import Run
from simviz.settings import parse_setting
from simviz.ui.cache import BY_CONTENT, Stamp, stamp

if TYPE_CHECKING:
    from simviz.heads import Refitter, Verdict
    from simviz.runs.frozen import Frozen

FILES = ("features.npz", "validation.npz", "test.npz")
Stamps = tuple[Stamp | None, ...]


@dataclass(frozen=True)
class Bench:
    """Features of a run, what fits heads to them, and how often that of cross entropy is right on what it has seen."""

    frozen: Frozen
    refitter: Refitter
    known: float


def stamps(run: Run) -> Stamps:
    """Of the files that features are read from."""
    return tuple(stamp(run.path / name) for name in FILES)


@st.cache_resource(max_entries=3, show_spinner="Preparing the features", hash_funcs=BY_CONTENT)
def bench(of: Stamps, classes: ClassSet) -> Bench:
    """`frozen.load` of the run whose files `of` are; StoreError where that says so. Loads torch."""
    import torch

    from simviz.heads import Refitter
    from simviz.runs import frozen

    # Two threads on two cores wait for each other and for the browser: a fit of 0.5 s took them 0.8.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 4))
    known = next(s for s in of if s is not None)
    found = frozen.load(Run(Path(known[0]).parent), classes)
    refitter = Refitter(found.fit)
    right = refitter.cross_entropy.log_probabilities(found.fit.values).argmax(1) == found.fit.target
    return Bench(found, refitter, float(right.mean()))


@st.cache_resource(max_entries=1000, show_spinner=False, hash_funcs=BY_CONTENT)
def verdict(
    of: Stamps, classes: ClassSet, moved: ClassSet, setting: str, matrix: ClassMatrix | None, ruler: Ruler, decoder: str
) -> Verdict:
    """The head of a setting, judged.

    Parameters
    ----------
    of : stamps of the run
    moved : the classes as the loss gets them, whose groups may have been changed by hand
    setting : its matrix part is a name only: `matrix` is what the loss gets
    decoder : "min_cost" after a temperature fitted on validation features, where there are some

    Raises
    ------
    ValueError
        Where the loss does not take the classes or the matrix, or the decoder does not fit.
    """
    from simviz import heads, losses

    found, loss = bench(of, classes), parse_setting(setting).loss
    head = found.refitter.head(losses.get(loss.name).from_classes(moved, matrix, **loss.options))
    how: dict[str, Any] = {"classes": classes, "ruler": ruler, "decoder": decoder}
    held = found.frozen.held
    if decoder == "min_cost" and held is not None:
        how["temperature"] = evaluation.fit_temperature(head.log_probabilities(held.values), held.target)
    return heads.judge(head, found.frozen.asked, **how)
