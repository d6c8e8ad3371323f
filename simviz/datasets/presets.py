"""Collections that are published in a layout of their own, recognised by a file or folder they all have.

| collection | recognised by | classes | unit | test part |
|---|---|---|---|---|
| Adience (Eidinger, Enbar, Hassner 2014) | ``fold_0_data.txt`` | 8 age groups | person | the last fold |
| Images of Groups (Gallagher, Chen 2009) | ``*/PersonData.txt`` | 7 age groups | photograph | 20 % of the photographs |
| AVA (Murray, Marchesotti, Perronnin 2012) | ``AVA.txt`` | 10 mean scores | image | 20 % by content |
| AFAD (Niu et al. 2016) | ``AGE/111`` and ``AGE/112`` | ages | image | 20 % by content |
| ImageNet (Russakovsky et al. 2015) | 1,000 folders ``n########`` | 1,000 | image | its validation part |

Not run on the real files: each is written after its published description and tested on a small
collection in that layout.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets import folder
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import MAX_PIXELS, UNDECIDED, Listing

# Adience: ages from and to. Ages between two groups belong to none.
ADIENCE = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
# Images of Groups: the age class in the file -> the ages it stands for.
GROUPS = {1: "0-2", 5: "3-7", 10: "8-12", 16: "13-19", 28: "20-36", 51: "37-65", 75: "66+"}
_SYNSET = re.compile(r"^n\d{8}$")
_NUMBER = re.compile(r"^-?\d{1,6}(\.\d*)?$")
_FACE = 1.6  # half the side of the square cut out around two eyes, in distances between them


def source(path: Path) -> Callable[[], Listing] | None:
    """How to list the collection that lies in a folder; None if it is none of these."""
    if not path.is_dir():
        return None
    if (path / "fold_0_data.txt").is_file():
        return lambda: adience(path)
    if any(path.glob("*/PersonData.txt")):
        return lambda: images_of_groups(path)
    if (path / "AVA.txt").is_file():
        return lambda: ava(path)
    roots = list(folder.parts(path))
    names = {p.name for root in roots for p in root.iterdir() if p.is_dir()}
    if len(names) == 1000 and all(map(_SYNSET.match, names)):
        return lambda: imagenet(path)
    if names and all(map(str.isdecimal, names)) and any((path / n / s).is_dir() for n in names for s in ("111", "112")):
        return lambda: afad(path)
    return None


def adience(path: Path) -> Listing:
    """Faces of the five folds, from ``faces`` or ``aligned`` beside the fold files.

    An age or range of ages counts to the group that contains it; everything else is left out and counted.
    """
    kind, prefix = ("aligned", "landmark_aligned_face")
    if not (path / kind).is_dir():
        kind, prefix = ("faces", "coarse_tilt_aligned_face")
    tables = sorted(path.glob("fold_[0-9]_data.txt"))
    files: list[Path] = []
    labels, parts, people, outside = [], [], [], 0
    for table in tables:
        for row in csv.DictReader(_lines(table), delimiter="\t"):
            missing = {"user_id", "original_image", "face_id", "age"} - set(row)
            if missing:
                raise ValueError(f"{table} has no column {min(missing)}; it is not a fold of Adience")
            ages = [int(n) for n in re.findall(r"\d+", row["age"] or "")]
            group = [i for i, (low, high) in enumerate(ADIENCE) if ages and low <= min(ages) and max(ages) <= high]
            outside += not group
            if group:
                picture = Path(f"{prefix}.{row['face_id']}.{row['original_image']}").name  # no way out of the folder
                files.append(path / kind / Path(row["user_id"]).name / picture)
                labels.append(group[0])
                people.append(row["user_id"])
                parts.append(TEST if table == tables[-1] and len(tables) > 1 else UNDECIDED)
    names = [f"{low}-{high}" for low, high in ADIENCE]
    classes = ClassSet(names, positions=[(low + high) / 2 for low, high in ADIENCE])
    notes = [f"{outside} faces of an age between the groups, or of none, were left out."] if outside else []
    return _listing(path, classes, labels, files, parts, notes, people, "person")


def images_of_groups(path: Path) -> Listing:
    """Faces cut out around the eyes that ``PersonData.txt`` gives for each photograph."""
    faces: list[tuple[Path, np.ndarray]] = []
    labels: list[int] = []
    ids: list[str] = []
    strange = 0
    known = list(GROUPS)
    for table in sorted(path.glob("*/PersonData.txt")):
        photo: Path | None = None
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split()
            if len(fields) == 1:
                photo = table.parent / Path(fields[0]).name
            elif (
                photo is not None
                and len(fields) == 6
                and all(map(_NUMBER.match, fields))
                and float(fields[4]) in GROUPS
            ):
                faces.append((photo, np.array(fields[:4], dtype=np.float64)))
                labels.append(known.index(int(float(fields[4]))))
                ids.append(f"{photo.relative_to(path).as_posix()}#{len(ids)}")
            else:
                strange += bool(fields)
    classes = ClassSet(list(GROUPS.values()), positions=known)
    listed = _listing(path, classes, labels, [f for f, _ in faces], [UNDECIDED] * len(faces), [], None, "photograph")
    notes = [f"{strange} lines of PersonData.txt that describe no face were skipped."] if strange else []
    units = {i: i.rsplit("#", 1)[0] for i in ids}
    return replace(listed, ids=ids, units=units, notes=notes, images=lambda rows: _faces([faces[i] for i in rows]))


def ava(path: Path) -> Listing:
    """Photographs by the mean of their scores, rounded to 1 ... 10, from ``images``."""
    files: list[Path] = []
    labels, strange = [], 0
    for line in _lines(path / "AVA.txt"):
        fields = line.split()
        votes = np.array(fields[2:12], dtype=np.float64) if all(map(str.isdecimal, fields)) else np.zeros(0)
        if len(votes) == 10 and votes.sum() > 0:
            files.append(path / "images" / f"{fields[1]}.jpg")
            labels.append(int(np.floor(votes @ np.arange(1, 11) / votes.sum() + 0.5)) - 1)
        else:
            strange += bool(fields)
    classes = ClassSet([str(i) for i in range(1, 11)], positions=list(range(1, 11)))
    notes = [f"{strange} lines of AVA.txt without ten counts of votes were skipped."] if strange else []
    return _listing(path, classes, labels, files, [UNDECIDED] * len(files), notes)


def afad(path: Path) -> Listing:
    """An image folder of ages, whose names are the positions."""
    listed = folder.listing(path)
    return replace(listed, classes=ClassSet(listed.classes.names, positions=[int(n) for n in listed.classes]))


def imagenet(path: Path) -> Listing:
    """The 1,000 classes under the names of torchvision's weights; ``val`` is the test part."""
    from torchvision.models import ResNet18_Weights

    listed = folder.listing(path)  # folders come in the order of the synsets, as the names do
    parts = listed.parts.copy()
    if (parts == VALIDATION).any():
        parts[parts == UNDECIDED] = TRAIN
        parts[parts == VALIDATION] = TEST
    names = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    return replace(listed, classes=ClassSet(names, words=[n.lower() for n in names]), parts=parts)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as UTF-8 text: {error}") from None


def _listing(
    path: Path,
    classes: ClassSet,
    labels: list[int],
    files: list[Path],
    parts: list[int],
    notes: list[str],
    units: list[str] | None = None,
    unit_name: str = "image",
) -> Listing:
    if not files:
        raise ValueError(f"{path} names no image whose class is known")
    ids = [f.relative_to(path).as_posix() for f in files]
    label, part = np.array(labels, dtype=np.int64), np.array(parts, dtype=np.uint8)
    of = None if units is None else dict(zip(ids, units, strict=True))
    read = lambda rows: folder.images([files[i] for i in rows])  # noqa: E731
    return Listing(classes, label, ids, part, read, notes, units=of, unit_name=unit_name)


def _faces(faces: list[tuple[Path, np.ndarray]]) -> Iterator[np.ndarray | None]:
    """Squares around the eyes (x, y of the left, x, y of the right), black beyond the photograph."""
    from PIL import Image

    for photo, (x1, y1, x2, y2) in faces:
        half = _FACE * max(float(np.hypot(x2 - x1, y2 - y1)), 1.0)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 + half / 4  # a face is longer below the eyes than above
        try:
            with Image.open(photo, formats=("JPEG", "PNG")) as picture:
                too_large = max(picture.width * picture.height, 4 * half * half) > MAX_PIXELS
                cut = (x - half, y - half, x + half, y + half)
                yield None if too_large else np.asarray(picture.convert("RGB").crop(cut))
        except Exception:  # a decoder that is fed broken bytes may raise anything
            yield None
