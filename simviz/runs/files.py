"""The files of the store: read with bounds, because a folder may come from anyone; written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import npz
from simviz.atomic import replacing
from simviz.runs import records

READ_ONLY = "SIMVIZ_READ_ONLY"
MAX_JSON_BYTES = 20 * 2**20
_LINE_BYTES = 2000  # of a log, of which the end is shown


class StoreError(ValueError):
    """Something in the store is missing or damaged; the message is a sentence for the user."""


def read_only() -> bool:
    """Whether this process may only look: `$SIMVIZ_READ_ONLY` is set, and neither empty nor 0."""
    return os.environ.get(READ_ONLY, "") not in ("", "0")


def check_writable(what: str) -> None:
    """StoreError where this process may only look; `what` is what cannot be done here, such as "trained"."""
    if read_only():
        raise StoreError(f"nothing can be {what} here: this server is read-only ({READ_ONLY} is set)")


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file in one step; StoreError where this process may only look."""
    check_writable("written")
    with replacing(path) as partial:
        partial.write_text(json.dumps(data, indent=1, allow_nan=False, default=_plain) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of at most 20 MiB, of the fields that `records` knows for its name; StoreError otherwise."""
    where = f"{path.parent.name}/{path.name}"
    text = read_text(path)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise StoreError(f"{where} cannot be read: {said}") from None
    if not isinstance(data, dict):
        raise StoreError(f"{where} is not a JSON object")
    try:
        records.check(path.name, data)
    except ValueError as error:
        raise StoreError(f"{where}: {error}") from None
    return data


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a plain UTF-8 file of at most 20 MiB; StoreError otherwise."""
    where = f"{path.parent.name}/{path.name}"
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise StoreError(f"{where} is no plain file; links and devices are not followed")
        if about.st_size > MAX_JSON_BYTES:
            raise StoreError(f"{where} is larger than {MAX_JSON_BYTES >> 20} MiB")
        return path.read_text(encoding="utf-8", errors=errors)
    except FileNotFoundError:
        raise StoreError(f"{path.parent.name} has no {path.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{where} cannot be read: {error}") from None


def last_lines(path: Path, count: int) -> str:
    """The last lines of a plain text file, however long it is; "" where there is none."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count * _LINE_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def read_arrays(path: Path, *, skip: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """`npz.read`, with a StoreError that names the folder too."""
    try:
        return npz.read(path, skip=skip)
    except ValueError as error:
        raise StoreError(f"{path.parent.name}: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong into JSON")
