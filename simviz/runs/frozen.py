"""The penultimate features of a run's network, kept beside it, for last layers that are fitted anew.

Three ways lead to them. A run keeps the features of its validation and test images where they are small. Where its
weights are there too, `keep` reads those of training images, which a head should be fitted to: they, and no others,
are what a network that is trained with another loss sees. Predictions made elsewhere may come with features: then one
half of their units is fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simviz import heads, npz
from simviz.atomic import replacing
from simviz.classes import ClassSet
from simviz.heads import Features
from simviz.runs import weights
from simviz.runs.files import StoreError, check_writable, read_arrays, read_json
from simviz.runs.ingredients import load_data
from simviz.runs.store import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

FILE = "features.npz"
MOST = 10_000  # images of each part
WORK = 84_000_000  # samples x features x classes of one step: a fit of some forty steps stays below a second or two
PIECE = 512
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Frozen:
    """Features to fit heads to, and to judge them by.

    Attributes
    ----------
    fit : Features
        Of training images; of validation images, or of one half of the units of uploaded ones, where `part` says so.
    held : Features or None
        Of validation images, to fit the temperature of a decision by cost to; None where they were fitted to.
    asked : Features
        Of test images; of the other half of the units.
    part : "train", "validation" or "half"
    rows : int64 (M,) or None
        Which of the run's test predictions are of the samples of `asked`; None: all, or a part drawn evenly.
    """

    fit: Features
    held: Features | None
    asked: Features
    part: str
    rows: NDArray[np.int64] | None = None


def lacking(run: Run) -> str | None:
    """Why `load` would find nothing, in a sentence; None where it would. StoreError for a damaged file.

    Headers tell, so that a page can ask every run of a comparison.
    """
    if (run.path / FILE).is_file():
        return None
    parts = ("validation", "test") if run.has_predictions("validation") else ("test",)
    for part in parts:
        if not run.has_predictions(part) or "features" not in _names(run, part):
            return f"{run.id} keeps no features of its {part} images"
    return None


def _names(run: Run, part: str) -> Collection[str]:
    try:
        return npz.headers(run.path / f"{part}.npz")
    except ValueError as error:
        raise StoreError(f"{run.id}: {error}") from None


def readable(run: Run) -> bool:
    """Whether the run keeps the weights that `keep` needs."""
    return weights.path(run).is_file()


def load(run: Run, classes: ClassSet) -> Frozen:
    """The features of a run.

    Raises
    ------
    StoreError
        There are none, or they are damaged.
    """
    if said := lacking(run):
        raise StoreError(f"{said}; read them from its weights, or train it again")
    try:
        if (run.path / FILE).is_file():
            found = _kept(run, classes)
            return Frozen(quick(found["train"]), found["validation"], found["test"], "train")
        asked = _of_predictions(run, "test", classes)
        if run.has_predictions("validation"):
            return Frozen(quick(_of_predictions(run, "validation", classes)), None, asked, "validation")
        one, other = asked.halves()
        return Frozen(quick(asked.take(one)), None, asked.take(other), "half", other)
    except ValueError as error:
        raise StoreError(f"the features of {run.id} cannot be used: {error}") from None


def quick(samples: Features) -> Features:
    """As many of the samples as a head is fitted to in a second or two, the classes as even as they can be."""
    return samples.spread(enough(samples))


def enough(samples: Features) -> int:
    """How many samples of this width and of so many classes a head is fitted to in a second or two."""
    return max(2 * samples.num_classes, WORK // (samples.num_classes * samples.values.shape[1]))


def keep(run: Run, classes: ClassSet, say: Callable[[float], object] = lambda share: None) -> None:
    """Ask the run's network for the features of up to 10,000 images of each part, and keep them in its folder.

    Parameters
    ----------
    say : told the share that is done, 0 ... 1

    Raises
    ------
    StoreError
        No weights, or they do not fit; the data set cannot be read or is another one by now; a read-only server.
    """
    from simviz.runs import network

    check_writable("kept")
    layers = network.load(run, classes)
    try:
        data = load_data(run.spec)
    except (ValueError, OSError) as error:
        raise StoreError(f"the data of {run.id} cannot be read: {error}") from None
    known = read_json(run.path / "data.json").get("fingerprint")
    if data.fingerprint != known:
        raise StoreError(
            f"{data.name} is not what {run.id} was trained on: fingerprint {data.fingerprint}, not {known}"
        )
    data = data if run.spec.train_size is None else data.subset(run.spec.train_size)
    rows = {part: heads.drawn(data.labels, data.indices(part), MOST) for part in PARTS}
    total, done = sum(map(len, rows.values())), 0
    arrays: dict[str, NDArray[Any]] = {}
    for part, chosen in rows.items():
        values = []
        for start in range(0, len(chosen), PIECE):
            piece = chosen[start : start + PIECE]
            values.append(layers.features(np.ascontiguousarray(data.images[piece])).astype(np.float16))
            done += len(piece)
            say(done / total)
        arrays[f"{part}_features"] = np.concatenate(values)
        arrays[f"{part}_target"] = np.asarray(data.labels[chosen], dtype=np.int64)
        arrays[f"{part}_units"] = np.asarray(data.units[chosen], dtype=np.int64)
    write(run, arrays)


def write(run: Run, arrays: dict[str, NDArray[Any]]) -> None:
    """Keep features, target and units of every part in the run's folder, as `load` reads them."""
    with replacing(run.path / FILE) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _kept(run: Run, classes: ClassSet) -> dict[str, Features]:
    arrays = read_arrays(run.path / FILE)
    for part in PARTS:
        for name in ("features", "target", "units"):
            if f"{part}_{name}" not in arrays:
                raise ValueError(f"{FILE} has no array {part}_{name}; delete it, and read them again")
    found = {}
    for part in PARTS:
        values, target, units = (arrays[f"{part}_{name}"] for name in ("features", "target", "units"))
        found[part] = heads.features(values, target, len(classes), units)
    return found


def _of_predictions(run: Run, part: str, classes: ClassSet) -> Features:
    kept = run.predictions(part, features=True)
    assert kept.features is not None
    return heads.features(kept.features, kept.target, len(classes), kept.units)
