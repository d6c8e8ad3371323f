"""load and available: every data set by its name or path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from simviz.datasets.cache import cached
from simviz.datasets.core import ImageDataset

_AVAILABLE = {
    "pictograms": "64 everyday things in 8 groups as icons; tested on designers not seen in training (drawn)",
}


def available() -> dict[str, str]:
    """The names that `load` knows, each with a line that says what it is."""
    return dict(_AVAILABLE)


def load(
    name_or_path: str | os.PathLike[str],
    *,
    test: str | os.PathLike[str] | None = None,
    drop: Sequence[str] = (),
    size: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> ImageDataset:
    name = os.fspath(name_or_path)
    if name == "pictograms":
        from simviz.datasets import pictograms

        size = size or pictograms.SIZE
        return cached({"name": name, "version": pictograms.VERSION, "size": size}, lambda: pictograms.draw(size), cache)
    raise ValueError(f"there is no data set {name!r}")
