"""ImageDataset: what every source of pictures turns into.

All images of a data set lie in one array, so that training, the pages and the tests index it and
never open a file themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simviz.classes import ClassSet

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Labelled images with their classes, their units and a fixed split.

    Attributes
    ----------
    name : what the data set is called in tables and titles.
    classes : ClassSet of C classes; label i is ``classes.names[i]``.
    images : uint8 (N, H, W, 3), read-only and often memory-mapped.
    labels : int64 (N,), 0 .. C-1.
    units : int64 (N,). Samples with the same unit are not independent of each other.
    ids : str (N,), unique and stable: a file's name, a row, a drawing's number.
    split : uint8 (N,): 0 train, 1 validation, 2 test.
    fingerprint : hex digits that change with any id, label, split or pixel.
    notes : sentences for the user: skipped files, classes absent from a part, how the split was made.
    unit_name : what a unit is ("design", "person", "image").
    default_model : the network of `simviz.models` to start with.
    augment : augmentations that keep a picture's class ("crop", "flip").

    Raises
    ------
    ValueError
        If arrays disagree in length or type, if there is a single class, or if a class has no
        training image.
    """

    name: str
    classes: ClassSet
    images: np.ndarray
    labels: np.ndarray
    units: np.ndarray
    ids: np.ndarray
    split: np.ndarray
    fingerprint: str
    notes: tuple[str, ...] = ()
    unit_name: str = "image"
    default_model: str = "convnet"
    augment: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.images.dtype != np.uint8:
            raise ValueError(
                f"images have shape {self.images.shape} and type {self.images.dtype}; expected uint8 (N, H, W, 3)"
            )
        for field in ("labels", "units", "ids", "split"):
            values = getattr(self, field)
            if values.shape != (len(self.images),):
                raise ValueError(f"{field} has shape {values.shape} for {len(self.images)} images")
        check_classes(self.classes, self.labels, self.split)
        for field in ("images", "labels", "units", "ids", "split"):
            getattr(self, field).flags.writeable = False

    def __len__(self) -> int:
        return len(self.images)

    def indices(self, part: str) -> np.ndarray:
        """int64 indices of the images of "train", "validation" or "test", ascending."""
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r}; choose one of {', '.join(PARTS)}")
        return np.flatnonzero(self.split == PARTS.index(part))

    def subset(self, n_train: int, seed: int = 0) -> ImageDataset:
        """The same data set with about `n_train` training images, drawn class by class in proportion.

        Validation and test stay as they are; every class keeps at least one training image. Choosing
        more images than there are returns the data set itself.
        """
        train = self.indices("train")
        if n_train < len(self.classes):
            raise ValueError(f"n_train is {n_train}; the {len(self.classes)} classes need at least one image each")
        if n_train >= len(train):
            return self
        rng = np.random.default_rng(seed)
        order = rng.permutation(train)
        labels = self.labels[order]
        counts = np.bincount(labels, minlength=len(self.classes))
        quota = _proportional(counts, n_train)
        by_class = np.argsort(labels, kind="stable")  # shuffled order survives inside each class
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        picked = np.concatenate([order[by_class[s : s + q]] for s, q in zip(starts, quota, strict=True)])
        keep = np.sort(np.concatenate([picked, self.indices("validation"), self.indices("test")]))
        tag = f"{self.fingerprint}/subset/{n_train}/{seed}"
        note = f"A random {len(picked)} of the {len(train)} training images (seed {seed})."
        return replace(self.take(keep), notes=(*self.notes, note), fingerprint=_short_hash(tag))

    def take(self, keep: np.ndarray) -> ImageDataset:
        """The images at the indices `keep`, classes unchanged; the fingerprint is computed from the parent's."""
        tag = self.fingerprint + hashlib.blake2b(np.asarray(keep, dtype=np.int64).tobytes()).hexdigest()
        rows = {f: getattr(self, f)[keep] for f in ("images", "labels", "units", "ids", "split")}
        return replace(self, **rows, fingerprint=_short_hash(tag))


def check_classes(classes: ClassSet, labels: np.ndarray, split: np.ndarray) -> None:
    """Refuse what nothing can be learned from: a single class, or one without training images."""
    if len(classes) < 2:
        raise ValueError(f"the data set has the single class {classes.names[0]!r}; at least two are needed")
    if len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
        wrong = int(labels.min() if labels.min() < 0 else labels.max())
        raise ValueError(f"label {wrong} is outside 0..{len(classes) - 1}, the {len(classes)} classes")
    counts = np.bincount(labels[split == TRAIN], minlength=len(classes))
    empty = [classes.names[i] for i in np.flatnonzero(counts == 0)]
    if empty:
        raise ValueError(
            f"class {empty[0]!r} has no training image ({len(empty)} such classes); add some or drop the class"
        )


def without(dataset: ImageDataset, drop: Sequence[str]) -> ImageDataset:
    """The data set without the classes `drop`; ValueError if one of them does not exist."""
    gone = [dataset.classes.index(name) for name in drop]
    classes = dataset.classes.subset([n for n in dataset.classes if n not in set(drop)])
    number = np.cumsum(~np.isin(np.arange(len(dataset.classes)), gone)) - 1
    keep = np.flatnonzero(~np.isin(dataset.labels, gone))
    rows = {f: getattr(dataset, f)[keep] for f in ("images", "units", "ids", "split")}
    labels = number[dataset.labels[keep]]
    tag = content_fingerprint(classes, rows["images"], labels, rows["ids"], rows["split"])
    return replace(dataset, classes=classes, labels=labels, fingerprint=tag, **rows)


def missing_notes(classes: ClassSet, labels: np.ndarray, split: np.ndarray) -> tuple[str, ...]:
    """One sentence for each part that names the classes absent there."""
    notes = []
    for part, word in ((TRAIN, "training"), (VALIDATION, "validation"), (TEST, "test")):
        counts = np.bincount(labels[split == part], minlength=len(classes))
        absent = [classes.names[i] for i in np.flatnonzero(counts == 0)]
        if absent:
            notes.append(f"No {word} image of {', '.join(absent)}.")
    return tuple(notes)


def content_fingerprint(
    classes: ClassSet, images: np.ndarray, labels: np.ndarray, ids: Sequence[str] | np.ndarray, split: np.ndarray
) -> str:
    """Sixteen hex digits over class names, ids, labels, split and every pixel."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps([list(classes.names), list(images.shape)]).encode())
    digest.update("\n".join(ids).encode())
    digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
    digest.update(np.ascontiguousarray(split, dtype="u1").data)
    for start in range(0, len(images), 4096):  # bounded memory: images may be memory-mapped
        digest.update(np.ascontiguousarray(images[start : start + 4096]).data)
    return digest.hexdigest()


def card(dataset: ImageDataset, per_class: int = 8) -> dict[str, object]:
    """What the data card of a data set shows, as plain arrays.

    Returns
    -------
    dict with ``names`` (C names), ``counts`` int64 (C, 3) images per class and part,
    ``unit_counts`` int64 (C, 3) units per class and part, ``unit_name``, ``units_held_out`` (units of
    the test part that no other part contains), ``examples`` (C int64 arrays of at most `per_class`
    image indices, training images first, different units first) and ``notes``.
    """
    num = len(dataset.classes)
    key = dataset.labels * 3 + dataset.split
    counts = np.bincount(key, minlength=3 * num).reshape(num, 3)
    pairs = np.unique(np.stack([key, dataset.units]), axis=1)
    unit_counts = np.bincount(pairs[0], minlength=3 * num).reshape(num, 3)
    test_units = np.unique(dataset.units[dataset.split == TEST])
    other_units = np.unique(dataset.units[dataset.split != TEST])
    return {
        "names": dataset.classes.names,
        "counts": counts,
        "unit_counts": unit_counts,
        "unit_name": dataset.unit_name,
        "units_held_out": int(np.setdiff1d(test_units, other_units).size),
        "examples": [_examples(dataset, c, per_class) for c in range(num)],
        "notes": dataset.notes,
    }


def _examples(dataset: ImageDataset, label: int, per_class: int) -> np.ndarray:
    rows = np.flatnonzero(dataset.labels == label)
    rows = rows[np.argsort(dataset.split[rows], kind="stable")]
    _, first = np.unique(dataset.units[rows], return_index=True)
    repeats = np.ones(len(rows), dtype=bool)
    repeats[first] = False
    return rows[np.lexsort((np.arange(len(rows)), repeats, dataset.split[rows]))][:per_class]


def _proportional(counts: np.ndarray, total: int) -> np.ndarray:
    """Integers near counts * total / sum(counts) that sum to `total`, at least one and at most counts each."""
    exact = counts * (total / counts.sum())
    quota = np.minimum(np.maximum(np.floor(exact).astype(int), 1), counts)
    while quota.sum() != total:
        step = 1 if quota.sum() < total else -1
        room = quota < counts if step > 0 else quota > 1
        gap = np.where(room, step * (exact - quota), -np.inf)
        quota[int(np.argmax(gap))] += step
    return quota


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
