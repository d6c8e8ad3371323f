"""Decoded and drawn sets on disk: written once, memory-mapped ever after.

One folder a set: ``images.npy labels.npy units.npy ids.npy split.npy set.json``. It is written under a
temporary name and renamed when complete, so that a half-written cache can never be opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import ImageDataset

VERSION = 1  # of this layout and of the decoding; a new field needs no raise: a set without it is decoded again
_ARRAYS = ("images", "labels", "units", "ids", "split")
_FIELDS = ("name", "fingerprint", "unit_name", "default_model")


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """`cache`, else ``$SIMVIZ_CACHE``, else ``data/cache`` below the working folder."""
    return Path(cache or os.environ.get("SIMVIZ_CACHE") or Path("data") / "cache")


def cached(
    key: dict[str, Any], build: Callable[[], ImageDataset], cache: str | os.PathLike[str] | None
) -> ImageDataset:
    """The data set stored under `key`, built and stored first if it is not there.

    Parameters
    ----------
    key : JSON-able description of everything the result depends on (sources with size and time,
        parameters, the version of the drawing code).
    build : makes the data set.
    cache : folder, or None for `cache_folder()`.

    Two processes that ask at once build it once: the second waits for the first.
    """
    import filelock

    text = json.dumps({"layout": VERSION, **key}, sort_keys=True, default=str)
    label = "".join(c if c.isalnum() else "-" for c in str(key.get("name", "set")))[:40]
    root = cache_folder(cache) / "datasets"
    folder = root / f"{label}-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    found = _open(folder)
    if found is not None:
        return found
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(folder) + ".lock"):
        found = _open(folder)  # another process may have built it while we waited
        if found is not None:
            return found
        shutil.rmtree(folder, ignore_errors=True)
        _store(build(), folder)
    stored = _open(folder)
    if stored is None:
        raise OSError(f"the cache {folder} cannot be read back; delete it and try again")
    return stored


def _store(dataset: ImageDataset, folder: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        for field in _ARRAYS:
            np.save(work / f"{field}.npy", getattr(dataset, field), allow_pickle=False)
        about: dict[str, Any] = {field: getattr(dataset, field) for field in _FIELDS}
        about |= {"classes": dataset.classes.to_dict(), "notes": dataset.notes, "augment": dataset.augment}
        (work / "set.json").write_text(json.dumps(about), encoding="utf-8")
        os.replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _open(folder: Path) -> ImageDataset | None:
    """The stored set, or None where there is none or where it cannot be read (it is then rebuilt)."""
    try:
        about = json.loads((folder / "set.json").read_text(encoding="utf-8"))
        arrays = {f: np.load(folder / f"{f}.npy", mmap_mode="r", allow_pickle=False) for f in _ARRAYS}
        return ImageDataset(
            classes=ClassSet.from_dict(about["classes"]),
            notes=tuple(about["notes"]),
            augment=tuple(about["augment"]),
            **{f: about[f] for f in _FIELDS},
            **arrays,
        )
    except (OSError, ValueError, KeyError, EOFError):
        return None
