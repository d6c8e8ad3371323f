"""Which class a label of a prediction file means: by name, by what a class table calls it, or by its number."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation.foreign.files import MAX_CLASSES
from simviz.evaluation.foreign.table import Source
from simviz.matrices.files import check_name, is_formula, unescaped


class Labels:
    """The classes, and how a file may call them.

    Parameters
    ----------
    classes : ClassSet
    aliases : label -> class name, of a class table
    """

    def __init__(self, classes: ClassSet, aliases: Mapping[str, str] | None = None) -> None:
        self.classes = classes
        index = {name: i for i, name in enumerate(classes.names)}
        self.exact = {**index, **{label: index[name] for label, name in (aliases or {}).items()}}
        loose: dict[str, int | None] = {}
        for text, i in self.exact.items():
            key = alike(text)
            loose[key] = i if loose.get(key, i) == i else None  # "a b" and "a_b" side by side: neither is meant
        self.loose = loose

    def codes(self, texts: Sequence[str], where: str) -> NDArray[np.int64]:
        """The class of each distinct text, int64; ValueError names the first that is none.

        A text is looked for as it stands, then without regard to case, blanks and underscores. Where some are
        not found and all are whole numbers, they count the classes from 0.
        """
        found = [self._one(text) for text in texts]
        if None not in found:
            return np.array(found, dtype=np.int64)
        if all(re.fullmatch(r"\d{1,6}", text) for text in texts):
            beyond = [int(text) for text in texts if int(text) >= len(self.classes)]
            if not beyond:
                return np.array([int(text) for text in texts], dtype=np.int64)
            raise ValueError(
                f"{where} has the label {beyond[0]}, but there are {len(self.classes)} classes, counted from 0"
            )
        bad = texts[found.index(None)]
        near = difflib.get_close_matches(bad, self.exact, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else f"; the first classes are {self._start()}"
        raise ValueError(f"{where} has the label {bad[:60]!r}, which is none of the {len(self.classes)} classes{hint}")

    def _one(self, text: str) -> int | None:
        return self.exact.get(text, self.loose.get(alike(text)))

    def _start(self) -> str:
        return ", ".join(self.classes.names[:4])


def coded(source: Source, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A column of labels as (code of each row, text of each code); a one-hot block and a column (N, 1) count as one.

    ValueError for a column with more than 5,000 different labels, or a label that is no class name.
    """
    array = source[name]
    if source.axes(name) == 2:
        return _one_hot(source, name)
    codes, texts = source.coded(name)
    if len(texts) > MAX_CLASSES:
        raise ValueError(
            f"{name!r} of {source.name} has {len(texts):,} different labels in {len(array):,} rows; at most "
            f"{MAX_CLASSES:,} classes are read. Is it the column of the classes?"
        )
    if source.numeric(name) and any(not re.fullmatch(r"-?\d+", t) and t not in ("True", "False") for t in texts):
        odd = next(t for t in texts if not re.fullmatch(r"-?\d+", t))
        raise ValueError(f"{name!r} of {source.name} holds {odd}, which is no class; scores have a place of their own")
    return codes, class_names(texts, source.text)


def class_names(texts: Sequence[str], cells: bool) -> list[str]:
    """The texts as class names: no markup, nothing invisible, and where they are whole cells no formula."""
    names = [unescaped(text) if cells else text for text in texts]
    for name in names:
        check_name(name)
    return names


def plain_texts(source: Source, name: str) -> NDArray[np.str_]:
    """A column that names no classes; the apostrophe that keeps a spreadsheet from running a cell is taken off."""
    texts = source.texts(name)
    if not source.text:
        return texts
    cells = [t[1:] if t.startswith("'") and is_formula(t.lstrip("'")) else t for t in texts.tolist()]
    return np.array(cells, dtype=np.str_)


def _one_hot(source: Source, name: str) -> tuple[NDArray[np.int64], list[str]]:
    block = source.numbers(name)
    if block.shape[1] == 1:
        flat = Source(source.name, {name: block[:, 0]})
        return coded(flat, name)
    if block.shape[1] > MAX_CLASSES or not (((block == 0) | (block == 1)).all() and (block.sum(axis=1) == 1).all()):
        raise ValueError(
            f"{name!r} of {source.name} has the shape {block.shape} and is not one-hot; one class a row is needed"
        )
    return block.argmax(axis=1).astype(np.int64), [str(i) for i in range(block.shape[1])]


def alike(text: str) -> str:
    """A label without regard to case, blanks and underscores."""
    return re.sub(r"[\s_\-]+", " ", text).strip().casefold()
