"""Corrections of a guess as short texts: what a command line can say, and what a run remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from simviz.evaluation.foreign.guess import LAYOUTS, SCALES, Guess
from simviz.evaluation.foreign.table import Source

_CHOICES: dict[str, tuple[str, ...]] = {"layout": LAYOUTS, "scale": SCALES, "rows": ("true", "predicted")}
_COLUMNS = ("true", "predicted", "ids", "units", "images", "names", "matrix")
_SEVERAL = ("scores", "features")
NAMES = (*_COLUMNS, *_SEVERAL, *_CHOICES)


def corrected(source: Source, guessed: Guess, said: Mapping[str, str]) -> Guess:
    """The guess with some of its fields replaced.

    Parameters
    ----------
    said : mapping
        Field of `Guess` -> a column's name, or nothing for no column; for `scores` and `features` several names parted
        by commas, or a pattern such as ``p_*``; for `layout`, `scale` and `rows` one of their values.

    Raises
    ------
    ValueError
        For an unknown field, column or value, in a sentence that lists what there is.
    """
    changes: dict[str, Any] = {}
    for name, value in said.items():
        if name not in NAMES:
            raise ValueError(f"there is no meaning {name!r} of a column; there are {', '.join(NAMES)}")
        if name in _CHOICES:
            if value not in _CHOICES[name]:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(_CHOICES[name])}")
            changes[name] = value
        elif name in _SEVERAL:
            changes[name] = _several(source, value)
        else:
            changes[name] = _one(source, value) if value else None
    return replace(guessed, **changes)


def spoken(guessed: Guess, meaning: Guess) -> dict[str, str]:
    """What `corrected` must be told to make `meaning` of `guessed`; empty where they are the same."""
    said = {}
    for name in NAMES:
        value = getattr(meaning, name)
        if value != getattr(guessed, name):
            said[name] = (",".join(value) if name in _SEVERAL else value) or ""
    return said


def _one(source: Source, column: str) -> str:
    source[column]  # or a sentence that lists what there is
    return column


def _several(source: Source, text: str) -> tuple[str, ...]:
    """Columns by name or pattern, in the order of the file for a pattern."""
    if text in source.arrays:
        return (text,)
    if not text:
        return ()
    found = []
    for part in text.split(","):
        like = [n for n in source.arrays if fnmatchcase(n, part)] if part not in source.arrays else [part]
        found += like or [_one(source, part)]
    return tuple(dict.fromkeys(found))
