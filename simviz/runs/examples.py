"""The comparisons that ship with simviz, put into a store once, so that no page is empty on a first start."""

from __future__ import annotations

import json
from pathlib import Path

from simviz.runs.archive import unpack
from simviz.runs.files import read_only, write_json
from simviz.runs.store import Store

FOLDER = Path(__file__).resolve().parents[2] / "data" / "examples"
MARKER = ".examples.json"


def install(store: Store, folder: Path = FOLDER) -> list[str]:
    """Unpack every archive of `folder` that this store has never been given; returns the new ids.

    What the user deletes stays deleted: a hidden file in the store remembers what was unpacked. Nothing is unpacked by
    a process that may only look.
    """
    if read_only():
        return []
    marker = store.root / MARKER
    try:
        known = json.loads(marker.read_text())["installed"] if marker.exists() else []
    except (OSError, ValueError, KeyError, TypeError):
        known = []
    fresh = [p for p in sorted(folder.glob("*.zip")) if p.name not in known]
    installed = []
    for path in fresh:
        with path.open("rb") as file:
            installed.append(unpack(file, store).id)
        known = [*known, path.name]
        write_json(marker, {"installed": known})
    return installed
