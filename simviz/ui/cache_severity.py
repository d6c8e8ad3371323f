"""What the severity page remembers between reruns; see `cache`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Gain, Outcome, Ruler
from simviz.evaluation.predictions import Predictions
from simviz.report import closer
from simviz.runs import Run
from simviz.ui.cache import BY_CONTENT, Stamp


@st.cache_data(max_entries=400, show_spinner="Fitting temperatures")
def temperature(validation: Stamp) -> tuple[float, float]:
    """`evaluation.fit_temperature` on a run's validation predictions, and the accuracy by argmax there."""
    found = Predictions.load(Path(validation[0]), features=False)
    accuracy = float((found.log_probabilities.argmax(axis=1) == found.target).mean())
    return evaluation.fit_temperature(found.log_probabilities, found.target), accuracy


@st.cache_resource(max_entries=200, show_spinner="Judging one half by the other", hash_funcs=BY_CONTENT)
def gain(predictions: Stamp, classes: ClassSet, ruler: Ruler) -> Gain:
    """`evaluation.gain_by_cost` of a run's predictions; ValueError, to be shown, where there is nothing to estimate."""
    found = Predictions.load(Path(predictions[0]), features=False)
    return evaluation.gain_by_cost(found.log_probabilities, found.target, found.units, classes=classes, ruler=ruler)


@st.cache_resource(max_entries=50, show_spinner="Fitting last layers", hash_funcs=BY_CONTENT)
def head_gains(predictions: Stamp, classes: ClassSet, ruler: Ruler, names: tuple[str, ...]) -> list[Outcome]:
    """`report.closer.last_layers`; ValueError, to be shown, where a loss or the features do not fit. Loads torch."""
    return closer.last_layers(Predictions.load(Path(predictions[0])), names, classes=classes, ruler=ruler)


@st.cache_resource(max_entries=400, show_spinner="Ranking the classes", hash_funcs=BY_CONTENT)
def ranking(of: tuple[Stamp | None, ...], classes: ClassSet, ruler: Ruler, decoder: str) -> NDArray[np.float64]:
    """`evaluation.ahd_curve` of a run with probabilities; `of` are its `stamps`."""
    logs, target, needs = _read(of, classes, decoder)
    found = evaluation.ahd_curve(logs, target, classes=classes, ruler=ruler, decoder=decoder, **needs)
    found.setflags(write=False)
    return found


@st.cache_resource(max_entries=200, show_spinner="Reading confidences", hash_funcs=BY_CONTENT)
def confidences(
    of: tuple[Stamp | None, ...], classes: ClassSet, decoder: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """`evaluation.confidences` of a run with probabilities; `of` are its `stamps`."""
    logs, target, needs = _read(of, classes, decoder)
    found = evaluation.confidences(logs, target, classes=classes, decoder=decoder, **needs)
    for array in found:
        array.setflags(write=False)
    return found


def _read(
    of: tuple[Stamp | None, ...], classes: ClassSet, decoder: str
) -> tuple[NDArray[np.floating], NDArray[np.int64], dict[str, Any]]:
    """A run's log-probabilities and targets, and what the decoder asks for besides."""
    assert of[0] is not None
    path, needs = Path(of[0][0]), dict[str, Any]()
    if decoder == "min_cost" and of[1] is not None:
        needs["temperature"], _ = temperature(of[1])
    if decoder == "blurred":
        needs["similarity"] = compare.trained_similarity(Run(path.parent), classes)
    found = Predictions.load(path, features=False)
    return found.log_probabilities, found.target, needs
