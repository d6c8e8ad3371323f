"""A folder of images: ``class/picture.png``, or ``train/class/...`` with ``val`` and ``test`` beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import UNDECIDED, Listing, natural

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_PARTS = {"train": TRAIN, "training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION}
_PARTS |= {"test": TEST, "testing": TEST}


def parts(path: Path) -> dict[Path, int]:
    """The folders whose subfolders are the classes, and the part each one is."""
    found = {p: _PARTS[p.name.lower()] for p in _subfolders(path) if p.name.lower() in _PARTS}
    if any(part == TRAIN and _subfolders(p) for p, part in found.items()):
        return found
    return {path: UNDECIDED}


def listing(path: Path) -> Listing:
    """List the pictures (PNG, JPEG, WebP, BMP) below each class folder, subfolders included.

    Raises
    ------
    ValueError
        If there is no class folder, or no picture in any of them.
    """
    roots = parts(path)
    names = natural({p.name for root in roots for p in _subfolders(root)})
    if not names:
        raise ValueError(f"{path} has no class folders; expected {path.name}/CLASS/picture.png")
    number = {n: i for i, n in enumerate(names)}
    found: list[tuple[Path, int, int]] = []
    for root, part in roots.items():
        for folder in _subfolders(root):
            found += [(p, number[folder.name], part) for p in _pictures(folder)]
    if not found:
        raise ValueError(f"{path} has the class folders {', '.join(names[:5])} but no PNG, JPEG, WebP or BMP in them")
    split = np.array([part for _, _, part in found], dtype=np.uint8)
    if not (split == TEST).any():
        split[split == TRAIN] = UNDECIDED
    ids = [p.relative_to(path).as_posix() for p, _, _ in found]
    labels = np.array([label for _, label, _ in found], dtype=np.int64)
    return Listing(ClassSet(names), labels, ids, split, lambda rows: images([found[i][0] for i in rows]))


def _subfolders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        Path(root) / name
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    )


def images(paths: list[Path]) -> Iterator[bytes | None]:
    """The bytes of each file, None for one that cannot be read."""
    for path in paths:
        try:
            yield path.read_bytes()
        except OSError:
            yield None
