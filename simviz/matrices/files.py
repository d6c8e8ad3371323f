"""Matrices in files: CSV and TSV with class names on both axes, and npz.

A file may come from anyone, so nothing is unpickled, sizes are checked before anything is allocated, and what
is wrong is said in a sentence. The bounds are those of a table someone can look at, not of what memory can hold.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.atomic import replacing
from simviz.classes import quoted
from simviz.matrices.core import KINDS, ROUNDING, ClassMatrix
from simviz.npz import BROKEN_ZIP, first_line, npy_header, read_npy
from simviz.settings import MATRIX_FILES

MAX_FILE_CLASSES = 5_000
MAX_FILE_BYTES = 400_000_000  # 5,000 x 5,000 entries of 16 characters
MAX_NAME = 500
_MAX_MEMBERS = 16
_MAX_RECIPE = 32_000_000
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_MARKUP = re.compile(r"<\s*[/!?]?\s*[A-Za-z][^<>]*>")


def write(matrix: ClassMatrix, path: str | Path) -> None:
    """Write `path` (.csv, .tsv or .npz); it appears complete or not at all. ValueError as in `dumps`."""
    path = Path(path)
    data = dumps(matrix, path.suffix)
    with replacing(path) as partial:
        partial.write_bytes(data)


def read(path: str | Path) -> ClassMatrix:
    """Read a .csv, .tsv or .npz file. ValueError if there is no such file, and as in `loads`."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no matrix file {str(path)!r}")
    _check_size(path.stat().st_size)
    return loads(path.read_bytes(), path.suffix)


def dumps(matrix: ClassMatrix, suffix: str) -> bytes:
    """The bytes of a matrix file.

    A text file has the kind in its corner cell and does not keep the recipe; an npz has the members names,
    values, kind and recipe (JSON). In text a name that a spreadsheet would run as a formula gets an
    apostrophe in front, which `loads` takes off.

    Parameters
    ----------
    suffix : ".csv", ".tsv" or ".npz"

    Raises
    ------
    ValueError
        For another suffix, or a class name that `loads` would refuse.
    """
    suffix = _known(suffix)
    for name in matrix.names:
        check_name(name)
    if suffix == ".npz":
        return _npz_bytes(matrix)
    delimiter = "\t" if suffix == ".tsv" else ","
    cells = ['"' + escaped(name).replace('"', '""') + '"' for name in matrix.names]
    lines = [delimiter.join([f'"{matrix.kind}"', *cells])]
    lines += [delimiter.join([cell, *map(str, row)]) for cell, row in zip(cells, matrix.values, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def loads(data: bytes, suffix: str) -> ClassMatrix:
    """Read the bytes of a matrix file.

    Text: the first row holds the class names behind a corner cell, every other row a name and its values.
    Row and column names are matched by name. The kind is the corner cell's (or npz member's); where it says
    neither "similarity" nor "distance" it is inferred from the diagonal, all 1 or all 0.

    Parameters
    ----------
    data : bytes, at most 400 MB and 5,000 classes
    suffix : ".csv", ".tsv" or ".npz"

    Raises
    ------
    ValueError
        Naming what is wrong with the file: size, encoding, a row, a name, an entry, a member.
    """
    suffix = _known(suffix)
    _check_size(len(data))
    if suffix == ".npz":
        names, values, kind, recipe = _from_npz(data)
    else:
        names, values, kind = _from_text(data, suffix)
        recipe = {"matrix": "file"}
    for name in names:
        check_name(name)
    return ClassMatrix(names, values, kind if kind in KINDS else _inferred_kind(values), recipe=recipe)


def _known(suffix: str) -> str:
    if suffix.lower() not in MATRIX_FILES:
        raise ValueError(f"{suffix!r} is not the ending of a matrix file; use {', '.join(MATRIX_FILES)}")
    return suffix.lower()


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise ValueError(f"the matrix file has {size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB are read")


def _check_count(count: int) -> None:
    if count > MAX_FILE_CLASSES:
        raise ValueError(f"the matrix file has {count} classes; at most {MAX_FILE_CLASSES} are read")


def check_name(name: str) -> None:
    """ValueError for a class name that is too long to show, has markup in it or characters that cannot be seen."""
    if len(name) > MAX_NAME:
        raise ValueError(f"the class name {quoted(name)} has {len(name)} characters; at most {MAX_NAME} are allowed")
    if not name.isprintable():
        raise ValueError(f"the class name {quoted(name)} has characters that cannot be seen; take them out")
    if _MARKUP.search(name):
        raise ValueError(f"the class name {quoted(name)} has markup in it; write it without the <...>")


def is_formula(name: str) -> bool:
    """Whether a spreadsheet would take the name for a formula; a plain number such as -1 is none."""
    return name.startswith(_FORMULA) and not re.fullmatch(r"[+-]?\d+(\.\d+)?", name)


def escaped(name: str) -> str:
    """The name as a cell: an apostrophe in front of what a spreadsheet would run as a formula."""
    return "'" + name if is_formula(name.lstrip("'")) else name


def unescaped(cell: str) -> str:
    """The name that `escaped` made a cell of; ValueError for a cell that a spreadsheet would run."""
    if is_formula(cell):
        raise ValueError(
            f"the class name {quoted(cell)} begins like a spreadsheet formula; if it is a name, "
            "write an apostrophe in front of it, otherwise put its value there"
        )
    return cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell


def _inferred_kind(values: NDArray[Any]) -> str:
    diagonal = np.diagonal(values)
    for kind, value in zip(KINDS, (1, 0), strict=True):
        if np.all(np.abs(diagonal - value) <= ROUNDING):
            return kind
    raise ValueError(
        f"the file does not say whether it holds a similarity or a distance, and its diagonal (first {diagonal[0]:g}) "
        "is neither all 1 nor all 0; write the kind into the corner cell"
    )


def _from_text(data: bytes, suffix: str) -> tuple[list[str], NDArray[np.float64], str]:
    rows = _rows(data, _delimiter(data, suffix))
    corner, *header = next(rows, [""])
    if not header:
        raise ValueError("the matrix file has no class names in its first row; it needs a corner cell and the names")
    _check_count(len(header))
    names = [unescaped(cell) for cell in header]
    at = {name: i for i, name in enumerate(names)}
    if len(at) < len(names):
        twice = next(name for i, name in enumerate(names) if at[name] != i)
        raise ValueError(f"the class name {quoted(twice)} stands twice in the first row; names must differ")
    values = np.full((len(names), len(names)), np.nan)
    seen: set[str] = set()
    for cell, *entries in rows:
        name = unescaped(cell)
        if name not in at or name in seen:
            fault = "stands at two rows" if name in seen else "stands at a row but not in the first row"
            raise ValueError(f"the class name {quoted(name)} {fault}; rows and columns need the same names")
        if len(entries) != len(names):
            raise ValueError(f"the row of {quoted(name)} has {len(entries)} values for {len(names)} classes")
        values[at[name]] = [_number(entry, name, column) for entry, column in zip(entries, names, strict=True)]
        seen.add(name)
    if len(seen) < len(names):
        absent = next(name for name in names if name not in seen)
        raise ValueError(f"there is no row for {quoted(absent)} ({len(seen)} rows for {len(names)} columns)")
    return names, values, corner.strip().lower()


def _delimiter(data: bytes, suffix: str) -> str:
    if suffix == ".tsv":
        return "\t"
    first = data.partition(b"\n")[0]
    return ";" if b"," not in first and b";" in first else ","  # what spreadsheets write in half of Europe


def _rows(data: bytes, delimiter: str) -> Iterator[list[str]]:
    """Non-empty rows, decoded as they are needed; a spreadsheet's rows below the table have only empty cells."""
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield row
    except UnicodeDecodeError:
        raise ValueError("the matrix file is not UTF-8 text; save it as CSV with the encoding UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of the matrix file cannot be read: {error}") from None


def _number(entry: str, row: str, column: str) -> float:
    try:
        value = float(entry)
    except ValueError:
        value = np.nan
    if not np.isfinite(value) or "_" in entry:
        shown = entry if len(entry) <= 40 else entry[:40] + "..."
        raise ValueError(
            f"the entry of ({quoted(row)}, {quoted(column)}) is {shown!r}; every entry must be a finite number"
        )
    return value


def _npz_bytes(matrix: ClassMatrix) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array(matrix.names),
        values=matrix.values,
        kind=np.array(matrix.kind),
        recipe=np.array(json.dumps(matrix.recipe)),
    )
    return buffer.getvalue()


def _from_npz(data: bytes) -> tuple[list[str], NDArray[Any], str, dict[str, Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > _MAX_MEMBERS:
                raise ValueError(f"the npz file has {len(archive.infolist())} members; at most {_MAX_MEMBERS} are read")
            values = _member(archive, "values", "fiub", 2, 8 * MAX_FILE_CLASSES**2)
            names = _member(archive, "names", "U", 1, 4 * MAX_NAME * MAX_FILE_CLASSES)
            kind = _member(archive, "kind", "U", 0, 4 * MAX_NAME)
            recipe = _member(archive, "recipe", "U", 0, _MAX_RECIPE)
    except BROKEN_ZIP as error:
        raise ValueError(f"the npz file cannot be read: {first_line(error)}") from None
    if values is None or names is None:
        absent = "values" if values is None else "names"
        raise ValueError(f"the npz file has no member {absent!r}; it needs names (C texts) and values (C x C numbers)")
    _check_count(len(names))
    try:
        cooked = json.loads(str(recipe)) if recipe is not None else {"matrix": "file"}
    except (ValueError, RecursionError):
        raise ValueError("the member 'recipe' of the npz file is not JSON") from None
    if not isinstance(cooked, dict):
        raise ValueError("the member 'recipe' of the npz file is not a JSON object")
    return names.tolist(), values, "" if kind is None else str(kind).strip().lower(), cooked


def _member(archive: zipfile.ZipFile, name: str, kinds: str, ndim: int, limit: int) -> NDArray[Any] | None:
    """One array, its header checked before its data is read."""
    if f"{name}.npy" not in archive.namelist():
        return None
    with archive.open(f"{name}.npy") as stream:
        shape, dtype = npy_header(stream, name)
        if dtype.hasobject:
            raise ValueError(f"the member {name!r} of the npz file holds Python objects, which are never read")
        if dtype.kind not in kinds or len(shape) != ndim:
            what = {"values": "a C x C table of numbers", "names": "a row of C texts"}.get(name, "one text")
            raise ValueError(f"the member {name!r} of the npz file is {dtype} of shape {shape}; it must be {what}")
        size = dtype.itemsize
        for length in shape:  # Python's whole numbers: a hostile shape cannot overflow
            size *= length
        _check_count(max(shape, default=0))
        if size > limit or min(shape, default=0) < 0:
            raise ValueError(f"the member {name!r} of the npz file would take {size / 1e6:.0f} MB; that is too much")
    with archive.open(f"{name}.npy") as stream:
        return read_npy(stream, f"the member {name!r} of the npz file")
