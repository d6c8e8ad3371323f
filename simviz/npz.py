"""npz files of anyone: nothing is unpickled, and no array is read before its header was found true and bearable.

NumPy's own reader believes a header: 128 bytes can ask for terabytes, and a zip of 4 MB can hold 4 GB.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 2**30
MAX_MEMBERS = 64
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
_KINDS, _AXES = "fiubU", 4
_LAST_CHARACTER, _SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)
_ARRAY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}\.npy")


def headers(path: Path, *, limit: int = MAX_BYTES) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and kind (``dtype.kind``) of every array, from its header alone.

    Parameters
    ----------
    limit : bytes that all arrays together may take

    Raises
    ------
    ValueError
        In one sentence that names the file and the array, for what is no plain file, no zip, too large, a pickle,
        no array of numbers or texts of at most four axes, or not as long as its header says.
    """
    with _opened(path, limit) as archive:
        try:
            return {_name(member): _checked(archive, member, path) for member in archive.infolist()}
        except BROKEN_ZIP as error:
            raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from None


def read(path: Path, *, skip: Collection[str] = (), limit: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """Every array but those of `skip`, by name. ValueError as in `headers`, or for data that are damaged."""
    found = {}
    with _opened(path, limit) as archive:
        for member in archive.infolist():
            name = _name(member)
            try:
                _checked(archive, member, path)
                if name not in skip:
                    with archive.open(member) as stream:
                        found[name] = read_npy(stream, f"{name!r} in {path.name}")
            except BROKEN_ZIP as error:
                raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from None
    return found


def npy_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array `name`, of which nothing else is read; ValueError where it is none."""
    try:
        version = np.lib.format.read_magic(stream)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = reader(stream)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError, MemoryError, RecursionError):
        raise ValueError(f"the member {name!r} of the npz file is not a NumPy array") from None
    return shape, dtype


def read_npy(stream: IO[bytes], where: str) -> NDArray[Any]:
    """The array whose header `npy_header` found bearable.

    ValueError, which calls the array `where`, if its data are damaged, or are texts that are no Unicode: NumPy takes
    any 32 bits for a character, and Python breaks when it meets them.
    """
    try:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{where} is cut short or damaged: {first_line(error)}") from None
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = array.ravel().view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if (codes > _LAST_CHARACTER).any() or ((codes >= _SURROGATES[0]) & (codes <= _SURROGATES[1])).any():
            raise ValueError(f"{where} holds texts that are no Unicode")
    return array


def _opened(path: Path, limit: int) -> zipfile.ZipFile:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"{path.name} is no plain file; links and devices are not followed")
        archive = zipfile.ZipFile(path)
    except BROKEN_ZIP as error:
        raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from None
    members = archive.infolist()
    fault = ""
    if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > limit:
        fault = f"holds more than {MAX_MEMBERS} arrays or {limit >> 20} MiB"
    elif strange := next((m.filename for m in members if not _ARRAY.fullmatch(m.filename)), None):
        fault = f"holds {strange[:60]!r}, which is no array"
    elif len({m.filename for m in members}) < len(members):
        fault = "holds two arrays of the same name"
    if fault:
        archive.close()
        raise ValueError(f"{path.name} {fault}")
    return archive


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _checked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> tuple[tuple[int, ...], str]:
    name = _name(member)
    with archive.open(member) as stream:
        try:
            shape, dtype = npy_header(stream, name)
        except ValueError:
            raise ValueError(f"{name!r} in {path.name} is not a NumPy array") from None
        if dtype.hasobject or dtype.kind not in _KINDS or len(shape) > _AXES:
            raise ValueError(f"{name!r} in {path.name} is {dtype} of shape {shape}, which is never read")
        size = dtype.itemsize
        for length in shape:  # Python's whole numbers: a hostile shape cannot overflow
            size *= length
        if size != member.file_size - stream.tell() or min(shape, default=0) < 0:
            raise ValueError(f"{name!r} in {path.name} is not as long as it says")
    return shape, dtype.kind


def first_line(error: BaseException) -> str:
    """The first line of an error, without what a terminal would run."""
    text = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return "".join(c if c.isprintable() else "?" for c in text)
