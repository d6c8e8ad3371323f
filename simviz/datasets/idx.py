"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), and any other set in the four idx files of MNIST.

``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
``t10k-labels-idx1-ubyte``, each also as ``.gz``: a big-endian header (type, dimensions) and then bytes.
A header is not believed before the file was found to be exactly as long as it says.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN
from simviz.datasets.listing import Listing

_BLOCK = 2**20
_STEMS = {TRAIN: "train", TEST: "t10k"}
MAX_COUNT, MAX_SIDE, MAX_BYTES = 1_000_000, 1024, 2_000_000_000

# name: (group, word looked up in word vectors)
FASHION = {
    "T-shirt/top": ("tops", "t-shirt"),
    "Trouser": ("bottoms", "trousers"),
    "Pullover": ("tops", "pullover"),
    "Dress": ("dresses", "dress"),
    "Coat": ("tops", "coat"),
    "Sandal": ("footwear", "sandals"),
    "Shirt": ("tops", "shirt"),
    "Sneaker": ("footwear", "sneakers"),
    "Bag": ("bags", "handbag"),
    "Ankle boot": ("footwear", "boots"),
}


def fashion() -> ClassSet:
    """The ten classes of Fashion-MNIST, in the order of its labels, with groups and words."""
    groups, words = zip(*FASHION.values(), strict=True)
    return ClassSet(list(FASHION), groups=groups, words=words)


def recognised(path: Path) -> bool:
    """Whether the folder holds the training images in idx form, itself or in torchvision's ``raw`` below it."""
    return path.is_dir() and any(_file(folder, TRAIN, "images-idx3") for folder in (path, path / "raw"))


def listing(path: Path) -> Listing:
    """The images of a folder of idx files, the published test part kept.

    The files hold no names: in a folder that has "fashion" in its path the classes are Fashion-MNIST's,
    elsewhere they are called by their numbers (see `simviz.datasets.class_table` for naming them).

    Raises
    ------
    ValueError
        If a file is missing, damaged, longer or shorter than its header says, or too large.
    """
    folder = path if _file(path, TRAIN, "images-idx3") else path / "raw"
    images, labels = [], []
    for part, stem in _STEMS.items():
        found = [_file(folder, part, kind) for kind in ("images-idx3", "labels-idx1")]
        if None in found:
            raise ValueError(f"{folder} has no {stem}-images-idx3-ubyte with {stem}-labels-idx1-ubyte (or .gz)")
        images.append(read(found[0], 3))  # type: ignore[arg-type]
        labels.append(read(found[1], 1))  # type: ignore[arg-type]
        if len(images[-1]) != len(labels[-1]):
            raise ValueError(f"{found[0]} holds {len(images[-1])} images and {found[1]} {len(labels[-1])} labels")
    label = np.concatenate(labels).astype(np.int64)
    is_fashion = "fashion" in str(path.resolve()).lower() and label.max(initial=0) < len(FASHION)
    classes = fashion() if is_fashion else ClassSet([str(i) for i in range(int(label.max(initial=0)) + 1)])
    ids = [f"{stem}/{i}" for stem, x in zip(_STEMS.values(), images, strict=True) for i in range(len(x))]
    split = np.repeat(np.array(list(_STEMS), np.uint8), [len(x) for x in images])

    def rows(wanted: np.ndarray) -> Iterator[np.ndarray]:
        first = len(images[0])
        for i in wanted:
            grey = images[0][i] if i < first else images[1][i - first]
            yield np.repeat(grey[:, :, None], 3, axis=2)

    return Listing(classes, label, ids, split, rows)


def read(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of an idx file (``.gz`` or not) that has to have so many dimensions.

    Raises
    ------
    ValueError
        If the file is no such idx file, or is not exactly as long as its header says; never more than
        that length is unpacked, whatever the file holds.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes([0, 0, 8, dimensions]):
                raise ValueError(f"{path} is no idx file of bytes in {dimensions} dimensions")
            shape = tuple(int(n) for n in np.frombuffer(header, ">u4", offset=4))
            size = math.prod(shape)
            if shape[0] > MAX_COUNT or max(shape[1:], default=0) > MAX_SIDE or size > MAX_BYTES:
                raise ValueError(f"{path} says that it holds {' x '.join(map(str, shape))} bytes; that is not believed")
            content = b"".join(_blocks(file, size + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if len(content) != size:
        held = "more" if len(content) > size else f"{len(content)}"
        raise ValueError(f"{path} holds {held} bytes after its header where {size} are due; download it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _blocks(file: gzip.GzipFile | BufferedReader, size: int) -> Iterator[bytes]:
    """At most `size` bytes; what a header says is not set aside before it is there."""
    while size and (block := file.read(min(_BLOCK, size))):
        size -= len(block)
        yield block


def _file(folder: Path, part: int, kind: str) -> Path | None:
    for ending in ("-ubyte", "-ubyte.gz"):
        if (path := folder / f"{_STEMS[part]}-{kind}{ending}").is_file():
            return path
    return None
