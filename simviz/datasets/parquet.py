"""Parquet image sets: a column of encoded images and a column of labels.

The layout of the public releases on the Hugging Face hub: ``struct<bytes, path>`` (or plain binary)
images, integer labels, class names in the schema's ``huggingface`` metadata. Files named ``train-*``,
``validation-*`` and ``test-*`` (also ``NAME-train-*``) are the parts of one data set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simviz.classes import ClassSet
from simviz.datasets import cifar
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import UNDECIDED, Listing, natural

_PART = re.compile(r"(?:^|[-_.])(train|validation|valid|val|test)(?=[-_.])")
_PARTS = {"train": TRAIN, "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION, "test": TEST}
_LABELS = ("fine_label", "label", "labels", "class", "category")


def files(path: Path) -> list[Path]:
    """The Parquet files of a data set: the file itself, those of the folder, or of its ``data`` folder."""
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    for folder in (path, path / "data"):
        found = sorted(p for p in folder.glob("*.parquet") if not p.name.startswith("."))
        named = [p for p in found if _PART.search(p.name)]
        if found:
            return named or found
    return []


def listing(paths: list[Path]) -> Listing:
    """List Parquet files, the part of each taken from its name.

    Raises
    ------
    ValueError
        For a file that is no Parquet, or one without an image or a label column.
    """
    tables = [_Table(p) for p in paths]
    first = tables[0]
    names, labels = _class_names(tables)
    ids: list[str] = []
    parts = []
    for table, path in zip(tables, paths, strict=True):
        found = _PART.search(path.name)
        part = _PARTS[found.group(1)] if found else UNDECIDED
        parts.append(np.full(table.rows, part, np.uint8))
        ids += [f"{path.stem}/{i}" for i in range(table.rows)]
    split = np.concatenate(parts)
    if not (split == TEST).any():
        split[split == TRAIN] = UNDECIDED  # a test part has to come out of the training file
    classes = _classes(names, first.groups(tables))
    return Listing(classes, np.concatenate(labels), ids, split, lambda rows: _images(tables, rows))


class _Table:
    """One opened Parquet file: which column holds the images, which the labels."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self.file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
        self.path, self.rows = path, self.file.metadata.num_rows
        schema = self.file.schema_arrow
        columns = ", ".join(schema.names)
        self.features = _features(schema.metadata)
        pictures = [f.name for f in schema if _holds_images(f.type)]
        if not pictures:
            raise ValueError(f"{path} has no image column (struct with bytes, or binary); its columns are {columns}")
        self.image = next((n for n in ("image", "img") if n in pictures), pictures[0])
        self.label = self._label_column(schema, columns)

    def _label_column(self, schema: Any, columns: str) -> str:
        import pyarrow as pa

        usable = [f.name for f in schema if pa.types.is_integer(f.type) or _is_text(f.type)]
        named = [n for n in usable if "names" in self.features.get(n, {})]
        for candidates in (named, usable):
            for name in _LABELS:
                if name in candidates:
                    return name
        for candidates in (named, usable):
            if len(candidates) == 1:
                return candidates[0]
        raise ValueError(
            f"{self.path} has no label column: name it one of {', '.join(_LABELS)}; its columns are {columns}"
        )

    def read(self, column: str) -> np.ndarray:
        import pyarrow as pa

        try:
            values = self.file.read(columns=[column])[column]
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{self.path} is damaged: {str(error).splitlines()[0]}") from None
        if values.null_count:
            raise ValueError(f"{self.path}: {values.null_count} rows have no {column}")
        return values.to_numpy()

    def image_batches(self) -> Iterator[Any]:
        """The encoded images as Arrow arrays, some at a time."""
        import pyarrow as pa

        try:
            for batch in self.file.iter_batches(batch_size=1024, columns=[self.image]):
                column = batch.column(0)
                yield column.field("bytes") if pa.types.is_struct(column.type) else column
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{self.path} is damaged: {str(error).splitlines()[0]}") from None

    def names(self, column: str) -> list[str] | None:
        names = self.features.get(column, {}).get("names")
        if isinstance(names, dict):  # an older form: {"0": "cat", "1": "dog"}
            names = [names[k] for k in natural(names)]
        return names

    def groups(self, tables: list[_Table]) -> dict[str, str] | None:
        """Class name -> coarse name, where there is a ``coarse_label`` that the class determines."""
        coarse = self.names("coarse_label")
        fine = self.names(self.label)
        if coarse is None or fine is None:
            return None
        pairs = {p for t in tables for p in zip(t.read(t.label), t.read("coarse_label"), strict=True)}
        group = {fine[f]: coarse[c].replace("_", " ") for f, c in pairs}
        return group if len(group) == len(pairs) else None


def _class_names(tables: list[_Table]) -> tuple[list[str], list[np.ndarray]]:
    """The class names of a data set and each file's labels 0 .. C-1."""
    first = tables[0]
    values = [t.read(t.label) for t in tables]
    names = first.names(first.label)
    if names is not None:
        for table, labels in zip(tables, values, strict=True):
            if table.names(table.label) != names:
                raise ValueError(f"{table.path.name} and {first.path.name} name their classes differently")
            if len(labels) and (labels.min() < 0 or labels.max() >= len(names)):
                wrong = labels.min() if labels.min() < 0 else labels.max()
                raise ValueError(f"{table.path} has the label {wrong} but names {len(names)} classes")
        return names, [v.astype(np.int64) for v in values]
    texts = [[str(v) for v in labels] for labels in values]
    names = natural({t for labels in texts for t in labels})
    number = {n: i for i, n in enumerate(names)}
    return names, [np.array([number[t] for t in labels], dtype=np.int64) for labels in texts]


def _classes(names: list[str], groups: dict[str, str] | None) -> ClassSet:
    if groups is not None and set(groups) != set(names):
        groups = None
    known = cifar.class_set(names)
    return known if known is not None else ClassSet(names, groups=groups)


def _images(tables: list[_Table], rows: np.ndarray) -> Iterator[bytes | None]:
    start = 0
    for table in tables:
        wanted = np.zeros(table.rows, dtype=bool)
        wanted[rows[(rows >= start) & (rows < start + table.rows)] - start] = True
        start += table.rows
        offset = 0
        for column in table.image_batches():
            keep = wanted[offset : offset + len(column)]
            offset += len(column)
            yield from (column[int(i)].as_py() for i in np.flatnonzero(keep))


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """The ``features`` of the Hugging Face metadata; empty where there are none or they are unreadable."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {k: v for k, v in features.items() if isinstance(v, dict)} if isinstance(features, dict) else {}


def _holds_images(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(kind.field(i).name == "bytes" and _holds_images(kind.field(i).type) for i in range(kind.num_fields))
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
