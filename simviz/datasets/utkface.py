"""UTKFace (Zhang, Song, Qi 2017): ages 1 to 90 from faces, split as in the code of the SimLoss authors.

Files are named ``[age]_[gender]_[race]_[date].jpg``. Who is shown is not recorded, so every image is
its own unit: faces of one person may stand in several parts, and intervals over images are too narrow
to that extent.
"""

from __future__ import annotations

import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import UNDECIDED, Listing
from simviz.npz import first_line

SIZE = 60
OLDEST = 90
SPLIT_SEED = 42
_NAME = re.compile(r"^(\d{1,3})_\d.*\.(?:jpe?g|png)$", re.IGNORECASE)
_PICTURE = (".jpg", ".jpeg", ".png")
MAX_MEMBERS = 500_000
MAX_MEMBER_BYTES = 32_000_000
MAX_TOTAL_BYTES = 16_000_000_000
MAX_RATIO = 200  # times a photograph can shrink in a zip; more is a bomb


def recognised(path: Path) -> bool:
    """Whether `path` is a zip, or a folder whose pictures (or those one level below) are named as UTKFace's."""
    if path.is_file():
        return path.suffix.lower() == ".zip"
    names = (p.name for pattern in ("*", "*/*") for p in path.glob(pattern) if p.suffix.lower() in _PICTURE)
    first = list(itertools.islice(names, 50))
    return bool(first) and sum(bool(_NAME.match(n)) for n in first) > len(first) / 2


def listing(path: Path) -> Listing:
    """UTKFace as a zip, which is read in place, or as an unpacked folder.

    The classes are the ages that somebody has, at the position of their years. Ages above 90 and names from
    which no age can be read are left out and counted in the notes.

    Raises
    ------
    ValueError
        If there is no face in it, or for a zip that is damaged or not safe to read.
    """
    if path.is_dir():
        names = [str(p.relative_to(path).as_posix()) for p in sorted(path.rglob("*")) if p.suffix.lower() in _PICTURE]
    else:
        names = _members(path)
    faces, unparsed, older = [], 0, 0
    for name in names:
        found = _NAME.match(PurePosixPath(name).name)
        age = int(found.group(1)) if found else 0
        unparsed += not found
        older += bool(found) and not 1 <= age <= OLDEST
        if 1 <= age <= OLDEST:
            faces.append((f"{age:03d}", PurePosixPath(name).name, name))
    if not faces:
        raise ValueError(f"{path} holds no image named [age]_[gender]_[race]_[date].jpg")
    faces.sort()  # the order the authors' shuffle starts from: age folder, then file name
    notes = []
    if older:
        notes.append(f"{older} faces of ages outside 1 to {OLDEST} were left out.")
    if unparsed:
        notes.append(f"{unparsed} file names without a readable age were skipped.")
    ordered = [name for _, _, name in faces]
    ages, labels = np.unique([int(age) for age, _, _ in faces], return_inverse=True)
    absent = sorted(set(range(1, OLDEST + 1)) - set(ages.tolist()))
    if absent:
        notes.append(f"Nobody is aged {', '.join(map(str, absent))}: no classes.")
    classes = ClassSet([str(age) for age in ages], positions=ages.tolist())
    parts = np.full(len(faces), UNDECIDED, np.uint8)

    def images(rows: np.ndarray) -> Iterator[bytes | None]:
        return _images(path, [ordered[i] for i in rows])

    return Listing(classes, labels.astype(np.int64), ordered, parts, images, notes)


def split(contents: np.ndarray, parts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The authors' 60/20/20 split: shuffle with NumPy seed 42, cut at 60 % and 80 %.

    Where the test part comes from elsewhere, the same shuffle is cut at 75 %, which keeps their
    proportion of training to validation. An age that this leaves without a training image, as happens
    in a part of the set only, gets its first of the shuffle.
    """
    final = parts.copy()
    free = np.flatnonzero(parts == UNDECIDED)
    order = free[np.random.RandomState(SPLIT_SEED).permutation(len(free))]
    if (parts == TEST).any():
        first, second = int(0.75 * len(order)), len(order)
    else:
        first, second = int(0.6 * len(order)), int(0.8 * len(order))
    final[order[:first]] = TRAIN
    final[order[first:second]] = VALIDATION
    final[order[second:]] = TEST
    found, first_of = np.unique(labels[order], return_index=True)
    final[order[first_of[~np.isin(found, labels[final == TRAIN])]]] = TRAIN
    return final


def _members(path: Path) -> list[str]:
    """Names of the pictures in a zip, after refusing what no collection of photographs contains."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} cannot be read as a zip: {first_line(error)}") from None
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"{path} has {len(infos)} members; at most {MAX_MEMBERS} are read")
    total = 0
    names: list[str] = []
    for info in infos:
        inner = PurePosixPath(info.filename.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts or inner.parts[0].endswith(":"):
            raise ValueError(f"{path} has a member named {info.filename!r}, which leads out of the archive")
        if info.is_dir() or inner.name.startswith(".") or inner.parts[0] == "__MACOSX":
            continue
        total += info.file_size
        ratio = info.file_size / max(info.compress_size, 1)
        if info.file_size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES or ratio > MAX_RATIO:
            raise ValueError(
                f"{path}: {info.filename!r} unpacks to {info.file_size} bytes ({ratio:.0f} times its size in the "
                f"zip), {total} in all so far; that is no photograph, so the archive is not read"
            )
        if inner.suffix.lower() in _PICTURE:
            names.append(info.filename)
    if len(set(names)) < len(names):
        raise ValueError(f"{path} holds two members of the same name; unpack it and load the folder")
    return names


def _images(path: Path, names: list[str]) -> Iterator[bytes | None]:
    if path.is_dir():
        for name in names:
            try:
                yield (path / name).read_bytes()
            except OSError:
                yield None
        return
    with zipfile.ZipFile(path) as archive:
        for name in names:
            try:  # zipfile reads no more than the size checked above, and checks the CRC
                yield archive.read(name)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError):
                yield None
