"""A class table: what is known of the classes, as a CSV file beside the images.

``classes.csv`` in an image or Parquet folder, or ``NAME.classes.csv`` beside a single file
``NAME.parquet``::

    name,label,position,group,group 2,word
    tench,n01440764,,animal,fish,
    goldfish,n01443537,,animal,fish,

Columns, in any order: ``name``, what the class is called; ``label``, what the data call it (a folder,
a label of the Parquet file), the name itself where the column is missing or empty; ``position`` on a
scale, for all classes or none; ``group``, or several columns that begin with "group", from coarse to
fine; ``word``, looked up in word vectors. The classes stand in the order of the table. What the source
itself knew of groups and words is replaced.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simviz.classes import MAX_CLASSES, ClassSet, quoted
from simviz.datasets.listing import Listing

MAX_BYTES = 20_000_000
_COLUMNS = ("name", "label", "position", "word")


def find(path: Path) -> Path | None:
    """The class table that belongs to a data set's folder or file; None if there is none."""
    table = path / "classes.csv" if path.is_dir() else path.with_suffix(".classes.csv")
    return table if table.is_file() else None


def apply(table: Path, listing: Listing) -> Listing:
    """The listing with the names, order, positions, groups and words of the table.

    A row without images is left out and noted; a class of the data must have a row.

    Raises
    ------
    ValueError
        If the table cannot be read, a class has no row (with the nearest rows), a label stands twice,
        or names, positions or groups are not what `ClassSet` accepts.
    """
    rows, at = _rows(table, str(table))
    missing = [n for n in listing.classes if n not in at]
    if missing:
        near = difflib.get_close_matches(missing[0], at, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ValueError(
            f"{table} has no row for the class {quoted(missing[0])} ({len(missing)} of {len(listing.classes)} missing)"
            + hint
        )
    used = sorted(at[n] for n in listing.classes)
    try:
        classes = _classes([rows[i] for i in used])
    except ValueError as error:
        raise ValueError(f"{table}: {error}") from None
    number = {row: i for i, row in enumerate(used)}
    renumbered = np.array([number[at[n]] for n in listing.classes], dtype=np.int64)
    notes = list(listing.notes)
    if spare := [r["name"] for i, r in enumerate(rows) if i not in number]:
        shown = ", ".join(spare[:5]) + (", ..." if len(spare) > 5 else "")
        notes.append(f"{len(spare)} classes of the table {table.name} have no images here and are left out: {shown}.")
    return replace(listing, classes=classes, labels=renumbered[listing.labels], notes=notes)


def read(table: Path | bytes, shown: str) -> tuple[ClassSet, dict[str, str]]:
    """The classes of a table in its order, and what the data call them: label -> name.

    ValueError, which calls the table `shown`, as in `apply`.
    """
    rows, at = _rows(table, shown)
    if not rows:
        raise ValueError(f"{shown} names no classes below its first line")
    try:
        return _classes(rows), {label: rows[i]["name"] for label, i in at.items()}
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None


def written(classes: ClassSet) -> str:
    """The table of which `read` makes these classes.

    ValueError for what it cannot say: that a scale closes on itself, and a line break inside a name or group.

    >>> print(written(ClassSet(["cat", "car"], groups=["animal", "vehicle"], words={"car": "truck"})), end="")
    name,group,word
    cat,animal,cat
    car,vehicle,truck
    """
    if classes.circular:
        raise ValueError(f"a class table has no column for the period of a scale, {classes.period:g}")
    columns: dict[str, Sequence[object]] = {"name": classes.names}
    if classes.positions is not None:
        columns["position"] = classes.positions
    depth = len(classes.groups[0]) if classes.groups is not None else 0
    for level in range(depth):
        columns["group" if depth == 1 else f"group {level + 1}"] = [path[level] for path in classes.groups or ()]
    if classes.words != classes.names:
        columns["word"] = classes.words
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    if len(buffer.getvalue().splitlines()) > 1 + len(classes):
        raise ValueError("a class table cannot hold a name, group or word with a line break in it")
    return buffer.getvalue()


def _rows(table: Path | bytes, shown: str) -> tuple[list[dict[str, str]], dict[str, int]]:
    """The rows, column -> text without blanks around it, and the row of each label.

    Unknown columns, crooked rows and labels that stand twice are refused.
    """
    size = table.stat().st_size if isinstance(table, Path) else len(table)
    if size > MAX_BYTES:
        raise ValueError(f"{shown} has {size} bytes; a class table has at most {MAX_BYTES}")
    data = table.read_bytes() if isinstance(table, Path) else table
    try:
        lines = list(csv.reader(data.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{shown} is no CSV in UTF-8: {error}") from None
    lines = [[cell.strip() for cell in line] for line in lines if any(cell.strip() for cell in line)]
    header = [cell.lower() for cell in lines[0]] if lines else []
    unknown = [c for c in header if c not in _COLUMNS and not c.startswith("group")]
    if "name" not in header or unknown or len(set(header)) < len(header):
        raise ValueError(
            f"{shown} begins with {','.join(header)[:100] or 'nothing'}; its first line names the columns: name, and "
            "any of label, position, word, group (or group 1, group 2, ... from coarse to fine), each once"
        )
    if len(lines) - 1 > MAX_CLASSES:
        raise ValueError(f"{shown} has {len(lines) - 1} rows; at most {MAX_CLASSES} classes are supported")
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(header):
            raise ValueError(f"row {number} of {shown} has {len(line)} entries for {len(header)} columns")
    rows = [{"label": "", **dict(zip(header, line, strict=True))} for line in lines[1:]]
    at: dict[str, int] = {}
    for i, row in enumerate(rows):
        label = row["label"] or row["name"]
        if label in at:
            raise ValueError(f"{shown} has two rows for {quoted(label)}; a class needs one")
        at[label] = i
    return rows, at


def _classes(rows: list[dict[str, str]]) -> ClassSet:
    """The ClassSet of rows; it refuses double names, positions that are no numbers and blank groups."""
    names = [row["name"] for row in rows]
    levels = [c for c in rows[0] if c.startswith("group")]
    positions = [row.get("position", "") for row in rows]
    return ClassSet(
        names,
        positions=positions if any(positions) else None,  # type: ignore[arg-type]
        groups=[tuple(row[c] for c in levels) for row in rows] if levels else None,
        words=[row.get("word") or row["name"] for row in rows],
    )
