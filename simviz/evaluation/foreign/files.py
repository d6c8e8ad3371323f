"""Prediction files of anyone, as named arrays: CSV, TSV, Parquet, npz, npy.

Nothing is unpickled and no formula is run. Every size is read from a header and bounded before the data are.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from simviz.evaluation.foreign.table import MAX_TEXT, Source, is_number
from simviz.npz import BROKEN_ZIP, first_line, npy_header, read_npy

FORMATS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".npz", ".npy")
MAX_BYTES = 2 * 2**30
MAX_UNPACKED = 2**29  # bytes of text in a .gz, which a few kilobytes can hold
MAX_VALUES = 2**27  # numbers of one array: a gibibyte in float64
MAX_ROWS = 10_000_000
MAX_CLASSES = 5_000
_MAX_COLUMNS = MAX_CLASSES + 100
_MAX_MEMBERS = 64
_BLOCK = 8 * 2**20
_MEMBER = re.compile(r"[^/\\\x00-\x1f]{1,200}\.npy")


def source(data: bytes | Path, name: str | None = None) -> Source:
    """Read a prediction file.

    Parameters
    ----------
    data : bytes or Path
        At most 2 GiB (512 MiB of text in a .gz), 10 million rows, 134 million numbers an array.
    name : str, optional
        The file's name, whose ending tells the format; the path's own where it is not given.

    Raises
    ------
    ValueError
        In one sentence, for a file that is missing, too large, damaged, or no table of texts and numbers.
    """
    shown = name or (data.name if isinstance(data, Path) else "the file")
    suffix = next((ending for ending in FORMATS if shown.lower().endswith(ending)), None)
    if suffix is None:
        raise ValueError(f"{shown} is no prediction file; its name must end in one of {', '.join(FORMATS)}")
    if isinstance(data, Path) and not data.is_file():
        raise ValueError(f"there is no file {str(data)!r}")
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if not 0 < size <= MAX_BYTES:
        fault = f"has {size / 1e9:.1f} GB; at most 2 GiB are read" if size else "is empty"
        raise ValueError(f"{shown} {fault}")
    try:
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as stream:
            found = _READERS[suffix](stream, shown)
    except UnicodeDecodeError:
        raise ValueError(f"{shown} holds text that is not UTF-8") from None
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise ValueError(f"{shown} cannot be read: {first_line(error)}") from None
    if not found.arrays:
        raise ValueError(f"{shown} holds no table" + (f"; with {found.left_out()}" if found.unread else ""))
    return found


def check_rows(count: int, shown: str) -> None:
    if count > MAX_ROWS:
        raise ValueError(f"{shown} has {count:,} rows; at most {MAX_ROWS:,} are read")


class _Unpacked(gzip.GzipFile):
    """The text in a .gz; ValueError as soon as it is larger than is read."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > MAX_UNPACKED:
            fault = f"unpacks to more than {MAX_UNPACKED >> 20} MiB; unpack it and give its path"
            raise ValueError(f"{self.name} {fault}")
        return data


def _packed_text(stream: IO[bytes], shown: str) -> Source:
    with _Unpacked(shown, fileobj=stream) as text:
        return _text(text, shown)


def _text(stream: IO[bytes] | gzip.GzipFile, shown: str) -> Source:
    """A table of texts; Arrow keeps it in about the memory of the file."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    delimiter, first = _first_row(stream, shown)
    if len(first) > _MAX_COLUMNS:
        raise ValueError(f"{shown} has {len(first)} columns; at most {_MAX_COLUMNS} are read")
    stream.seek(0)
    keys = [str(i) for i in range(len(first))]
    try:
        table = arrow.read_csv(
            stream,
            arrow.ReadOptions(column_names=keys, block_size=_BLOCK, use_threads=False),
            arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow.ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise ValueError(f"{shown} is not UTF-8 text; save it as CSV with the encoding UTF-8") from None
        raise ValueError(f"{shown} cannot be read as a table: {first_line(error)}") from None
    check_rows(table.num_rows, shown)
    square = len(first) == table.num_rows - 1 > 2  # below the indices of its classes
    headed = (square and first == [str(i) for i in range(len(first))]) or not all(is_number(cell) for cell in first)
    names = _distinct(first, shown) if headed else [f"column {i + 1}" for i in range(len(first))]
    body = table.slice(1) if headed else table
    if not body.num_rows:
        raise ValueError(f"{shown} has a first line and no rows below it")
    return Source(shown, dict(zip(names, body.columns, strict=True)), named=headed, text=True)


def _first_row(stream: IO[bytes] | gzip.GzipFile, shown: str) -> tuple[str, list[str]]:
    """What parts the cells, and the first row that is not empty."""
    head = stream.read(_BLOCK)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:_BLOCK]:
        raise ValueError(f"{shown} is not UTF-8 text; save it as CSV with the encoding UTF-8")
    lines = io.StringIO(head.decode("utf-8-sig", errors="replace"), newline="")
    line = next((one for one in head.lstrip(b"\xef\xbb\xbf\r\n \t").splitlines() if one.strip()), b"")
    by_ending = b"\t" if shown.lower().endswith((".tsv", ".tsv.gz")) else b","
    spaced = all(is_number(cell) for cell in line.decode(errors="replace").split(" "))  # what numpy.savetxt writes
    known = (by_ending, b",", b";", b"\t", *([b" "] if spaced else []))
    delimiter = next((d for d in known if d in line.strip()), by_ending).decode()
    try:
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        first = next((row for row in rows if row), [])
    except csv.Error as error:
        raise ValueError(f"{shown} cannot be read as a table: {error}") from None
    if not first:
        raise ValueError(f"{shown} has no rows")
    return delimiter, first


def _distinct(cells: list[str], shown: str) -> list[str]:
    """Column names; a cell without a name gets its number."""
    names = [cell.strip()[:MAX_TEXT] or f"column {i + 1}" for i, cell in enumerate(cells)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{shown} has two columns {name[:60]!r}; column names must differ")
        seen.add(name)
    return names


def _parquet(stream: IO[bytes], shown: str) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream)
        about, schema = file.metadata, file.schema_arrow
        check_rows(about.num_rows, shown)
        if about.num_columns > _MAX_COLUMNS:
            raise ValueError(f"{shown} has {about.num_columns} columns; at most {_MAX_COLUMNS} are read")
        size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if size > MAX_BYTES:
            raise ValueError(f"{shown} would take {size / 1e9:.1f} GB; at most 2 GiB are read")
        names = _distinct(schema.names, shown)
        readable = [f.name for f in schema if _readable(f.type)]
        texts = [f.name for f in schema if _is_text(getattr(f.type, "value_type", f.type)) and f.name in readable]
        table = _bounded(pq.ParquetFile(stream, read_dictionary=texts), readable, shown)
        columns = {n: _column(table[n], n, shown) for n in names if n in readable}
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"{shown} cannot be read as Parquet: {first_line(error)}") from None
    if columns and not table.num_rows:
        raise ValueError(f"{shown} has no rows")
    return Source(shown, columns)


def _bounded(file: Any, columns: list[str], shown: str) -> Any:
    """The columns as a table; texts stay in dictionaries, so that one that is repeated takes no room."""
    import pyarrow as pa

    batches, taken = [], 0
    for batch in file.iter_batches(batch_size=8192, columns=columns):
        batches.append(batch)
        taken += batch.nbytes
        if taken > MAX_BYTES:
            raise ValueError(f"{shown} grows beyond 2 GiB when it is read")
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else file.schema_arrow)


def _readable(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
    simple = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean, _is_text)
    return any(test(kind) for test in simple)


def _column(column: Any, name: str, shown: str) -> Any:
    """A Parquet column as text, numbers, or a block where each row is a list."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        if _is_text(kind) and sum(map(_text_bytes, column.chunks)) > MAX_BYTES:
            raise ValueError(f"{name!r} in {shown} holds more than 2 GiB of text")
        column = pa.chunked_array([c.dictionary_decode() for c in column.chunks], kind)
    if column.null_count:
        row = next(i for i, valid in enumerate(column.is_valid().to_pylist()) if not valid)
        raise ValueError(f"row {row + 1} of {name!r} in {shown} is empty")
    if _is_text(kind):
        column.validate(full=True)  # or what is no UTF-8 would be found much later
        return column.cast(pa.large_string())
    if not pa.types.is_nested(kind):
        return column.to_numpy()
    whole = column.combine_chunks()
    flat = whole.flatten()
    lengths = np.asarray(whole.value_lengths())
    if flat.null_count or len(np.unique(lengths)) != 1:
        raise ValueError(f"the rows of {name!r} in {shown} are lists of different lengths, or with empty places")
    return flat.to_numpy(zero_copy_only=False).reshape(len(whole), -1)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _text_bytes(chunk: Any) -> int:
    """What the texts of a dictionary array take when each stands for itself."""
    import pyarrow.compute as pc

    lengths = pc.binary_length(chunk.dictionary).to_numpy(zero_copy_only=False)
    rows = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(rows, minlength=len(lengths)) @ np.nan_to_num(lengths.astype(np.float64)))


def _npz(stream: IO[bytes], shown: str) -> Source:
    arrays, unread = {}, {}
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise ValueError(f"{shown} has {len(members)} arrays; at most {_MAX_MEMBERS} are read")
            if sum(m.file_size for m in members) > MAX_BYTES:
                raise ValueError(f"{shown} would take more than 2 GiB; that is not read")
            for member in members:
                if not _MEMBER.fullmatch(member.filename):
                    raise ValueError(f"{shown} holds {member.filename[:60]!r}, which is no array")
                name = member.filename.removesuffix(".npy")
                if name in arrays or name in unread:
                    raise ValueError(f"{shown} holds two arrays {name!r}")
                with archive.open(member) as header:
                    shape = _checked_header(header, name, shown, member.file_size)
                if len(shape) in (1, 2):
                    with archive.open(member) as body:
                        arrays[name] = _array(body, name, shown)
                elif shape:  # a single number says nothing of samples
                    unread[name] = shape
    except BROKEN_ZIP as error:
        raise ValueError(f"{shown} cannot be read as npz: {first_line(error)}") from None
    return Source(shown, arrays, unread=unread)


def _npy(stream: IO[bytes], shown: str) -> Source:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    shape = _checked_header(stream, "the array", shown, size)
    stream.seek(0)
    array = _array(stream, "the array", shown)
    if len(shape) != 2 or array.dtype.kind not in "fiub":
        raise ValueError(f"{shown} holds {array.dtype} of shape {shape}; save y_true and y_pred together as npz")
    if shape[1] > _MAX_COLUMNS:
        raise ValueError(f"{shown} has {shape[1]} columns; at most {_MAX_COLUMNS} are read")
    return Source(shown, {f"column {i + 1}": array[:, i] for i in range(shape[1])}, named=False)


def _checked_header(stream: IO[bytes], name: str, shown: str, length: int) -> tuple[int, ...]:
    """The shape an array's header tells, after its type and size were found bearable and true."""
    shape, dtype = npy_header(stream, name)
    if dtype.hasobject:
        raise ValueError(
            f"{name!r} of {shown} holds Python objects, which are never read; save it with .astype(str) or as numbers"
        )
    if dtype.kind not in "fiubUS":
        raise ValueError(f"{name!r} of {shown} is {dtype}; numbers or texts are needed")
    count = 1
    for side in shape:  # Python's whole numbers: a hostile shape cannot overflow
        count *= side
    if min(shape, default=0) < 0 or count > MAX_VALUES or count * dtype.itemsize > MAX_BYTES:
        raise ValueError(f"{name!r} of {shown} has the shape {shape}; at most {MAX_VALUES:,} numbers are read")
    if count * dtype.itemsize != length - stream.tell():
        raise ValueError(f"{name!r} of {shown} is cut short or longer than its header says")
    check_rows(shape[0] if shape else 0, shown)
    return shape


def _array(stream: IO[bytes], name: str, shown: str) -> NDArray[Any]:
    try:
        array = read_npy(stream, f"{name!r} of {shown}")
        return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError:
        raise ValueError(f"{name!r} of {shown} is not UTF-8 text") from None


_READERS = {
    ".csv": _text,
    ".tsv": _text,
    ".csv.gz": _packed_text,
    ".tsv.gz": _packed_text,
    ".parquet": _parquet,
    ".npz": _npz,
    ".npy": _npy,
}
