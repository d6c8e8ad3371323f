"""What the section for predictions made elsewhere remembers between reruns; see `cache`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from simviz.classes import ClassSet
from simviz.datasets import class_table as tables
from simviz.evaluation import foreign
from simviz.evaluation.foreign import Foreign, Guess, Source
from simviz.ui.cache import BY_CONTENT, Stamp

Given = bytes | Stamp  # what was uploaded, or the stamp of a file that lies here


@st.cache_resource(max_entries=8, show_spinner="Reading the file")
def source(given: Given, name: str) -> Source:
    return foreign.source(given if isinstance(given, bytes) else Path(given[0]), name)


@st.cache_resource(max_entries=8, show_spinner="Reading the predictions", hash_funcs={**BY_CONTENT, Guess: repr})
def read(
    given: Given, name: str, meaning: Guess, classes: ClassSet | None, aliases: Mapping[str, str] | None
) -> Foreign:
    return foreign.read(source(given, name), meaning, classes=classes, aliases=aliases)


@st.cache_resource(max_entries=4, show_spinner=False)
def class_table(data: bytes, name: str) -> tuple[ClassSet, dict[str, str]]:
    return tables.read(data, name)
