"""The data set to train on: by name, or by a path inside a configured folder."""

from __future__ import annotations

import streamlit as st

from simviz import datasets
from simviz.datasets import ImageDataset
from simviz.datasets.listing import UNREADABLE
from simviz.ui import cache, class_picker, given, links, state
from simviz.ui.text import plain


def show() -> tuple[ImageDataset, str] | None:
    """The picker and the card. Returns the data set and what a spec calls it; None, and why, if there is none."""
    about = datasets.available()
    options = [*about, state.ELSEWHERE]
    links.unknown(state.DATASET, options, "data set")
    before = st.session_state.get(state.DATA)  # what the similarity page was about
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    picked = left.selectbox(
        "Data set",
        options,
        index=options.index(before) if before in about else 0,
        key=state.DATASET,
        bind="query-params",
        help="“path” is a file or folder of your own.",
    )
    if picked != state.ELSEWHERE:
        right.caption(plain(about[picked]))
        return _loaded(picked)
    formats = "A Parquet file or folder, an image folder with one subfolder a class, UTKFace."
    path = given.needed_path(state.WHERE, "flowers, or cifar/train-0.parquet", formats, right)
    return None if path is None else _loaded(path)


def _loaded(where: str) -> tuple[ImageDataset, str] | None:
    try:
        data = cache.dataset(where)
    except (ValueError, OSError) as error:
        st.error(plain(error))
        return None
    class_picker.card(where)
    for note in data.notes:
        # Classes without images in a part change what can be learned or measured, and so does what is left out.
        if note.startswith("No ") or UNREADABLE in note:
            st.warning(plain(note))
    return data, where
