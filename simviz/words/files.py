"""Files of word vectors: word2vec text and binary, GloVe text, fastText .vec, each also gzipped.

Ours and not gensim's `load_word2vec_format`: that one keeps every vector (a 5 GB file in 5 GB of memory),
allocates what the header asks for, must be told the format, and reads lines of any length and values that are
no numbers. A file may come from anyone: it is read in blocks, nothing in it is ever unpickled, and messages name
the file and the line but never quote it.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

MAX_DIM = 10_000
MAX_TOKENS = 100_000_000
MAX_TOKEN = 2_000  # bytes
MAX_LINE = 1 << 20
MAX_VALUE = 1e15  # squares of it can be summed in float32
MAX_RATIO = 30  # what deflate makes of real vectors is 2 to 4
_BLOCK = 1 << 20
_SMALL = 8 << 20
_NUMERIC = b"0123456789.eE+-"
_HEADER = re.compile(rb"[ \t]*(\d+)[ \t]+(\d+)[ \t\r]*")
_BOM = codecs.BOM_UTF8
_PICKLES = (".model", ".kv", ".pkl", ".pickle", ".joblib", ".pt", ".pth")
_RESAVE = "open it where you trust it and save it with gensim's KeyedVectors.save_word2vec_format(path, binary=True)"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"BZh": "compressed with bzip2; unpack it first, or compress it with gzip",
    b"\xfd7zXZ\x00": "compressed with xz; unpack it first, or compress it with gzip",
    b"(\xb5/\xfd": "compressed with zstd; unpack it first, or compress it with gzip",
    b"\x1f\x8b": "gzipped twice; unpack it once",
    b"\xba\x16\x4f\x2f": "a fastText model; use the .vec file that comes with it",
    b"\x93NUMPY": "a NumPy array, which has no words",
    b"\x89HDF": "an HDF5 file; save the vectors in word2vec's format",
    **{bytes([0x80, v]): f"a pickle, which could run any code when it is read; {_RESAVE}" for v in range(2, 6)},
}


@dataclass(frozen=True)
class Layout:
    """What the first lines of a file say about the rest.

    Attributes
    ----------
    count : tokens according to the header; None without a header
    dim : numbers of each token
    """

    path: Path
    gzipped: bool
    binary: bool
    count: int | None
    dim: int

    def __str__(self) -> str:
        kind = "word2vec binary" if self.binary else "GloVe text" if self.count is None else "word2vec text"
        return f"{self.path.name} ({kind}, {self.dim} dimensions)"

    def place(self, number: int) -> str:
        """A row's place in words; rows of a binary file are counted, of a text file its lines."""
        return f"{self.path.name}, {'token' if self.binary else 'line'} {number}"


@dataclass(frozen=True)
class Batch:
    """Some successive rows: their places (from 1 on), tokens, and numbers as they stand in the file."""

    places: Sequence[int]
    tokens: Sequence[bytes]
    numbers: Sequence[bytes]


def recognise(path: Path) -> Layout:
    """Find out the format from the content; ValueError, naming the file, if it is none of the known ones."""
    if path.suffix.lower() in _PICKLES:
        raise ValueError(f"{path.name} may be a pickle, which could run any code when it is read; {_RESAVE}")
    with _opened(path) as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
    head = b"".join(_blocks(path, gzipped, 2 * MAX_LINE))
    if not head:
        raise ValueError(f"{path.name} is empty")
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise ValueError(f"{path.name} is {what}")
    first, _, rest = head.removeprefix(_BOM).partition(b"\n")
    if len(first) > MAX_LINE:
        raise ValueError(f"{path.name}, line 1 is longer than {MAX_LINE} bytes; these are no word vectors")
    header = _HEADER.fullmatch(first)
    if header:
        count, dim = (_limited(digits) for digits in header.groups())
        layout = Layout(path, gzipped, not _is_text(rest, dim), count, dim)
        _check_header(layout)
        return layout
    fields = first.rstrip(b" \r").split(b" ")
    dim = next((i for i, field in enumerate(reversed(fields[1:])) if not _is_number(field)), len(fields) - 1)
    if not dim:
        raise ValueError(
            f"{path.name}, line 1 is neither a header (two whole numbers) nor a word and its numbers, with one space "
            "between them; word2vec text or binary, GloVe text and fastText .vec can be read, gzipped too"
        )
    if dim > MAX_DIM:
        raise ValueError(f"{path.name}, line 1 has {dim} numbers; at most {MAX_DIM} dimensions are read")
    return Layout(path, gzipped, False, None, dim)


def scan(layout: Layout) -> Iterator[Batch]:
    """All rows in order, in batches of about a megabyte, checked.

    Raises
    ------
    ValueError
        Naming the file and the row: too few or too many numbers, a character that is in no finite number, not
        UTF-8, too long, fewer or more rows than the header says, cut short, gzip that is damaged or
        unpacks to more than 30 times its size. A text's numbers are only parsed by `parsed`.
    """
    for batch in (_binary_rows if layout.binary else _text_rows)(layout):
        _check_utf8(layout, batch)
        if layout.binary:
            parsed(layout, batch.places, batch.numbers)
        yield batch


def parsed(layout: Layout, places: Sequence[int], numbers: Sequence[bytes]) -> NDArray[np.float32]:
    """The numbers of rows, float32 (n, dim); ValueError naming the first row with one not finite or beyond 1e15."""
    try:
        values = _values(layout, numbers)
    except ValueError:
        values = np.full((len(numbers), layout.dim), np.nan, np.float32)
    if (np.abs(values) <= MAX_VALUE).all():
        return values
    for place, row in zip(places, numbers, strict=True):
        try:
            fine = bool((np.abs(_values(layout, [row])) <= MAX_VALUE).all())
        except ValueError:
            fine = False
        if not fine:
            raise ValueError(f"{layout.place(place)}: every value must be a finite number, at most {MAX_VALUE:g}")
    return values


def _values(layout: Layout, numbers: Sequence[bytes]) -> NDArray[np.float32]:
    if layout.binary:
        values = np.frombuffer(b"".join(numbers), "<f4").astype(np.float32)
    else:
        try:
            with np.errstate(over="ignore"):
                values = np.fromstring(b" ".join(numbers), np.float32, sep=" ")
        except DeprecationWarning:  # where warnings are errors: what is no number ends the reading with one
            values = np.empty(0, np.float32)
    return values.reshape(len(numbers), layout.dim)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise ValueError(f"{path.name} cannot be opened: {error.strerror}") from None


def _blocks(path: Path, gzipped: bool, limit: int | None = None) -> Iterator[bytes]:
    """The content, unpacked, in blocks; at most about `limit` bytes."""
    done = 0
    with _opened(path) as raw:
        most = max(_SMALL, MAX_RATIO * path.stat().st_size)
        stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if gzipped else raw  # type: ignore[assignment]
        while limit is None or done < limit:
            try:
                block = stream.read(_BLOCK)
            except (OSError, EOFError, zlib.error) as error:
                raise ValueError(f"{path.name} cannot be read to its end: {error}") from None
            if not block:
                return
            done += len(block)
            if gzipped and done > most:
                raise ValueError(f"{path.name} unpacks to more than {MAX_RATIO} times its size; these are no vectors")
            yield block


def _limited(digits: bytes) -> int:
    return int(digits) if len(digits) <= 18 else MAX_TOKENS + 1


def _check_header(layout: Layout) -> None:
    count, dim = layout.count or 0, layout.dim
    if not (0 < count <= MAX_TOKENS and 0 < dim <= MAX_DIM):
        raise ValueError(
            f"{layout.path.name}, line 1 announces {count} tokens of {dim} dimensions; "
            f"1 to {MAX_TOKENS} tokens of 1 to {MAX_DIM} dimensions are read"
        )
    shortest = dim * 4 + 2 if layout.binary else dim * 2 + 1
    size = layout.path.stat().st_size
    if not layout.gzipped and count * shortest > size:
        raise ValueError(
            f"{layout.path.name}, line 1 announces {count} tokens of {dim} dimensions, which {size} bytes cannot hold; "
            "the file is cut short or its header is wrong"
        )


def _is_number(field: bytes) -> bool:
    try:
        return not field.translate(None, _NUMERIC) and abs(float(field)) <= MAX_VALUE
    except ValueError:
        return False


def _is_text(rest: bytes, dim: int) -> bool:
    """Whether what follows the header is text: its first row is fine, or else does not look like raw floats."""
    fields = rest.partition(b"\n")[0].rstrip(b" \r").split(b" ")
    if len(fields) > dim > 0 and all(map(_is_number, fields[-dim:])):
        return True
    sample = (rest.partition(b" ")[2] or rest)[: max(4 * dim, 4096)]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return not any(c < " " and c not in "\t\r\n" for c in text)


def _lines(layout: Layout) -> Iterator[list[bytes]]:
    """Lines in lists of about a megabyte; the last may be cut off from the next list's first."""
    seen, rest = 0, b""
    for i, block in enumerate(_blocks(layout.path, layout.gzipped)):
        lines = (rest + (block if i else block.removeprefix(_BOM))).split(b"\n")
        rest = lines.pop()
        seen += len(lines)
        if len(rest) > MAX_LINE:
            raise ValueError(f"{layout.place(seen + 1)} is longer than {MAX_LINE} bytes; these are no word vectors")
        yield lines
    if rest:
        yield [rest]


def _text_rows(layout: Layout) -> Iterator[Batch]:
    number, rows = 0, 0
    for lines in _lines(layout):
        places, tokens, numbers = [], [], []
        for line in lines:
            number += 1
            line = line.rstrip(b" \r")
            if not line or (number == 1 and layout.count is not None):
                continue
            token, values = _row(layout, number, line)
            places.append(number)
            tokens.append(token)
            numbers.append(values)
        rows += len(places)
        if layout.count is not None and rows > layout.count:
            raise ValueError(
                f"{layout.place(places[layout.count - rows])} is one more than the {layout.count} tokens that line 1 "
                "announces; the header is wrong"
            )
        yield Batch(places, tokens, numbers)
    _check_complete(layout, rows)


def _row(layout: Layout, number: int, line: bytes) -> tuple[bytes, bytes]:
    """Token and numbers of a line. A token may have spaces in it, as some of GloVe's have."""
    dim = layout.dim
    token, _, values = line.partition(b" ")
    spaces = line.count(b" ")
    if spaces > dim:
        fields = line.rsplit(b" ", dim)
        if fields[0].strip(b" ") == fields[0] and not _is_number(fields[0].rpartition(b" ")[2]):
            token, values, spaces = fields[0], b" ".join(fields[1:]), dim
    if spaces != dim or b"  " in values:
        raise ValueError(f"{layout.place(number)} must have a word and {dim} numbers with one space before each")
    if values.translate(None, _NUMERIC + b" "):
        raise ValueError(f"{layout.place(number)}: every value must be a finite number, at most {MAX_VALUE:g}")
    if not token or len(token) > MAX_TOKEN:
        raise ValueError(f"{layout.place(number)} has a word of {len(token)} bytes; 1 to {MAX_TOKEN} are read")
    return token, values


def _binary_rows(layout: Layout) -> Iterator[Batch]:
    size, rows, data, count = 4 * layout.dim, 0, b"", layout.count or 0
    for i, block in enumerate(_blocks(layout.path, layout.gzipped)):
        data += block if i else block.removeprefix(_BOM).partition(b"\n")[2]
        tokens: list[bytes] = []
        numbers: list[bytes] = []
        at = 0
        while rows + len(tokens) < count:
            while data[at : at + 1] == b"\n":  # the C program ends each row with one, gensim does not
                at += 1
            space = data.find(b" ", at, at + MAX_TOKEN + 1)
            if space < 0 and len(data) > at + MAX_TOKEN:
                raise ValueError(f"{layout.place(rows + len(tokens) + 1)} has no end within {MAX_TOKEN} bytes")
            if space < 0 or space + 1 + size > len(data):
                break
            tokens.append(data[at:space])
            numbers.append(data[space + 1 : space + 1 + size])
            at = space + 1 + size
        data = data[at:]
        yield Batch(range(rows + 1, rows + len(tokens) + 1), tokens, numbers)
        rows += len(tokens)
        if rows == count and data.strip(b"\n"):
            raise ValueError(f"{layout.place(rows)} is the last that line 1 announces, but more follows")
    _check_complete(layout, rows)


def _check_complete(layout: Layout, rows: int) -> None:
    if layout.count is not None and rows < layout.count:
        raise ValueError(
            f"{layout.place(rows + (1 if layout.binary else 2))}: the file ends, but line 1 announces {layout.count} "
            f"tokens and {rows} are complete; it is cut short or its header is wrong"
        )


def _check_utf8(layout: Layout, batch: Batch) -> None:
    try:
        b"".join(batch.tokens).decode()
        return
    except UnicodeDecodeError:
        pass
    for place, token in zip(batch.places, batch.tokens, strict=True):
        try:
            token.decode()
        except UnicodeDecodeError:
            raise ValueError(
                f"{layout.place(place)}: the word is not UTF-8; save the file as UTF-8 (gensim: "
                "load_word2vec_format with unicode_errors='replace', then save_word2vec_format)"
            ) from None
