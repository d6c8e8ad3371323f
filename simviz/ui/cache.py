"""Everything the app remembers between reruns. Shared by all sessions, so nothing here is ever changed."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from simviz import datasets, matrices, words
from simviz.classes import ClassSet
from simviz.datasets import ImageDataset
from simviz.matrices import ClassMatrix, anatomy, files

BY_CONTENT: dict[Any, Any] = {ClassSet: lambda c: c.fingerprint, ClassMatrix: lambda m: m.hash}
PICTURES = 8


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_CONTENT)
def matrix(part: str, classes: ClassSet) -> ClassMatrix:
    """`matrices.build`; the part comes from widgets and is never a path."""
    return matrices.build(part, classes)


@st.cache_resource(max_entries=4, show_spinner="Reading the matrix")
def uploaded(data: bytes, suffix: str) -> ClassMatrix:
    return files.loads(data, suffix)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def resolved(classes: ClassSet) -> list[words.Resolution]:
    return words.resolve(classes)


@st.cache_data(max_entries=256, show_spinner=False)
def neighbours(word: str, count: int = 10) -> list[tuple[str, float]]:
    return words.load().neighbours(word, count)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def measured(matrix: ClassMatrix) -> anatomy.Anatomy:
    return anatomy.measure(matrix)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def leaves(matrix: ClassMatrix) -> list[int]:
    return anatomy.leaf_order(matrix)


@st.cache_resource(max_entries=2, show_spinner="Preparing the data set; the first time takes a while")
def dataset(name: str) -> ImageDataset:
    return datasets.load(name)


@st.cache_data(max_entries=4, show_spinner="Collecting pictures")
def card(name: str, fingerprint: str) -> pd.DataFrame:
    """A row a class: pictures, group, position, images per part. `fingerprint` is the data set's, for the key."""
    data = dataset(name)
    about: dict[str, Any] = datasets.card(data)
    table = pd.DataFrame({"class": list(data.classes)})
    table["pictures"] = [_strip(data.images[rows]) for rows in about["examples"]]
    if data.classes.groups is not None:
        table["group"] = [" / ".join(path) for path in data.classes.groups]
    if data.classes.positions is not None:
        table["position"] = data.classes.positions
    for column, part in enumerate(("train", "validation", "test")):
        table[part] = about["counts"][:, column]
    return table


def _strip(images: np.ndarray) -> str:
    """Up to eight pictures side by side, 48 pixels high, as a data URI."""
    from PIL import Image

    strip = Image.new("RGB", (PICTURES * 50, 48), "white")
    for place, pixels in enumerate(images[:PICTURES]):
        strip.paste(Image.fromarray(np.asarray(pixels)).resize((48, 48), Image.Resampling.LANCZOS), (place * 50, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
