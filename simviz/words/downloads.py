"""The word vectors of gensim's downloader, fetched when someone asks for them.

Not by `gensim.downloader.load`: it imports an __init__.py that it has downloaded, unchecked, so whoever controls the
server runs code here. We take gensim's list and the data file alone, compare the file's MD5 with the list's (a guard
against broken transfers; it is what the list has), and read it as numbers, like any other file. It goes into our own
folder: one without that __init__.py in gensim's folder would break gensim's own loading.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

TIMEOUT = 30  # seconds without a byte
MAX_BYTES = 50_000_000_000
MAX_LIST = 10_000_000
_MAX_PARTS = 100
_BLOCK = 1 << 20
_CHECKSUM = re.compile(r"[0-9a-f]{32}")
_NETWORK = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors


@dataclass(frozen=True)
class Offer:
    """What can be fetched under a name.

    Attributes
    ----------
    size : bytes to fetch
    checksums : MD5 of each part of the file
    """

    name: str
    size: int
    checksums: tuple[str, ...]
    description: str = ""
    license: str = ""

    @property
    def amount(self) -> str:
        """The size, as one would say it."""
        return f"{self.size / 1e6:.0f} MB" if self.size >= 1e6 else f"{self.size / 1e3:.1f} kB"

    def __str__(self) -> str:
        about = f" ({self.description})" if self.description else ""
        return f"{self.name}: {self.amount}{about}" + (f", license: {self.license}" if self.license else "")


def folders() -> tuple[Path, Path]:
    """Where vectors may lie: gensim's data folder, which is only read, and our own."""
    gensim = Path(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data").expanduser()
    return gensim, Path(os.environ.get("SIMVIZ_CACHE") or Path("data") / "cache") / "vectors"


def local(name: str) -> Path | None:
    """The file of a name that has been fetched before, by gensim or by us."""
    gensim, own = folders()
    return next((p for p in (gensim / name / f"{name}.gz", own / f"{name}.gz") if p.is_file()), None)


def offer(name: str) -> Offer:
    """Look a name up in gensim's list, over the network.

    Raises
    ------
    ValueError
        If the list cannot be fetched or read, does not have the name (the names there are, are listed), or its
        entry lacks a size or checksum.
    """
    from gensim import downloader  # the addresses are gensim's

    try:
        with urllib.request.urlopen(downloader.DATA_LIST_URL, timeout=TIMEOUT) as response:
            data = response.read(MAX_LIST + 1)
    except _NETWORK as error:
        raise ValueError(f"the list of word vectors cannot be fetched: {error}") from None
    try:
        models = json.loads(data[:MAX_LIST])["models"]
        entry = models.get(name)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ValueError("the list of word vectors cannot be read; the server may have sent another page") from None
    if not isinstance(entry, dict):
        known = ", ".join(sorted(str(n) for n in models if not str(n).startswith("__")))
        raise ValueError(f"gensim's list has no word vectors {name!r}; it has {known}")
    return _checked(name, entry)


def fetch(name: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetch the file of a name into our folder, and check it.

    Parameters
    ----------
    name : str
    progress : called with (bytes so far, bytes in all), first with (0, bytes in all); what it raises stops it

    Returns
    -------
    path of the file, which appears complete or not at all

    Raises
    ------
    ValueError
        As in `offer`; if there is not enough room, the connection breaks, more comes than announced, or a
        checksum differs.
    """
    there = offer(name)
    progress = progress or (lambda done, total: None)
    progress(0, there.size)
    own = folders()[1]
    own.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(own).free
    if there.size > free:
        raise ValueError(f"{name} needs {there.size / 1e6:.0f} MB in {own}, where {free / 1e6:.0f} MB are free")
    with _temporary(own) as (path, stream):
        done = 0
        for part, checksum in enumerate(there.checksums):
            digest = hashlib.md5(usedforsecurity=False)
            for block in _download(there, part):
                done += len(block)
                if done > there.size:
                    raise ValueError(f"more came for {name} than the {there.size} bytes of the list; nothing was kept")
                digest.update(block)
                stream.write(block)
                progress(done, there.size)
            if digest.hexdigest() != checksum:
                raise ValueError(
                    f"what came for {name} ({done} of {there.size} bytes) does not have the list's checksum; "
                    "nothing was kept, try again"
                )
        stream.close()
        os.replace(path, own / f"{name}.gz")
    return own / f"{name}.gz"


def _checked(name: str, entry: dict[str, Any]) -> Offer:
    try:
        size, parts = int(entry["file_size"]), int(entry.get("parts", 1))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"gensim's list gives no size for {name!r}; fetch the file yourself and give its path"
        ) from None
    if not (0 < size <= MAX_BYTES and 0 < parts <= _MAX_PARTS):
        raise ValueError(f"gensim's list gives {name!r} {size} bytes in {parts} parts, which is not fetched")
    keys = ["checksum"] if parts == 1 else [f"checksum-{i}" for i in range(parts)]
    checksums = tuple(str(entry.get(key, "")).lower() for key in keys)
    if not all(map(_CHECKSUM.fullmatch, checksums)):
        raise ValueError(f"gensim's list gives no checksum for {name!r}, so it is not fetched")
    return Offer(name, size, checksums, _plain(entry.get("description")), _plain(entry.get("license")))


def _plain(text: Any) -> str:
    """One line that a terminal can show."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:300] if isinstance(text, str) else ""


def _download(there: Offer, part: int) -> Iterator[bytes]:
    from gensim import downloader

    ending = "gz" if len(there.checksums) == 1 else f"gz_0{part}"
    url = f"{downloader.DOWNLOAD_BASE_URL}/{there.name}/{there.name}.{ending}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            while block := response.read(_BLOCK):
                yield block
    except _NETWORK as error:
        raise ValueError(f"{there.name} cannot be fetched: {error}; nothing was kept") from None


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file that is gone in the end, unless it has been moved."""
    handle, name = tempfile.mkstemp(prefix=".partial-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield Path(name), stream
    finally:
        Path(name).unlink(missing_ok=True)
