"""What the tests of the matrices draw from."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet

PRINTABLE = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="<>")
NAMES = st.lists(
    st.text(st.one_of(st.sampled_from("ab=+-@'\",; "), PRINTABLE), min_size=1, max_size=6).filter(str.strip),
    min_size=1,
    max_size=6,
    unique=True,
)
SEEDS = st.integers(0, 10_000)


def similarity(size: int, seed: int, symmetric: bool = False, share: float = 0.7) -> ClassMatrix:
    rng = np.random.default_rng(seed)
    values = rng.random((size, size)) * (rng.random((size, size)) < share)
    values = (values + values.T) / 2 if symmetric else values
    np.fill_diagonal(values, 1)
    return ClassMatrix([f"c{i}" for i in range(size)], values, recipe={"seed": seed})


def permuted(classes: ClassSet, seed: int) -> ClassSet:
    order = np.random.default_rng(seed).permutation(len(classes))
    return classes.subset([classes.names[i] for i in order])
