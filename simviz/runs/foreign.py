"""Predictions of models made elsewhere, kept as an ordinary comparison: one finished run a file."""

from __future__ import annotations

import hashlib
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation.foreign import Foreign
from simviz.evaluation.predictions import MAX_BYTES, Predictions
from simviz.runs import foreign_pictures
from simviz.runs.files import check_writable, write_json
from simviz.runs.spec import RunSpec, checked
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run, Store, new_folder


def keep(
    found: Sequence[Foreign],
    *,
    store: Store,
    title: str | None = None,
    ruler: str | None = None,
    files: Sequence[str] | None = None,
    columns: Sequence[Mapping[str, str]] | None = None,
    class_table: str | None = None,
    picture_roots: Sequence[Path] = (),
) -> Comparison:
    """Put predictions of the same samples into the store, one setting a file.

    Parameters
    ----------
    found : what `evaluation.foreign.read` made of each file
    title : the comparison's; the names of the files where it is not given
    ruler : as in `evaluation.ruler`
    files, columns, class_table : where they came from and what was corrected of each file's columns, for the command
        that reads them again
    picture_roots : folders below which pictures are looked for; none outside them is opened

    Raises
    ------
    ValueError
        Where the files have different classes or are not about the same samples, or the ruler does not fit.
        Nothing is kept then, nor where this process may only look.
    """
    check_writable("added")
    found = [_answered(one) for one in same_samples(same_classes(found))]
    classes = found[0].classes
    measure = evaluation.ruler(classes, ruler)
    names = [f.name for f in found]
    models = settings(names)
    title = title or f"Predictions: {', '.join(models[:3])}{' ...' if len(models) > 3 else ''}"
    fingerprint = _fingerprint(found[0])
    pictures, remarks = foreign_pictures.collect(found, picture_roots)
    specs = [
        checked(
            dataset=title,
            loss=setting,
            model="made elsewhere",
            ruler=ruler,
            predictions=file,
            columns=dict(said),
            class_table=class_table,
        )
        for setting, file, said in zip(models, files or names, columns or [{}] * len(found), strict=True)
    ]
    notes = [f"{f.name}: {note}" for f in found for note in f.notes]
    info: dict[str, Any] = {
        "classes": classes.to_dict(),
        "ruler": {"choice": ruler, "text": measure.describe()},
        "dataset": {"name": title, "spec": ", ".join(names)[:1000], "fingerprint": fingerprint},
        "unit_name": found[0].unit_name,
        "notes": notes + remarks,
        "counted": [setting for setting, one in zip(models, found, strict=True) if one.counted],
    }
    return _write(store, specs, info, found, measure, pictures)


def _write(
    store: Store,
    specs: list[RunSpec],
    info: dict[str, Any],
    found: Sequence[Foreign],
    measure: evaluation.Ruler,
    pictures: dict[str, Any] | None,
) -> Comparison:
    """The comparison's folder, which appears whole or not at all."""
    store.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".foreign-") as scratch:
        made = Store(scratch).create(specs[0].dataset, specs, info)
        if pictures is not None:
            with (made.path / "images.npz").open("wb") as file:
                np.savez_compressed(file, **pictures)  # type: ignore[arg-type]
        for run, one in zip(made.runs, found, strict=True):
            _fill(run, one, measure, info["dataset"])
        final = new_folder(store.root, made.id)
        final.rmdir()
        made.path.rename(final)
    return Comparison(final)


def settings(files: Sequence[str]) -> list[str]:
    """What each file's model is called: the file's name without its ending, in the characters of a setting."""
    names: list[str] = []
    for file in files:
        name = base = re.sub(r"[^A-Za-z0-9_.+-]+", "-", Path(file.removesuffix(".gz")).stem).strip("-.") or "model"
        count = 2
        while name in names:
            name, count = f"{base}-{count}", count + 1
        names.append(name)
    return names


def same_classes(found: Sequence[Foreign]) -> list[Foreign]:
    """All in the order of the same classes; ValueError where one has scores for other classes than another."""
    widest = max(found, key=lambda f: len(f.classes)).classes
    known = set(widest.names)
    added = list(dict.fromkeys(n for f in found for n in f.classes if n not in known))
    classes = ClassSet([*widest.names, *added]) if added else widest
    for one in found:
        without = next((n for n in classes if n not in set(one.classes)), None)
        if without is not None and one.predictions.predicted is None:
            raise ValueError(
                f"{one.name} has no score for the class {without!r}, which another file has; the files of one "
                "comparison need the same classes"
            )
    return [_in_classes(one, classes) for one in found]


def same_samples(found: Sequence[Foreign]) -> list[Foreign]:
    """All in the order of the samples of the first file that has samples.

    Samples are matched by their ids where both files name them, else row by row, where the true classes must
    be the same. Counts have no samples: their true classes must only be as many.
    """
    first = next((f for f in found if not f.counted), found[0])
    matched = []
    for number, one in enumerate(found):
        if one.counted:
            _check_counts(first, one)
        elif one is not first:
            one = _matched(first, one)
        matched.append(_apart(one, number) if one.counted else one)
    return matched


def _answered(one: Foreign) -> Foreign:
    """Where a file has features and no answers: those of a last layer that is fitted to the other half of the units."""
    known = one.predictions
    if one.answered or known.features is None:
        return one
    from simviz import heads, losses

    try:
        samples = heads.features(known.features, known.target, len(one.classes), known.units)
        (logs,) = heads.cross_fitted(samples, [losses.CrossEntropyLoss()])
    except ValueError as error:
        raise ValueError(f"{one.name} has features and no predictions, and {error}") from None
    note = "The file has features and no predictions: those of a last layer of cross entropy, fitted to the other half."
    return replace(one, predictions=replace(known, log_probabilities=logs), notes=(*one.notes, note))


def _in_classes(one: Foreign, classes: ClassSet) -> Foreign:
    if one.classes == classes:
        return one
    to = np.array([classes.names.index(n) for n in one.classes], dtype=np.int64)
    old = one.predictions
    if old.predicted is not None:
        new = Predictions.of_decisions(old.ids, old.units, to[old.target], to[old.predicted], len(classes))
        new = replace(new, features=old.features)
    else:
        new = replace(old, target=to[old.target], log_probabilities=old.log_probabilities[:, np.argsort(to)])
    return replace(one, classes=classes, predictions=new)


def _matched(first: Foreign, one: Foreign) -> Foreign:
    a, b = first.predictions, one.predictions
    if len(a) != len(b):
        raise ValueError(
            f"{one.name} has {len(b):,} samples and {first.name} has {len(a):,}; the files of one comparison need the "
            "same samples"
        )
    if first.named and one.named:
        where, order = np.argsort(a.ids), np.argsort(b.ids)
        if strange := np.setdiff1d(b.ids, a.ids, assume_unique=True).tolist():
            raise ValueError(
                f"{one.name} has the sample {strange[0][:60]!r}, which {first.name} has not; the files of one "
                "comparison need the same ids"
            )
        rows = np.empty(len(a), dtype=np.int64)
        rows[where] = order
        decided = None if b.predicted is None else b.predicted[rows]
        features = None if b.features is None else b.features[rows]
        logs = b.log_probabilities[rows]
        b = Predictions(b.ids[rows], b.units[rows], b.target[rows], logs, features, decided)
        if one.images is not None:
            one = replace(one, images=tuple(one.images[i] for i in rows))
    if (differ := a.target != b.target).any():
        row = int(np.argmax(differ))
        raise ValueError(
            f"the sample {str(a.ids[row])[:60]!r} is {first.classes.names[a.target[row]]!r} in {first.name} and "
            f"{first.classes.names[b.target[row]]!r} in {one.name}; the files of one comparison need the same true "
            "classes" + ("" if first.named and one.named else ", row by row, or a column of ids")
        )
    return replace(one, predictions=replace(b, ids=a.ids, units=a.units), unit_name=first.unit_name)


def _check_counts(first: Foreign, one: Foreign) -> None:
    a, b = (np.bincount(f.predictions.target, minlength=len(first.classes)) for f in (first, one))
    if (differ := a != b).any():
        at = int(np.argmax(differ))
        raise ValueError(
            f"{first.name} has {a[at]:,} samples of {first.classes.names[at]!r} and {one.name} has {b[at]:,}; the "
            "files of one comparison need the same samples"
        )


def _apart(one: Foreign, number: int) -> Foreign:
    """Ids and units of their own for counts: a sample of one file is none of another's."""
    old = one.predictions
    ids = np.array([f"{number + 1}-{i}" for i in old.ids.tolist()], dtype=np.str_)
    return replace(one, predictions=replace(old, ids=ids, units=old.units + number * len(old)))


def _fill(run: Run, one: Foreign, ruler: evaluation.Ruler, dataset: dict[str, str]) -> None:
    """A finished run's files, but for what only training leaves."""
    predictions = one.predictions
    predictions.save(run.path / "test.npz", dtype=_dtype(predictions.log_probabilities))
    split = {"train": 0, "validation": 0, "test": len(predictions)}
    origin = {"name": dataset["name"], "fingerprint": dataset["fingerprint"], "split": split}
    record = {"schema_version": SCHEMA_VERSION, **origin, "unit_name": one.unit_name, "notes": list(one.notes)}
    write_json(run.path / "data.json", record)
    values = predictions.metrics(one.classes, ruler)
    result = {
        **{k: v if v is None or math.isfinite(v) else None for k, v in values.items()},
        "ruler": ruler.describe(),
        "decoder": "argmax" if predictions.predicted is None else "the file's own",
        "split": "test",
        "epoch": None,
        "seconds": None,
        "images_per_second": None,
        "warning": None,
        "loss": run.setting,
        "seed": run.spec.seed,
        "run": run.id,
    }
    write_json(run.path / "result.json", result)
    (run.path / "log.txt").write_text("\n".join([f"read from {one.name}", *one.notes]) + "\n", encoding="utf-8")
    status = {"state": "finished", "epoch": 0, "epochs": 0, "reached": 0, "seconds": 0.0}
    write_json(run.path / "status.json", {"schema_version": SCHEMA_VERSION, **status})


def _dtype(logs: NDArray[Any]) -> type[np.floating]:
    """The widest type in which all classes can be kept, so that near ties stay what they are."""
    for kind in (np.float64, np.float32):
        if np.dtype(kind).itemsize <= logs.dtype.itemsize and logs.size * np.dtype(kind).itemsize <= MAX_BYTES:
            return kind
    return np.float16


def _fingerprint(first: Foreign) -> str:
    """Sixteen hex digits of the classes and the true class of every sample."""
    digest = hashlib.sha256(first.classes.fingerprint.encode())
    digest.update(np.ascontiguousarray(first.predictions.ids).tobytes())
    digest.update(first.predictions.target.astype("<i8").tobytes())
    return digest.hexdigest()[:16]
