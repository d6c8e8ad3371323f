"""Which files the pages may read by their path: those inside a configured folder, and no others."""

from __future__ import annotations

from pathlib import Path

from simviz import words
from simviz.datasets.registry import roots
from simviz.matrices import ClassMatrix
from simviz.runs import Store
from simviz.settings import parse_setting


def places() -> str:
    """The folders in words, for a page."""
    return " or ".join(f"`{root}`" for root in roots())


def matrices() -> Path:
    """Where matrices uploaded on the similarity page are kept for the runs that use them."""
    return Store().root / ".matrices"


def kept(matrix: ClassMatrix, suffix: str = ".npz") -> Path:
    """Where a matrix lies among them, written once: the name is its content."""
    path = matrices() / f"{matrix.hash}{suffix}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        matrix.save(path)
    return path


def inside(text: str) -> str:
    """The path that was typed, whole or below one of the folders.

    Raises
    ------
    ValueError
        If it lies outside every configured folder (links followed), or does not exist.
    """
    allowed = [*roots(), matrices()]
    for candidate in [Path(text), *(root / text for root in roots())]:
        try:
            whole = candidate.expanduser()
            real = whole.resolve()
            if real.exists() and any(real.is_relative_to(root.resolve()) for root in allowed):
                return str(whole)
        except (OSError, ValueError, RuntimeError):  # too long, a zero in it, a loop of links, an unknown user's home
            continue
    shown = text if len(text) <= 200 else f"{text[:200]}..."
    where = ", ".join(str(root) for root in roots())
    raise ValueError(
        f"there is nothing at {shown!r} inside {where}; put it there, or set SIMVIZ_DATA to the folder that holds it"
    )


def checked_setting(text: str) -> str:
    """The setting in canonical form; a matrix or vector file it names must lie inside a configured folder."""
    setting = parse_setting(text)
    if setting.matrix is not None:
        vectors = setting.matrix.options.get("vectors")
        if setting.matrix.is_file:
            inside(setting.matrix.name)
        if vectors is not None and words.is_path(str(vectors)):
            inside(str(vectors))
    return str(setting)
