"""From a list of encoded images to an `ImageDataset`: dropping classes, decoding, splitting.

A source (Parquet, folder, zip) only lists what it has; everything after that is the same for all.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION, ImageDataset, content_fingerprint, missing_notes

UNDECIDED = 255  # the part of an image that the source does not put anywhere
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
UNREADABLE = "could not be decoded and were skipped"  # of pictures, in a note
STAND_TWICE = "in the test part and in training or validation"  # of pictures, in a note
MAX_PIXELS = 64_000_000  # larger pictures count as corrupt: decoding one would take a gigabyte
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
_BATCH = 2048  # encoded images held in memory at once


@dataclass
class Listing:
    """What a source holds, before anything is decoded.

    Attributes
    ----------
    classes : the classes of the source.
    labels : int64 (N,).
    ids : N names, unique within the source.
    parts : uint8 (N,): 0 train, 1 validation, 2 test, 255 left to us.
    images : called with the ascending row numbers wanted; yields each one's bytes, or its pixels as
        uint8 (H, W, 3), or None where it cannot be read.
    notes : sentences for the user.
    units : id -> what it belongs to (a person), where the source knows; units are then never divided
        by a split of ours. `unit_name` is what that is called.
    """

    classes: ClassSet
    labels: np.ndarray
    ids: list[str]
    parts: np.ndarray
    images: Callable[[np.ndarray], Iterator[bytes | np.ndarray | None]]
    notes: list[str] = field(default_factory=list)
    units: dict[str, str] | None = None
    unit_name: str = "image"


def content_split(contents: np.ndarray, parts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Put the undecided images into parts by a hash of their pixels.

    Parameters
    ----------
    contents : uint64 (N, 2), two independent hashes of each image's pixels.
    parts : uint8 (N,), 255 where undecided.

    Returns
    -------
    uint8 (N,). Where no image belongs to a test part yet, 20 % of the undecided go there; where none
    belongs to validation, 10 % of the others go there. The side of an image depends on its pixels
    alone: not on a seed, its place in the list or its neighbours, so equal pictures are never divided.
    """
    share = contents.astype(np.float64) / 2.0**64
    split, free = parts.copy(), parts == UNDECIDED
    has_validation = bool((parts == VALIDATION).any())
    if not (parts == TEST).any():
        split[free & (share[:, 0] < TEST_SHARE)] = TEST
    free = split == UNDECIDED
    split[free] = TRAIN
    if not has_validation:
        # a source that names its training part leaves the choice of validation images to us as well
        split[(split == TRAIN) & (share[:, 1] < VALIDATION_SHARE)] = VALIDATION
    return split


def build(
    name: str,
    listing: Listing,
    *,
    test: Listing | None = None,
    drop: Sequence[str] = (),
    size: int,
    split: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] = content_split,
    independent: bool = False,
    default_model: str = "convnet",
    augment: tuple[str, ...] = (),
) -> ImageDataset:
    """Decode a listing, or two of which the second is the test part.

    Parameters
    ----------
    drop : classes left out, by name; an unknown name is a ValueError.
    size : side of the images after resizing (bilinear, the aspect ratio is not kept).
    split : from (content hashes, parts, labels) to the final parts.
    independent : every image is its own unit. Otherwise images of equal pixels share one.
    """
    for unwanted in drop:
        listing.classes.index(unwanted)
    classes = listing.classes.subset([n for n in listing.classes if n not in set(drop)])
    notes = list(listing.notes)
    if test is not None:
        listing = _without_test(listing, notes)
    images, contents, labels, ids, parts = _decode(listing, classes, size, notes, set(drop))
    if test is not None:
        more = _decode(test, classes, size, notes, set(drop))
        images, contents, labels = (np.concatenate(p) for p in zip((images, contents, labels), more[:3], strict=True))
        ids = [*ids, *(f"test:{i}" for i in more[3])]
        parts = np.concatenate([parts, np.full(len(more[3]), TEST, np.uint8)])
        notes += test.notes
    if not len(images):
        raise ValueError(f"{name} holds no readable image")
    owners = None if listing.units is None else [listing.units.get(i, i) for i in ids]
    final = split(contents if owners is None else _hashes(owners), parts, labels)
    notes += _split_notes(parts, final, contents)
    notes += missing_notes(classes, labels, final)
    alike = contents[:, 0] if owners is None else np.array(owners)
    _, first, same = np.unique(alike, return_index=True, return_inverse=True)
    id_array = np.array(ids)
    return ImageDataset(
        name=name,
        classes=classes,
        images=images,
        labels=labels,
        units=np.arange(len(images), dtype=np.int64) if independent else first[same].astype(np.int64),
        ids=id_array,
        split=final,
        fingerprint=content_fingerprint(classes, images, labels, id_array, final),
        notes=tuple(notes),
        unit_name=listing.unit_name,
        default_model=default_model,
        augment=augment,
    )


def _hashes(names: Sequence[str]) -> np.ndarray:
    """uint64 (N, 2): two independent hashes of each name."""
    digests = b"".join(hashlib.blake2b(n.encode(), digest_size=16).digest() for n in names)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64).reshape(-1, 2)


def _without_test(listing: Listing, notes: list[str]) -> Listing:
    """The listing less its own test part, which another one replaces."""
    keep = np.flatnonzero(listing.parts != TEST)
    if len(keep) == len(listing.parts):
        return listing
    notes.append(f"Its own test part ({len(listing.parts) - len(keep)} images) is not used; another was given.")
    return replace(
        listing,
        labels=listing.labels[keep],
        ids=[listing.ids[i] for i in keep],
        parts=listing.parts[keep],
        images=lambda rows: listing.images(keep[rows]),
    )


def _split_notes(before: np.ndarray, after: np.ndarray, contents: np.ndarray) -> list[str]:
    notes = []
    if not (before == TEST).any():
        notes.append(f"No test part was given: {(after == TEST).mean():.0%} of the images were set aside for it.")
    both = np.intersect1d(contents[after == TEST, 0], contents[after != TEST, 0]).size
    if both:
        notes.append(f"{both} picture{'s stand' if both > 1 else ' stands'} {STAND_TWICE}.")
    return notes


def _decode(
    listing: Listing, classes: ClassSet, size: int, notes: list[str], drop: set[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], np.ndarray]:
    """(images, content hashes, labels, ids, parts) of the readable images whose class is wanted."""
    used = {listing.classes.names[i] for i in np.unique(listing.labels)}
    strange = sorted(used - set(classes) - drop)
    if strange:
        raise ValueError(f"the test part has the class {strange[0]!r}, which the training part has not")
    to_label = np.array([classes.names.index(n) if n in set(classes) else -1 for n in listing.classes], dtype=np.int64)
    labels = to_label[listing.labels] if len(listing.labels) else np.zeros(0, np.int64)
    rows = np.flatnonzero(labels >= 0)
    images = np.zeros((len(rows), size, size, 3), dtype=np.uint8)
    contents = np.zeros((len(rows), 2), dtype=np.uint64)
    good = np.zeros(len(rows), dtype=bool)
    source = listing.images(rows)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(rows), _BATCH):
            batch = list(itertools.islice(source, _BATCH))
            tasks = [batch[i : i + 64] for i in range(0, len(batch), 64)]  # one a picture costs more than decoding it
            done = pool.map(lambda task: [decode(encoded, size) for encoded in task], tasks)
            for i, result in enumerate(itertools.chain.from_iterable(done), start):
                if result is not None:
                    images[i], contents[i], good[i] = result[0], result[1], True
    if not good.all():
        broken = [listing.ids[rows[i]] for i in np.flatnonzero(~good)]
        shown = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
        notes.append(f"{len(broken)} of {len(rows)} images {UNREADABLE}: {shown}.")
        images, contents, rows = images[good], contents[good], rows[good]
    return images, contents, labels[rows], [listing.ids[i] for i in rows], listing.parts[rows]


def decode(encoded: bytes | np.ndarray | None, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """uint8 (size, size, 3) and uint64 (2,) hashes of the original pixels; None for what is no image.

    PNG, JPEG, WebP and BMP; the camera's orientation is applied.
    """
    from PIL import Image, ImageOps

    if encoded is None:
        return None
    try:
        if isinstance(encoded, np.ndarray):
            picture = Image.fromarray(encoded)
        else:
            opened: Image.Image = Image.open(io.BytesIO(encoded), formats=_FORMATS)
            if opened.width * opened.height > MAX_PIXELS:
                return None
            if "exif" in opened.info:
                opened = ImageOps.exif_transpose(opened)
            picture = opened if opened.mode == "RGB" else opened.convert("RGB")
        original = np.asarray(picture)  # decodes
    except Exception:  # a decoder that is fed broken bytes may raise anything
        return None
    digest = hashlib.blake2b(repr(original.shape).encode(), digest_size=16)
    digest.update(original.data)
    small = original
    if picture.size != (size, size):
        small = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
    return small, np.frombuffer(digest.digest(), dtype="<u8").astype(np.uint64)


def natural(names: Iterable[str]) -> list[str]:
    """Names in order, whole numbers by value: "2" before "10"."""
    return sorted(names, key=lambda n: (0, int(n), n) if n.isdecimal() else (1, 0, n))
