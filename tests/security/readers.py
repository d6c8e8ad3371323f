"""Every reader of a file that a user hands over, with files to feed it: whole ones, and ways to damage them.

The contract is one for all: what is read is used, or refused by a ValueError of one line. Anything else is a fault.
"""

from __future__ import annotations

import functools
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from PIL import Image

from simviz import ClassMatrix, ClassSet, compare, settings
from simviz.compare import plans
from simviz.datasets import class_table, folder, idx, listing, parquet, presets, utkface
from simviz.evaluation import foreign
from simviz.evaluation.predictions import Predictions
from simviz.matrices import files as matrix_files
from simviz.runs import Comparison, Store, archive, checkpoint, progress, weights
from simviz.words import files as word_files
from tests.datasets.helpers import encoded, write_parquet
from tests.runs import helpers
from tests.security.damage import damaged, rewritten, rezipped, zipped

Read = Callable[[Any], object]
CLASSES = ClassSet(["cat", "dog", "truck"], groups=["animal", "animal", "vehicle"], positions=[1, 2, 5])


@dataclass(frozen=True)
class Reader:
    """A reader, and inputs for it."""

    name: str
    read: Read
    inputs: st.SearchStrategy[Any]


def refused(read: Read, data: Any) -> bool:
    """Whether the reader refuses the input in one sentence; what else it raises is raised."""
    try:
        read(data)
    except ValueError as error:
        said: ValueError = error
    else:
        return False
    assert not isinstance(said, UnicodeError | json.JSONDecodeError), f"no sentence: {said}"
    assert "\n" not in str(said), said
    assert 0 < len(str(said)) < 1500, said
    return True


# Whole files, made by those who write them.


def csv(table: pd.DataFrame, **how: Any) -> bytes:
    return table.to_csv(index=False, **how).encode()


def npz(**members: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    return buffer.getvalue()


def parquet_of(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


@functools.cache
def made() -> Comparison:
    """A comparison as training leaves it, with every file of the run folder."""
    return helpers.comparison(Path(tempfile.mkdtemp(prefix="simviz-fuzz-")))


def in_file(name: str, read: Callable[[Path], object]) -> Read:
    """A reader of bytes from a reader of a path."""

    def reader(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return read(path)

    return reader


def prediction_files() -> Reader:
    table = pd.DataFrame({"id": [1, 2, 3], "y_true": ["a", "b", "a"], "p_a": [0.5, 0.25, 1.0], "p_b": [0.5, 0.75, 0]})
    blocks = pd.DataFrame({"label": [0, 1], "probs": [[0.5, 0.5], [0.1, 0.9]]})
    square = io.BytesIO()
    np.save(square, np.array([[5, 1], [2, 4]]))
    texts = {".csv": [csv(table), b",a,b\na,5,1\nb,2,4\n", b"5,1\n2,4\n"], ".tsv": [csv(table, sep="\t")]}
    others = {".parquet": [parquet_of(table), parquet_of(blocks)], ".npy": [square.getvalue()]}
    zips = [npz(y_true=np.arange(3), y_pred=np.eye(3), class_names=np.array(["a", "b", "c"]))]
    inputs = [st.tuples(st.just(end), damaged(whole)) for end, whole in (texts | others).items()]
    inputs.append(st.tuples(st.just(".npz"), rezipped(zips)))

    def read(given: tuple[str, bytes]) -> object:
        return foreign.read(foreign.source(given[1], f"a{given[0]}"))

    return Reader("prediction files", read, st.one_of(inputs))


def matrix_texts() -> Reader:
    matrix = ClassMatrix(CLASSES, [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    whole = [matrix_files.dumps(matrix, ".csv"), b"distance;a;b\na;0;1\nb;1;0\n"]
    return Reader("matrices, CSV", lambda data: matrix_files.loads(data, ".csv"), damaged(whole))


def matrix_npz() -> Reader:
    matrix = ClassMatrix(CLASSES, [[0, 1, 2], [1, 0, 2], [2, 2, 0]], "distance", recipe={"matrix": "groups"})
    whole = [matrix_files.dumps(matrix, ".npz")]
    return Reader("matrices, npz", lambda data: matrix_files.loads(data, ".npz"), rezipped(whole))


def word_vectors() -> Reader:
    rows = np.arange(12, dtype="<f4").reshape(4, 3) / 7
    texts = [
        f"{word} {' '.join(map(str, row))}" for word, row in zip(("the", "rose", "a b", "日本"), rows, strict=True)
    ]
    binary = b"".join(w + b" " + r.tobytes() + b"\n" for w, r in zip((b"the", b"rose", b"c", b"d"), rows, strict=True))
    glove = "\n".join(texts).encode() + b"\n"
    import gzip

    whole = [glove, b"4 3\n" + glove, b"4 3\n" + binary, gzip.compress(glove)]

    def read(path: Path) -> object:
        layout = word_files.recognise(path)
        return [word_files.parsed(layout, b.places, b.numbers) for b in word_files.scan(layout)]

    return Reader("word vectors", in_file("vectors.txt", read), damaged(whole))


def class_tables() -> Reader:
    whole = [b"name,label,position,group,group 2,word\ncat,c,1,animal,pet,cats\ndog,d,2,animal,pet,\n"]
    whole.append(b"name,position\na,1\nb,2\n")
    return Reader("class tables", lambda data: class_table.read(data, "classes.csv"), damaged(whole))


def comparison_files() -> Reader:
    whole = [(Path(plans.__file__).parents[1] / "experiments" / "hou-ordered.toml").read_bytes()]
    whole.append(b'dataset = "clock"\nloss = ["simloss@order:r={r}", "ce"]\ngrid = {r = [0.1, 0.5]}\nseeds = 2\n')

    def read(path: Path) -> object:
        return [(plan.settings, plan.specs()) for plan in plans.read(path).plans]

    return Reader("comparisons, TOML", in_file("a.toml", read), damaged(whole))


def setting_texts() -> Reader:
    whole = [b"simloss:normalize=columns@words:keep=0.02", b'simloss@words:vectors="a,b.txt",keep=.5', b"ce"]
    inputs = damaged(whole).map(lambda data: data.decode("utf-8", "replace"))

    def read(text: str) -> object:
        once = str(settings.parse_setting(text))
        assert str(settings.parse_setting(once)) == once
        return once

    return Reader("settings", read, inputs)


def pictures() -> Reader:
    """Decoded as a data set decodes them, which skips what is no picture, and as an upload, which says so."""
    from simviz.runs import network

    whole = [encoded(1, kind) for kind in ("PNG", "JPEG", "WEBP")] + [_tagged()]

    def read(data: bytes) -> object:
        listing.decode(data, 8)
        return network.picture(data, 8)

    return Reader("pictures", read, damaged(whole))


def _tagged() -> bytes:
    """A photograph that the camera held sideways."""
    about = Image.Exif()
    about[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (9, 5)).save(buffer, "JPEG", exif=about.tobytes())
    return buffer.getvalue()


def _listed(listed: listing.Listing) -> object:
    return listing.build("a", listed, size=8)


def image_parquet() -> Reader:
    with tempfile.TemporaryDirectory() as scratch:
        path = write_parquet(
            Path(scratch) / "a.parquet", [encoded(i) for i in range(9)], [0, 1, 2] * 3, ["a", "b", "c"]
        )
        texts = write_parquet(Path(scratch) / "b.parquet", [encoded(i) for i in range(4)], list("xyxy"), struct=False)
        whole = [path.read_bytes(), texts.read_bytes()]
    return Reader("image sets, Parquet", in_file("a.parquet", lambda p: _listed(parquet.listing([p]))), damaged(whole))


def idx_folders() -> Reader:
    pixels = bytes([0, 0, 8, 3, *(0, 0, 0, 6), *(0, 0, 0, 4), *(0, 0, 0, 4)]) + bytes(range(96))
    labels = bytes([0, 0, 8, 1, 0, 0, 0, 6, 0, 1, 2, 0, 1, 2])
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

    def read(given: tuple[bytes, bytes]) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            for name, data in zip(names, (given[0], given[1], pixels, labels), strict=True):
                (Path(scratch) / name).write_bytes(data)
            return _listed(idx.listing(Path(scratch)))

    whole = st.just(pixels) | damaged([pixels]), st.just(labels) | damaged([labels])
    return Reader("image sets, idx", read, st.tuples(*whole))


def face_zips() -> Reader:
    names = [f"UTKFace/{age}_0_1_2017.jpg" for age in (1, 20, 90, 116)] + ["UTKFace/none.png"]
    whole = [zipped({name: encoded(i, "JPEG") for i, name in enumerate(names)})]
    return Reader("image sets, zip", in_file("a.zip", lambda path: _listed(utkface.listing(path))), rezipped(whole))


def image_folders() -> Reader:
    """Folders whose class names and pictures anyone chose."""
    name = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)
    picture = damaged([encoded(1), encoded(2, "JPEG")])

    def read(given: dict[str, bytes]) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            for number, (label, data) in enumerate(given.items()):
                if label in (".", ".."):
                    continue
                place = Path(scratch) / label / f"{number}.png"
                place.parent.mkdir()
                place.write_bytes(data)
            return _listed(folder.listing(Path(scratch)))

    return Reader("image sets, folder", read, st.dictionaries(name, picture, max_size=4))


def collections() -> Reader:
    """The text files of published collections."""
    fold = b"user_id\toriginal_image\tface_id\tage\n1@N\ta.jpg\t1\t(25, 32)\n2@N\tb.jpg\t2\t4\n"
    people = b"a.jpg\n10 10 20 10 28 1\nb.jpg\n1 2 3 4 75 2\n"
    votes = b"1 953619 0 1 5 17 38 36 15 6 5 1 1 22 1396\n2 953958 10 7 15 26 26 21 10 8 1 2 1 21 1396\n"
    kinds = {"fold_0_data.txt": fold, "x/PersonData.txt": people, "AVA.txt": votes}

    def read(given: tuple[str, bytes]) -> object:
        root = lambda path: path.parents[given[0].count("/")]  # noqa: E731
        return in_file(given[0], lambda path: presets.source(root(path))())(given[1])

    return Reader("collections", read, st.one_of([st.tuples(st.just(n), damaged([d])) for n, d in kinds.items()]))


def archives() -> Reader:
    buffer = io.BytesIO()
    archive.pack(made(), buffer)
    kept = zipfile.ZipFile(buffer)
    members = {name: kept.read(name) for name in kept.namelist()}
    texts = [name for name in members if name.endswith(".json")]

    def with_json(name: str) -> st.SearchStrategy[bytes]:
        return rewritten(json.loads(members[name])).map(lambda data: zipped(members | {name: data}))

    def read(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                back = archive.unpack(io.BytesIO(data), Store(scratch))
            except ValueError:
                assert not list(Path(scratch).iterdir()), "something of a refused archive stays"
                raise
            return look(back)

    inputs = st.one_of(rezipped([buffer.getvalue()]), st.sampled_from(texts).flatmap(with_json))
    return Reader("archives", read, inputs)


def look(comparison: Comparison) -> object:
    """Read all that the pages read of a comparison; what cannot be read says so by a ValueError."""
    found: list[object] = []
    trouble = None
    pieces: list[Callable[[], object]] = [
        *(lambda name=name: getattr(comparison, name) for name in ("title", "created", "classes", "groups", "info")),
        lambda: progress.lines(comparison),
        lambda: (comparison.image_rows(), comparison.images()),
        lambda: compare.table(comparison),
        lambda: compare.comparison_ruler(comparison).describe(),
        lambda: Store(comparison.path.parent).comparisons(),
    ]
    for run in comparison.runs:
        pieces += [lambda run=run: (run.spec, run.status, run.wanted, run.metrics(), run.epochs, run.log())]
        pieces += [lambda run=run: [run.epoch_arrays(epoch) for epoch in run.epochs]]
        pieces += [run.matrix, run.result, run.predictions, functools.partial(run.predictions, "validation")]
    for piece in pieces:
        try:
            found.append(piece())
        except ValueError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return found


def stores() -> Reader:
    """A run folder that someone else wrote into: any of its JSON, any of its arrays."""
    root = made().path
    texts = [p.relative_to(root) for p in root.rglob("*.json")] + [Path("ce-s0/metrics.jsonl"), Path("ce-s0/log.txt")]
    texts += [Path("worker.json"), Path("ce-s0/control.json")]
    zips = [p.relative_to(root) for p in root.rglob("*.npz")]

    def new(path: Path) -> st.SearchStrategy[tuple[Path, bytes]]:
        whole = (root / path).read_bytes() if (root / path).exists() else b'{"pid": 1, "want": "cancel"}'
        if path.suffix == ".npz":
            return st.tuples(st.just(path), rezipped([whole]))
        ways = [damaged([whole])]
        if path.suffix == ".json":
            ways.append(rewritten(json.loads(whole)))
        return st.tuples(st.just(path), st.one_of(ways))

    def read(given: tuple[Path, bytes]) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / root.name
            shutil.copytree(root, copy)
            (copy / given[0]).write_bytes(given[1])
            return look(Comparison(copy))

    return Reader("run folders", read, st.sampled_from([*texts, *zips]).flatmap(new))


def kept_predictions() -> Reader:
    whole = [(made().runs[0].path / "test.npz").read_bytes()]
    few = {"best_classes": np.array([[0, 2], [1, 0]]), "best_log_probabilities": np.log([[0.5, 0.3], [0.9, 0.05]])}
    basic = {"ids": np.array(["a", "b"]), "units": np.arange(2), "target": np.arange(2)}
    whole.append(npz(**basic, **few, num_classes=np.array(5)))
    whole.append(npz(**basic, predicted=np.arange(2), num_classes=np.array(5)))
    return Reader("predictions of a run", in_file("test.npz", Predictions.load), rezipped(whole))


def checkpoints() -> Reader:
    import torch

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "checkpoint.safetensors"
        pixels = {"height": 8, "width": 8, "mean": torch.zeros(3), "scale": torch.ones(3)}
        network = {"head.weight": torch.zeros(3, 4), "head.bias": torch.zeros(3)}
        state = {"network": network, "loss": {}, "optimizer": {0: {"step": torch.tensor(1.0)}}, "pixels": pixels}
        checkpoint.save({**state, "best": {}, "epoch": 3}, path)
        whole = [path.read_bytes()]

    def read(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copytree(made().path, Path(scratch) / "c")
            run = Comparison(Path(scratch) / "c").runs[0]
            (run.path / "checkpoint.safetensors").write_bytes(data)
            checkpoint.load(run.path / "checkpoint.safetensors")
            weights.check(run)
            return weights.dumps(run, made().classes)

    return Reader("weights", read, damaged(whole))


READERS = {
    make.__name__: make
    for make in (
        prediction_files,
        matrix_texts,
        matrix_npz,
        word_vectors,
        class_tables,
        comparison_files,
        setting_texts,
        pictures,
        image_parquet,
        idx_folders,
        face_zips,
        image_folders,
        collections,
        archives,
        stores,
        kept_predictions,
        checkpoints,
    )
}
