"""CIFAR-100 (Krizhevsky 2009): what its classes are, and torchvision's own files of it.

Everything is keyed by class name. The list of the SimLoss authors says "computer keyboard" where
CIFAR-100 says "keyboard" and sorts it elsewhere, which shifts every row in between when a matrix is
joined by position.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN
from simviz.datasets.listing import Listing

FOLDER, ARCHIVE = "cifar-100-python", "cifar-100-python.tar.gz"

GROUPS = {
    "aquatic mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food containers": "bottle bowl can cup plate",
    "fruit and vegetables": "apple mushroom orange pear sweet_pepper",
    "household electrical devices": "clock keyboard lamp telephone television",
    "household furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large carnivores": "bear leopard lion tiger wolf",
    "large man-made outdoor things": "bridge castle house road skyscraper",
    "large natural outdoor scenes": "cloud forest mountain plain sea",
    "large omnivores and herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium mammals": "fox porcupine possum raccoon skunk",
    "non-insect invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles 1": "bicycle bus motorcycle pickup_truck train",
    "vehicles 2": "lawn_mower rocket streetcar tank tractor",
}
NAMES = tuple(sorted(n for names in GROUPS.values() for n in names.split()))

# The word looked up where the name itself means something else in running text, or is no single word.
WORDS = {
    "can": "cans",
    "cup": "cups",
    "maple_tree": "maple",
    "oak_tree": "oak",
    "orange": "oranges",
    "orchid": "orchids",
    "palm_tree": "palm",
    "pine_tree": "pine",
    "plain": "plains",
    "plate": "plates",
    "poppy": "poppies",
    "ray": "stingray",
    "rose": "roses",
    "seal": "seals",
    "tank": "tanks",
    "train": "trains",
    "tulip": "tulips",
    "willow_tree": "willow",
    "bear": "bears",
    "bowl": "bowls",
    "lawn_mower": "lawnmower",
    "pickup_truck": "pickup",
    "sweet_pepper": "peppers",
}
# The four classes that the authors of SimLoss leave out (no single token in their word vectors).
DROPPED = ("aquarium_fish", "sweet_pepper", "keyboard", "pickup_truck")


def class_set(names: Sequence[str]) -> ClassSet | None:
    """Groups and words for class names that are CIFAR-100's (in any order, or some of them), else None."""
    group = {n: g for g, members in GROUPS.items() for n in members.split()}
    if len(names) < 90 or not set(names) <= set(group):
        return None
    return ClassSet(names, groups=[group[n] for n in names], words=[WORDS.get(n, n) for n in names])


def is_torchvision(path: Path) -> bool:
    """Whether `path` is, or holds, CIFAR-100 in torchvision's layout (folder or tar.gz)."""
    return path.name in (FOLDER, ARCHIVE) or (path / FOLDER).is_dir() or (path / ARCHIVE).is_file()


def listing(path: Path) -> Listing:
    """CIFAR-100 from ``cifar-100-python`` or its tar.gz, read by torchvision.

    The files are pickles, so they are opened only after torchvision has found their published MD5.

    Raises
    ------
    ValueError
        If a file is missing or is not the published one.
    """
    root = path.parent if path.name in (FOLDER, ARCHIVE) else path
    if (root / FOLDER).is_dir():
        images, labels, names = _read(root)
    else:
        with tempfile.TemporaryDirectory(prefix="simviz-cifar-") as folder:
            _unpack(root / ARCHIVE, Path(folder))
            images, labels, names = _read(Path(folder))
    parts = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(x) for x in images])
    ids = [f"{part}/{i}" for part, x in zip(("train", "test"), images, strict=True) for i in range(len(x))]
    pixels = np.concatenate(images)
    classes = class_set(names) or ClassSet(names)

    def rows(wanted: np.ndarray) -> Iterator[np.ndarray]:
        return (pixels[i] for i in wanted)

    return Listing(classes, np.concatenate(labels), ids, parts, rows)


def _read(root: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    from torchvision.datasets import CIFAR100

    try:
        parts = [CIFAR100(str(root), train=train, download=False) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise ValueError(
            f"{root / FOLDER} is not the published CIFAR-100 ({error}); download it again, for example with "
            f"torchvision.datasets.CIFAR100({str(root)!r}, download=True)"
        ) from None
    return [p.data for p in parts], [np.array(p.targets, dtype=np.int64) for p in parts], list(parts[0].classes)


def _unpack(archive: Path, folder: Path) -> None:
    from torchvision.datasets import CIFAR100
    from torchvision.datasets.utils import check_md5

    if not check_md5(str(archive), CIFAR100.tgz_md5):
        raise ValueError(
            f"{archive} is not the published CIFAR-100 archive (MD5 {CIFAR100.tgz_md5}); download it again"
        )
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
