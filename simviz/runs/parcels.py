"""A run's files as bytes, on their way between machines: known names only, bounded, each written in one step."""

from __future__ import annotations

import re
from pathlib import Path

from simviz.atomic import replacing
from simviz.runs.files import StoreError

CHECKPOINT = "checkpoint.safetensors"
MAX_FILE_BYTES = 2 * 2**30
MAX_BYTES = 4 * 2**30
_NAMES = re.compile(
    r"(?:status|environment|data|result)\.json|metrics\.jsonl|log\.txt|(?:validation|test|matrix)\.npz|"
    r"checkpoint\.safetensors|epochs/[0-9]{4,8}\.npz"
)

Parcel = dict[str, bytes]
Seen = dict[str, tuple[int, int]]


def pack(folder: Path, seen: Seen) -> Parcel:
    """Name -> content of the run's files that are not as they were `seen`, which is brought up to date.

    Raises
    ------
    StoreError
        Where they are more than is sent.
    """
    parcel: Parcel = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not _NAMES.fullmatch(name) or path.is_symlink():
            continue
        about = path.stat()
        if seen.get(name) != (mark := (about.st_mtime_ns, about.st_size)):
            seen[name] = mark
            parcel[name] = path.read_bytes()
    _check(parcel)
    return parcel


def unpack(parcel: Parcel, folder: Path) -> None:
    """Write the files into the run's folder; StoreError before the first is written where one is not a run's."""
    _check(parcel)
    (folder / "epochs").mkdir(exist_ok=True)
    # The checkpoint last: whoever goes on from it finds what is kept of the epochs before.
    for name in sorted(parcel, key=lambda name: (name == CHECKPOINT, name)):
        with replacing(folder / name) as partial:
            partial.write_bytes(parcel[name])


def _check(parcel: Parcel) -> None:
    for name, content in parcel.items():
        if not _NAMES.fullmatch(name):
            raise StoreError(f"{name[:80]!r} is no file of a run")
        if len(content) > MAX_FILE_BYTES:
            raise StoreError(f"{name} has {len(content) / 2**30:.1f} GiB; at most {MAX_FILE_BYTES >> 30} are sent")
    if (total := sum(map(len, parcel.values()))) > MAX_BYTES:
        raise StoreError(f"the run's files have {total / 2**30:.1f} GiB; at most {MAX_BYTES >> 30} are sent")
