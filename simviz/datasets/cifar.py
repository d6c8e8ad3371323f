"""CIFAR-100 and CIFAR-10 (Krizhevsky 2009): what their classes are, and torchvision's own files of them.

Everything is keyed by class name. The list of the SimLoss authors says "computer keyboard" where
CIFAR-100 says "keyboard" and sorts it elsewhere, which shifts every row in between when a matrix is
joined by position.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN
from simviz.datasets.listing import Listing

FOLDER, ARCHIVE = "cifar-100-python", "cifar-100-python.tar.gz"
FOLDER_10, ARCHIVE_10 = "cifar-10-batches-py", "cifar-10-python.tar.gz"

# CIFAR-10: name -> group; every name is its own word.
CIFAR10 = dict.fromkeys(("bird", "cat", "deer", "dog", "frog", "horse"), "animals")
CIFAR10 |= dict.fromkeys(("airplane", "automobile", "ship", "truck"), "vehicles")

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
    """Groups and words for the class names of CIFAR-100 (at least 90 of them) or CIFAR-10 (all), in any order.

    None for any other names.
    """
    if len(names) == len(CIFAR10) and set(names) == set(CIFAR10):
        return ClassSet(names, groups=CIFAR10)
    group = {n: g for g, members in GROUPS.items() for n in members.split()}
    if len(names) < 90 or not set(names) <= set(group):
        return None
    return ClassSet(names, groups=[group[n] for n in names], words=[WORDS.get(n, n) for n in names])


def find(path: Path, *, ten: bool | None = None) -> Path | None:
    """The folder or tar.gz that `path` is or holds, in torchvision's layout; None if there is none.

    `ten` True looks for CIFAR-10 alone, False for CIFAR-100 alone.
    """
    names = [(FOLDER, ARCHIVE)] * (ten is not True) + [(FOLDER_10, ARCHIVE_10)] * (ten is not False)
    for folder, archive in names:
        for place in (path, path / folder, path / archive):
            if (place.name == folder and place.is_dir()) or (place.name == archive and place.is_file()):
                return place
    return None


def listing(place: Path) -> Listing:
    """CIFAR-100 or CIFAR-10 from a folder or tar.gz that `find` found, read by torchvision.

    The files are pickles, so they are opened only after torchvision has found their published MD5.

    Raises
    ------
    ValueError
        If a file is missing or is not the published one.
    """
    if place.is_dir():
        images, labels, names = _read(place)
    else:
        with tempfile.TemporaryDirectory(prefix="simviz-cifar-") as folder:
            images, labels, names = _read(_unpack(place, Path(folder)))
    parts = np.repeat(np.array([TRAIN, TEST], np.uint8), [len(x) for x in images])
    ids = [f"{part}/{i}" for part, x in zip(("train", "test"), images, strict=True) for i in range(len(x))]
    pixels = np.concatenate(images)
    classes = class_set(names) or ClassSet(names)

    def rows(wanted: np.ndarray) -> Iterator[np.ndarray]:
        return (pixels[i] for i in wanted)

    return Listing(classes, np.concatenate(labels), ids, parts, rows)


def _loader(place: Path) -> tuple[Any, str]:
    """torchvision's class for a folder or archive, and what the data set is called."""
    from torchvision.datasets import CIFAR10, CIFAR100

    return (CIFAR10, "CIFAR-10") if place.name in (FOLDER_10, ARCHIVE_10) else (CIFAR100, "CIFAR-100")


def _read(place: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    loader, title = _loader(place)
    root = str(place.parent)
    try:
        parts = [loader(root, train=train, download=False) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise ValueError(
            f"{place} is not the published {title} ({error}); download it again, for example with "
            f"torchvision.datasets.{loader.__name__}({root!r}, download=True)"
        ) from None
    return [p.data for p in parts], [np.array(p.targets, dtype=np.int64) for p in parts], list(parts[0].classes)


def _unpack(archive: Path, folder: Path) -> Path:
    from torchvision.datasets.utils import check_md5

    loader, title = _loader(archive)
    if not check_md5(str(archive), loader.tgz_md5):
        raise ValueError(f"{archive} is not the published {title} archive (MD5 {loader.tgz_md5}); download it again")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / loader.base_folder
