"""load and available: every data set by its name or path."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simviz.datasets import (
    cifar,
    class_table,
    clock,
    counting,
    folder,
    gauge,
    idx,
    parquet,
    pictograms,
    presets,
    tree_rings,
    utkface,
)
from simviz.datasets.cache import cached
from simviz.datasets.core import ImageDataset, without
from simviz.datasets.listing import Listing, build, content_split

SIZE = 32
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts it
VERSION = 2  # of listing, decoding and splitting; cached sets of other versions are not used
_DRAWN: dict[str, Any] = {
    "pictograms": pictograms,
    "tree-rings": tree_rings,
    "clock": clock,
    "counting": counting,
    "gauge": gauge,
}
_AVAILABLE = {
    "pictograms": "64 everyday things in 8 groups as icons, tested on designers not seen in training (drawn)",
    "tree-rings": "trunks of 1 to 20 years: count the rings; 20 ordered classes (drawn)",
    "clock": "read the minute hand; 60 classes on a circle (drawn)",
    "counting": "1 to 40 dots of a size that differs from picture to picture; 40 ordered classes (drawn)",
    "gauge": "a needle that shows one of 20 positions with known noise, so that the best answer is known (drawn)",
    "cifar100": "100 kinds of things in 20 groups, 32x32 photographs (your files, see the README)",
    "cifar100-96": "cifar100 without aquarium_fish, sweet_pepper, keyboard and pickup_truck",
    "cifar10": "10 kinds of animals and vehicles, 32x32 photographs (your files)",
    "fashion-mnist": "10 kinds of clothes, shoes and bags, 28x28 grey pictures (your files, or Debian's package)",
    "utkface": "faces of ages 1 to 90, 60x60; 90 ordered classes (your files, research use only)",
}
_LAYOUTS = (
    "a Parquet file, a folder with train-* and test-* Parquet, CIFAR-100 or CIFAR-10 as torchvision keeps it, the idx "
    "files of Fashion-MNIST, UTKFace as a zip or folder, or a folder with one subfolder a class (also below train/, "
    "val/ and test/)"
)


def available() -> dict[str, str]:
    """The names that `load` knows, each with a line that says what it is."""
    return dict(_AVAILABLE)


def load(
    name_or_path: str | os.PathLike[str],
    *,
    test: str | os.PathLike[str] | None = None,
    drop: Sequence[str] = (),
    size: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> ImageDataset:
    """A data set by name or path, decoded once and memory-mapped from then on.

    Parameters
    ----------
    name_or_path : a name of `available()`, or the path of a Parquet file or folder, a UTKFace zip or
        folder, CIFAR-100 or CIFAR-10 in torchvision's layout, a folder of MNIST's idx files, an image
        folder ``class/...``, or a collection of `simviz.datasets.presets`. A ``classes.csv`` in the
        folder names, orders and groups its classes, see `simviz.datasets.class_table`.
    test : path whose images are the test part; classes are matched by name. Without it, and without a
        test part of its own, 20 % of a data set are split off by content (UTKFace: its authors' split).
    drop : names of classes to leave out.
    size : side of the images in pixels; by default 32 (UTKFace 60, tree-rings 64).
    cache : folder of the decoded sets; by default ``$SIMVIZ_CACHE``, else ``data/cache``.

    Raises
    ------
    ValueError
        Saying what is wrong with the name, the path, the files or an option, and what to do.
    """
    if size is not None and not 8 <= size <= 512:
        raise ValueError(f"size is {size}; images are resized to between 8 and 512 pixels")
    drop = tuple(dict.fromkeys([drop] if isinstance(drop, str) else drop))
    name = os.fspath(name_or_path)
    if name in _DRAWN:
        if test is not None:
            raise ValueError(f"{name} is drawn with a test part of its own; leave test out")
        module = _DRAWN[name]
        pixels = size or module.SIZE
        key = {"name": name, "drawing": module.VERSION, "size": pixels}
        whole = cached(key, lambda: module.draw(pixels), cache)
        return cached({**key, "drop": sorted(drop)}, lambda: without(whole, drop), cache) if drop else whole
    if name == "cifar100-96":
        whole = load("cifar100", test=test, size=size, cache=cache)
        gone = tuple(dict.fromkeys([*cifar.DROPPED, *drop]))
        key = {"name": name, "of": whole.fingerprint, "drop": sorted(gone)}
        return cached(key, lambda: replace(without(whole, gone), name=name), cache)
    path = _find(name) if name in _AVAILABLE else Path(name).expanduser()
    title = name if name in _AVAILABLE else path.name
    return _load_path(title, path, None if test is None else Path(test).expanduser(), drop, size, cache)


def _load_path(
    title: str,
    path: Path,
    test: Path | None,
    drop: tuple[str, ...],
    size: int | None,
    cache: str | os.PathLike[str] | None,
) -> ImageDataset:
    kind, read = _source(path)
    options: dict[str, Any] = {"size": size or SIZE, "split": content_split, "augment": ("crop", "flip")}
    if kind == "utkface":
        options |= {"size": size or utkface.SIZE, "split": utkface.split, "independent": True}
        options |= {"default_model": "age", "augment": ("flip",)}
    elif title == "cifar100":
        options["default_model"] = "lenet"
    key = {"name": title, "code": VERSION, "size": options["size"], "drop": sorted(drop), "kind": kind}
    table = class_table.find(path)
    test_table = (class_table.find(test) if test is not None else None) or table
    key["sources"] = [_identity(p) for p in (path, test, table, test_table) if p is not None]

    def make() -> ImageDataset:
        tested = None if test is None else _source(test)[1]()
        if tested is not None and test_table is not None:
            tested = replace(class_table.apply(test_table, tested), notes=tested.notes)  # it may lack classes
        listed = read() if table is None else class_table.apply(table, read())
        return build(title, listed, test=tested, drop=drop, **options)

    return cached(key, make, cache)


def _source(path: Path) -> tuple[str, Callable[[], Listing]]:
    """Which layout lies at `path`, and how to list it."""
    if not path.exists():
        raise ValueError(
            f"there is no data set {str(path)!r}: neither one of {', '.join(_AVAILABLE)} nor an existing path"
        )
    if found := parquet.files(path):
        return "parquet", lambda: parquet.listing(found)
    if (place := cifar.find(path)) is not None:
        return "cifar", lambda: cifar.listing(place)
    if idx.recognised(path):
        return "idx", lambda: idx.listing(path)
    if (preset := presets.source(path)) is not None:
        return "preset", preset
    if utkface.recognised(path):
        return "utkface", lambda: utkface.listing(path)
    if path.is_dir():
        return "folder", lambda: folder.listing(path)
    raise ValueError(f"{path} is no data set that can be read; readable are {_LAYOUTS}")


def roots() -> list[Path]:
    """Where the user keeps data sets and matrices: the folders of ``$SIMVIZ_DATA``, else ./data."""
    given = [Path(p).expanduser() for p in os.environ.get("SIMVIZ_DATA", "").split(os.pathsep) if p]
    return given or [Path("data")]


def _find(name: str) -> Path:
    """Where the user keeps the files of a named data set."""
    look = {"fashion-mnist": _fashion, "utkface": _utkface}.get(name, lambda root: _cifar(root, name))
    for root in roots():
        if (place := look(root)) is not None:
            return place
    where, first = ", ".join(map(str, roots())), roots()[0]
    kind = "FashionMNIST" if name == "fashion-mnist" else name.upper()
    download = f"run python -c \"import torchvision; torchvision.datasets.{kind}('{first}', download=True)\""
    title, how = {
        "fashion-mnist": ("Fashion-MNIST", f"install Debian's package dataset-fashion-mnist, or {download}"),
        "utkface": ("UTKFace", "put UTKFace.zip or the unpacked folder UTKFace there (given out for research only)"),
    }.get(name, (name.replace("cifar", "CIFAR-"), f"put its Parquet files into {first / name}, or {download}"))
    raise ValueError(
        f"{title} is not in {where}: {how}, or set SIMVIZ_DATA to the folder that holds it, or give a path instead of "
        "the name"
    )


def _fashion(root: Path) -> Path | None:
    places = (root / "fashion-mnist", root / "FashionMNIST", DEBIAN_FASHION)
    return next((p for p in places if idx.recognised(p) or parquet.files(p)), None)


def _utkface(root: Path) -> Path | None:
    places = [p for pattern in ("UTKFace*", "utkface*") for p in sorted(root.glob(pattern))]
    return next((p for p in places if utkface.recognised(p)), None)


def _cifar(root: Path, name: str) -> Path | None:
    title = name.replace("cifar", "cifar-")
    for place in (root / name, root / title, root):
        if (found := cifar.find(place, ten=name == "cifar10")) is not None:
            return found
        if place != root and parquet.files(place):
            return place
    loose = sorted(p for p in root.glob(f"{name}*.parquet") if not p.name.startswith(f"{name}0"))
    return loose[0] if len(loose) == 1 else root if loose else None


def _identity(path: Path) -> list[list[Any]]:
    """Names, sizes and times of all files of a source: what tells whether a cached set is still its own."""
    if path.is_file():
        files = [path]
    else:
        files = parquet.files(path) or sorted(
            Path(root) / name for root, _, names in os.walk(path) for name in names if not name.startswith(".")
        )
    return [[str(path.resolve())], *([str(p), (s := p.stat()).st_size, s.st_mtime_ns] for p in files)]
