"""What the section for one picture remembers between reruns; see `cache`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation.predictions import Predictions
from simviz.runs import Run
from simviz.ui.cache import BY_CONTENT, Stamp

if TYPE_CHECKING:
    from simviz.runs.network import Network


@dataclass(frozen=True)
class Said:
    """What one run says of one picture.

    Attributes
    ----------
    log_probabilities : floating (C,)
    true : its class; None where nobody knows
    decided : the class, where only the decision is known
    """

    log_probabilities: NDArray[np.floating]
    true: int | None = None
    decided: int | None = None


@st.cache_data(max_entries=2000, show_spinner="Reading predictions")
def kept(predictions: Stamp, name: str) -> Said | None:
    """What a file of predictions holds of a sample; None where it is not among them, ValueError if it is damaged."""
    found = Predictions.load(Path(predictions[0]), features=False)
    rows = np.flatnonzero(found.ids == name)
    if not len(rows):
        return None
    row = int(rows[0])
    decided = None if found.predicted is None else int(found.predicted[row])
    return Said(found.log_probabilities[row].copy(), int(found.target[row]), decided)


def asked(weights: Stamp, run: Run, classes: ClassSet, data: bytes) -> tuple[Said, NDArray[np.uint8]]:
    """What the run's network says of a picture file, and the picture as it sees it, uint8 (H, W, 3). Loads torch.

    ValueError as `runs.network.load` and `runs.network.picture`.
    """
    return _asked(weights, classes, hashlib.sha256(data).hexdigest(), run, data)


@st.cache_data(max_entries=200, show_spinner="Asking the network", hash_funcs=BY_CONTENT)
def _asked(weights: Stamp, classes: ClassSet, digest: str, _run: Run, _data: bytes) -> tuple[Said, NDArray[np.uint8]]:
    from simviz.runs.network import picture

    network = _network(weights, classes, _run)
    pixels = picture(_data, network.size)
    return Said(network.log_probabilities(pixels[None])[0]), pixels


@st.cache_resource(max_entries=12, show_spinner="Loading the network", hash_funcs=BY_CONTENT)
def _network(weights: Stamp, classes: ClassSet, _run: Run) -> Network:
    from simviz.runs.network import load

    return load(_run, classes)
