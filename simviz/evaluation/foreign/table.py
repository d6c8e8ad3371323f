"""Named arrays of a prediction file, before anything is known of their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_TEXT = 1_000


@dataclass(frozen=True)
class Source:
    """What a file holds, as named arrays, before anything is known of their meaning.

    Attributes
    ----------
    name : str
        The file's name.
    arrays : dict
        Name -> Arrow text column or NumPy array of numbers or texts, with one or two axes.
    named : bool
        Whether the file itself names them; otherwise they are called "column 1" and so on.
    text : bool
        Whether the file is a text whose cells a spreadsheet may have written.
    unread : dict
        Name -> shape of the arrays with more than two axes, which mean nothing here.
    """

    name: str
    arrays: Mapping[str, Any]
    named: bool = True
    text: bool = False
    unread: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name not in self.arrays:
            raise ValueError(f"{self.name} has no column {name[:60]!r}; it has {self.contents()}")
        return self.arrays[name]

    def contents(self) -> str:
        """What there is, in the words of a sentence."""
        return listed(self.arrays) + (f"; with {self.left_out()}" if self.unread else "")

    def left_out(self) -> str:
        """What is not read, and why."""
        shapes = [f"{name[:40]!r} of shape {shape}" for name, shape in [*self.unread.items()][:8]]
        return f"more than two axes, and so not read: {', '.join(shapes)}"

    def axes(self, name: str) -> int:
        """1 for a column, 2 for a block of several."""
        return getattr(self[name], "ndim", 1)

    def numeric(self, name: str) -> bool:
        """Whether an array holds numbers; a text column is judged by its first hundred cells."""
        array = self[name]
        if isinstance(array, np.ndarray):
            return array.dtype.kind in "fiub"
        cells = array.slice(0, 100).to_pylist()
        return bool(cells) and all(is_number(cell) for cell in cells)

    def numbers(self, name: str) -> NDArray[Any]:
        """An array of numbers, (N,) or (N, K); ValueError names the first cell that is none."""
        array = self[name]
        if not isinstance(array, np.ndarray):
            return self._parsed(name, array)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name!r} of {self.name} holds texts, and numbers are needed")
        return array

    def several(self, names: Sequence[str]) -> tuple[str | None, NDArray[Any]]:
        """Columns of numbers side by side, (N, K), or the one block of several; and the name of the block."""
        block = next((name for name in names if self.axes(name) == 2), None)
        if block is None:
            return None, np.column_stack([self.numbers(name) for name in names])
        if len(names) > 1:
            raise ValueError(f"{block!r} of {self.name} holds several values a row; choose it alone, or none like it")
        return block, self.numbers(block)  # of a large block no copy is made

    def texts(self, name: str) -> NDArray[np.str_]:
        """A column as texts without blanks around them, str (N,); whole numbers are written without a point."""
        codes, values = self.coded(name)
        return np.array(values, dtype=np.str_)[codes] if values else np.zeros(0, dtype=np.str_)

    def coded(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """A column as (code of each row, the text of each code), the texts distinct."""
        array = self[name]
        if self.axes(name) != 1:
            raise ValueError(f"{name!r} of {self.name} has the shape {array.shape}; one value a row is needed")
        if isinstance(array, np.ndarray):
            values, codes = np.unique(array, return_inverse=True)
            texts = [_written(value) for value in values.tolist()]
        else:
            import pyarrow.compute as pc

            found = pc.dictionary_encode(array.combine_chunks())
            codes = found.indices.to_numpy(zero_copy_only=False)
            texts = _whole([str(value).strip() for value in found.dictionary.to_pylist()])
        merged: dict[str, int] = {}
        where = np.array([merged.setdefault(text, len(merged)) for text in texts], dtype=np.int64)
        for text, code in merged.items():
            if not text or text.lower() == "nan" or len(text) > MAX_TEXT:
                row = int(np.argmax(where[codes] == code)) + 1
                fault = f"has {len(text)} characters" if len(text) > MAX_TEXT else "is empty"
                raise ValueError(f"row {row} of {name!r} in {self.name} {fault}")
        return where[codes] if len(texts) else np.zeros(0, np.int64), list(merged)

    def _parsed(self, name: str, column: Any) -> NDArray[np.float64]:
        import pyarrow as pa
        import pyarrow.compute as pc

        trimmed = pc.utf8_trim_whitespace(column)
        for attempt in (trimmed, pc.replace_substring(trimmed, ",", ".")):  # 0,5 where cells are parted by ";"
            try:
                return pc.cast(attempt, pa.float64()).to_numpy()
            except pa.ArrowInvalid:
                continue
        row = next(i for i, cell in enumerate(trimmed.to_pylist()) if not is_number(cell))
        raise ValueError(f"row {row + 1} of {name!r} in {self.name} is {column[row].as_py()[:40]!r}, not a number")


def listed(names: Iterable[str]) -> str:
    """Names in a sentence; of many, the first."""
    every = [repr(name[:40]) for name in names]
    return ", ".join(every[:8]) + (f" and {len(every) - 8} more" if len(every) > 8 else "")


def is_number(cell: str) -> bool:
    """Whether a cell can be read as a number, be its decimal sign a point or a comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return "_" not in cell


def _written(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _whole(texts: list[str]) -> list[str]:
    """Where every text is a whole number, those written 3.0 or 3e0 become 3; others are left as they are."""
    if not any("." in t or "e" in t.lower() for t in texts):
        return texts
    try:
        values = [float(t) for t in texts]
    except ValueError:
        return texts
    return [_written(v) for v in values] if all(v.is_integer() for v in values) else texts
