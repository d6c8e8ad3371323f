"""Everything the app remembers between reruns. Shared by all sessions, so nothing here is ever changed."""

from __future__ import annotations

import base64
import inspect
import io
import os
import subprocess
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz import compare, datasets, evaluation, matrices, npz, words
from simviz.classes import ClassSet
from simviz.datasets import ImageDataset
from simviz.evaluation import Ruler, agreement
from simviz.evaluation.predictions import Predictions
from simviz.matrices import ClassMatrix, anatomy, files
from simviz.matrices import forecast as forecasts
from simviz.matrices.forecast import Forecast
from simviz.runs import Comparison, Run, Store, StoreError, progress
from simviz.runs import examples as archives
from simviz.settings import parse_part

if TYPE_CHECKING:
    import pandas as pd

BY_CONTENT: dict[Any, Any] = {
    ClassSet: lambda c: c.fingerprint,
    ClassMatrix: lambda m: m.hash,
    Ruler: lambda r: (r.hash, r.name),
}
PICTURES = 8
FOLDERS = 5_000
NOT_OPTIONS = ("weight", "ignore_index", "reduction", "options", "num_classes", "positions", "period")
Stamp = tuple[str, int, int]


def matrix(part: str, classes: ClassSet) -> ClassMatrix:
    """`matrices.build`. A file of word vectors that the part names has been looked at by `folders.inside`."""
    source = parse_part(part).options.get("vectors")
    return _matrix(part, classes, None if source is None else vectors_stamp(str(source)))


@st.cache_resource(max_entries=32, show_spinner="Building the matrix", hash_funcs=BY_CONTENT)
def _matrix(part: str, classes: ClassSet, vectors: Stamp | None) -> ClassMatrix:
    return matrices.build(part, classes)


@st.cache_resource(max_entries=4, show_spinner="Reading the matrix")
def uploaded(data: bytes, suffix: str) -> ClassMatrix:
    return files.loads(data, suffix)


def vectors_stamp(source: str) -> Stamp | None:
    """Of the file that `words.load` reads for a source; None for the bundled vectors, which never change."""
    path = Path(source) if words.is_path(source) else words.local(source)
    return None if path is None else stamp(path)


def resolved(classes: ClassSet, source: str = words.BUNDLED) -> list[words.Resolution]:
    return _resolved(classes, source, vectors_stamp(source))


@st.cache_resource(max_entries=16, show_spinner="Looking the words up", hash_funcs=BY_CONTENT)
def _resolved(classes: ClassSet, source: str, vectors: Stamp | None) -> list[words.Resolution]:
    return words.resolve(classes, source)


def neighbours(word: str, source: str = words.BUNDLED) -> list[tuple[str, float]]:
    """The ten nearest tokens; a file is read from end to end for them."""
    return _neighbours(word, source, vectors_stamp(source))


@st.cache_data(max_entries=256, show_spinner="Reading all word vectors")
def _neighbours(word: str, source: str, vectors: Stamp | None) -> list[tuple[str, float]]:
    return words.load(source).neighbours(word)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def measured(matrix: ClassMatrix) -> anatomy.Anatomy:
    return anatomy.measure(matrix)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def forecast(similarity: ClassMatrix, normalize: str = "none") -> Forecast:
    return forecasts.forecast(similarity, normalize)


@st.cache_resource(max_entries=8, show_spinner="Growing the tree", hash_funcs=BY_CONTENT)
def tree(matrix: ClassMatrix) -> NDArray[np.float64]:
    return anatomy.tree(matrix)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CONTENT)
def class_map(matrix: ClassMatrix) -> tuple[NDArray[np.float64], float]:
    return anatomy.class_map(matrix)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def leaves(matrix: ClassMatrix) -> list[int]:
    return anatomy.leaf_order(matrix)


@st.cache_resource(max_entries=16, show_spinner="Unpacking the examples")
def examples(root: str) -> str | None:
    """Put the shipped comparisons into the store below `root`, once; a sentence where that cannot be done."""
    try:
        archives.install(Store(root))
    except (StoreError, OSError) as error:
        return f"The shipped examples could not be unpacked: {error}"
    return None


def dataset(name: str) -> ImageDataset:
    """`datasets.load`; a folder or file that has changed is read again."""
    return _dataset(name, _last_change(Path(name)))


@st.cache_resource(max_entries=2, show_spinner="Preparing the data set; the first time takes a while")
def _dataset(name: str, changed: int) -> ImageDataset:
    return datasets.load(name)


def _last_change(path: Path) -> int:
    """When a file, or a folder or one of its folders two levels deep, last changed, in ns; 0 for a name."""
    try:
        folders = [p for pattern in ("*/", "*/*/") for p in islice(path.glob(pattern), FOLDERS)]
        return max(p.stat().st_mtime_ns for p in [path, *folders])
    except OSError:
        return 0


@st.cache_data(max_entries=4, show_spinner="Collecting pictures")
def card(name: str, fingerprint: str) -> pd.DataFrame:
    """A row a class: pictures, group, position, images per part. `fingerprint` is the data set's, for the key."""
    import pandas as pd

    data = dataset(name)
    about: dict[str, Any] = datasets.card(data)
    table = pd.DataFrame({"class": list(data.classes)})
    table["pictures"] = [_strip(data.images[rows]) for rows in about["examples"]]
    if data.classes.groups is not None:
        table["group"] = [" / ".join(path) for path in data.classes.groups]
    if data.classes.positions is not None:
        table["position"] = data.classes.positions
    for column, part in enumerate(("train", "validation", "test")):
        table[part] = about["counts"][:, column]
    return table


@st.cache_data(show_spinner="Loading the losses")
def losses() -> dict[str, dict[str, Any]]:
    """Name -> title, kind of matrix, whether it needs an order or groups, its options as text. Loads torch."""
    from simviz import losses as library

    about = {}
    for name in library.available():
        cls = library.get(name)
        given = inspect.signature(cls).parameters.values()
        options = [f"{p.name}={p.default}" for p in given if p.name not in NOT_OPTIONS and p.default is not p.empty]
        text = f"Options, as they are: {', '.join(options)}" if options else "It has no options."
        needs = {"matrix": cls.matrix, "ordered": cls.ordered, "grouped": cls.grouped}
        about[name] = {"title": cls.title, **needs, "help": text}
    return about


def losses_for(classes: ClassSet) -> dict[str, dict[str, Any]]:
    """Those of `losses` that the classes have the order and the groups for."""
    return {
        name: about
        for name, about in losses().items()
        if (classes.ordered or not about["ordered"]) and (classes.groups is not None or not about["grouped"])
    }


@st.cache_data(ttl=20, max_entries=32, show_spinner=False)
def pace(root: str, model: str, dataset: str) -> float | None:
    return progress.pace(Store(root), model, dataset)


@st.cache_data(ttl=20, show_spinner=False)
def machine() -> str:
    """Cores and free memory; before them each GPU and its own, as the driver's tool tells it."""
    import psutil

    asked = ["nvidia-smi", "--query-gpu=name,memory.free", "--format=csv,noheader"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # no driver
        answer = ""
    gpus = [f"cuda:{i} {' with '.join(line.split(', '))} free" for i, line in enumerate(answer.splitlines())]
    return ", ".join([*gpus, f"{os.cpu_count()} cores with {psutil.virtual_memory().available / 2**30:.1f} GiB free"])


@st.cache_data(max_entries=32, show_spinner=False)
def last_confusion(path: str, modified_ns: int) -> bytes | None:
    """The confusion matrix of one epoch as a small PNG, each row scaled to its sum; None if it cannot be read."""
    from PIL import Image

    from simviz.figures import style

    try:
        kept = npz.read(Path(path))["confusion"]
        counts = evaluation.confusion.checked_confusion(kept, len(kept)).astype(np.float32)
    except (ValueError, KeyError, TypeError):
        return None
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    pixels = style.colormap(np.sqrt(shares), style.SEQUENTIAL, 0, 1)  # the root makes rare mistakes visible
    side = max(1, round(220 / len(counts))) * len(counts)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def _strip(images: np.ndarray) -> str:
    """Up to eight pictures side by side, 48 pixels high, as a data URI."""
    from PIL import Image

    strip = Image.new("RGB", (PICTURES * 50, 48), "white")
    for place, pixels in enumerate(images[:PICTURES]):
        strip.paste(Image.fromarray(np.asarray(pixels)).resize((48, 48), Image.Resampling.LANCZOS), (place * 50, 0))
    return _uri(strip)


def _uri(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def stamp(path: Path) -> Stamp | None:
    """Path, time of change and size: what is read from a file is remembered under it. None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


def stamps(run: Run, part: str) -> tuple[Stamp | None, ...]:
    """Of everything that the inspection pages read of a run."""
    names = (f"{part}.npz", "validation.npz", "result.json", "matrix.npz", "spec.json")
    return tuple(stamp(run.path / name) for name in names)


@dataclass(frozen=True)
class Decoded:
    """What one run decided about each of N samples, read-only.

    Attributes
    ----------
    ids : str (N,)
    units, target, predicted : int64 (N,)
    probability : float32 (N,), of the predicted class, blurred where the decoder is; NaN of bare decisions
    """

    ids: NDArray[np.str_]
    units: NDArray[np.int64]
    target: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probability: NDArray[np.float32]


@st.cache_resource(max_entries=200, show_spinner="Reading predictions", hash_funcs=BY_CONTENT)
def decoded(of: tuple[Stamp | None, ...], classes: ClassSet, ruler: Ruler, decoder: str) -> Decoded:
    """A run's predictions under a decoder; `of` are its `stamps`. ValueError where they cannot be read."""
    assert of[0] is not None
    found = Predictions.load(Path(of[0][0]), features=False)
    if found.predicted is not None:  # decided elsewhere: there is nothing to decode
        unknown = np.full(len(found), np.nan, dtype=np.float32)
        return _read_only(classes, found.ids, found.units, found.target, found.predicted, unknown)
    temperature = None
    if decoder == "min_cost" and of[1] is not None:
        fitted = Predictions.load(Path(of[1][0]), features=False)
        temperature = evaluation.fit_temperature(fitted.log_probabilities, fitted.target)
    logs = found.log_probabilities
    if decoder == "blurred":
        similarity = compare.trained_similarity(Run(Path(of[0][0]).parent), classes)
        assert similarity is not None
        logs, decoder = evaluation.blurred(logs, similarity), "argmax"
    predicted = evaluation.decode(logs, decoder, classes=classes, ruler=ruler, temperature=temperature)
    probability = np.exp(logs[np.arange(len(logs)), predicted].astype(np.float32))
    return _read_only(classes, found.ids, found.units, found.target, predicted, probability)


def _read_only(classes: ClassSet, *arrays: NDArray[Any]) -> Decoded:
    found = Decoded(*arrays)
    evaluation.confusion_matrix(found.target, found.predicted, len(classes))  # refuses targets outside the classes
    for array in arrays:
        array.setflags(write=False)
    return found


@st.cache_resource(max_entries=32, show_spinner="Measuring", hash_funcs=BY_CONTENT)
def table(
    of: tuple[tuple[Stamp | None, ...], ...], _comparison: Comparison, part: str, decoder: str, ruler: Ruler
) -> list[compare.Row]:
    """`compare.table`; `of` are the stamps of the comparison's runs."""
    return compare.table(_comparison, part=part, decoder=decoder, ruler=ruler)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def ruler(classes: ClassSet, choice: str | None, file: Stamp | None = None) -> Ruler:
    """`evaluation.ruler`; `file` is the stamp of a choice that is a file."""
    return evaluation.ruler(classes, choice)


@st.cache_resource(max_entries=2, show_spinner="Reading pictures")
def pictures(file: Stamp) -> tuple[dict[str, int], NDArray[np.uint8]]:
    """A comparison's pictures, uint8 (N, H, W, 3), and the row of each sample id; ValueError where damaged."""
    comparison = Comparison(Path(file[0]).parent)
    try:
        rows, images = comparison.image_rows(), comparison.images()
    except ValueError as error:
        raise ValueError(f"the pictures of this comparison cannot be read: {error}") from None
    assert images is not None
    return rows, images


@st.cache_data(max_entries=2000, show_spinner=False)
def thumbnail(file: Stamp, row: int) -> str:
    """One of `pictures`, 96 pixels high, as a data URI."""
    from PIL import Image

    image = Image.fromarray(np.asarray(pictures(file)[1][row]))
    size = (round(image.width * 96 / image.height), 96)
    return _uri(image.resize(size, Image.Resampling.LANCZOS))


@st.cache_data(max_entries=2000, show_spinner=False)
def keeps_distance(file: Stamp) -> bool:
    """Whether the arrays of an epoch hold a learned distance."""
    try:
        return "ground_distance" in npz.headers(Path(file[0]))
    except ValueError:
        return False


@st.cache_resource(max_entries=8, show_spinner="Reading the distances")
def distances(files: tuple[Stamp, ...], num_classes: int) -> NDArray[np.float32]:
    """The learned distance of every epoch, (E, C, C), read-only; ValueError for one that is none."""
    found = np.empty((len(files), num_classes, num_classes), dtype=np.float32)
    for row, file in enumerate(files):
        name = "/".join(Path(file[0]).parts[-3:])
        try:
            found[row] = npz.read(Path(file[0]))["ground_distance"]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{name} holds no distance between {num_classes} classes: {error}") from None
        if not np.isfinite(found[row]).all() or (found[row] < 0).any():
            raise ValueError(f"{name}: the distance has entries that are negative or not finite")
    found.setflags(write=False)
    return found


@st.cache_resource(max_entries=16, show_spinner="Learning the controls")
def controls(
    of: tuple[Stamp | None, ...], _comparison: Comparison, _run: Run
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """`learned.controls`; `of` are the stamps of the comparison and of the run. Loads torch."""
    from simviz import learned

    return learned.controls(_comparison, _run)


@st.cache_data(max_entries=200, show_spinner="Permuting the classes")
def mantel(a: NDArray[np.float32], b: NDArray[np.float32], permutations: int) -> agreement.Mantel | None:
    return agreement.mantel(a, b, permutations)


@st.cache_data(max_entries=100, show_spinner="Comparing every epoch")
def course(learned: NDArray[np.float32], reference: NDArray[np.float32]) -> list[float | None]:
    """Spearman's rho of each epoch's distance (E, C, C) with a reference (C, C)."""
    return [agreement.spearman(d, reference) for d in learned]
