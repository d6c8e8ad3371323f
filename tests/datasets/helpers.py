"""Small pictures and small data sets, as files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from simviz.classes import ClassSet
from simviz.datasets import ImageDataset
from simviz.datasets.core import content_fingerprint


def picture(seed: int, side: int = 12, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(seed: int, kind: str = "PNG", side: int = 12) -> bytes:
    buffer = io.BytesIO()
    picture(seed, side).save(buffer, kind)
    return buffer.getvalue()


def write_parquet(
    path: Path,
    images: list[bytes],
    labels: list[object],
    names: list[str] | None = None,
    *,
    image: str = "image",
    label: str = "label",
    struct: bool = True,
) -> Path:
    """A Parquet file in the layout of the public releases; class names in the schema if given."""
    column = [{"bytes": b, "path": f"{i}.png"} for i, b in enumerate(images)] if struct else images
    table = pa.table({image: column, label: labels})
    if names is not None:
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=7)
    return path


def write_folder(root: Path, classes: dict[str, range], suffix: str = ".png") -> Path:
    """root/CLASS/SEED.png for every class and seed."""
    for name, seeds in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            picture(seed).save(root / name / f"{seed}{suffix}")
    return root


def toy(labels: list[int], split: list[int], units: list[int] | None = None, names: str = "abcdefgh") -> ImageDataset:
    """A data set whose image i is filled with i."""
    n, classes = len(labels), ClassSet(list(names[: max(labels) + 1]))
    images = np.repeat(np.arange(n, dtype=np.uint8), 4 * 4 * 3).reshape(n, 4, 4, 3)
    ids = np.array([f"i{i}" for i in range(n)])
    label, part = np.array(labels, dtype=np.int64), np.array(split, dtype=np.uint8)
    return ImageDataset(
        name="toy",
        classes=classes,
        images=images,
        labels=label,
        units=np.array(units if units is not None else range(n), dtype=np.int64),
        ids=ids,
        split=part,
        fingerprint=content_fingerprint(classes, images, label, ids, part),
    )


def ink(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a dial's inked pixels: angle in turns clockwise from above, distance from the middle in radii of the face.

    Read off the pixels alone: the face is what differs from the corner's colour, its middle is the mean
    of its pixels, inked is what is darker than the face.
    """
    pixels = image.astype(float)
    face = np.abs(pixels - pixels[0, 0]).sum(2) > 0
    y, x = np.nonzero(face)
    y, x = y - y.mean(), x - x.mean()
    luma = pixels[face] @ np.array([0.299, 0.587, 0.114])
    reach = np.hypot(x, y) / np.hypot(x, y).max()
    inside = reach < 0.97  # the rim is mixed with the ground
    dark = inside & (luma < (luma[inside].min() + np.median(luma[inside])) / 2)
    return np.arctan2(x[dark], -y[dark]) / (2 * np.pi) % 1, reach[dark]


def middle_turn(turns: np.ndarray) -> float:
    """The circular mean of angles in turns, in [0, 1)."""
    return float(np.angle(np.exp(2j * np.pi * turns).mean()) / (2 * np.pi) % 1)


def pointer(images: np.ndarray) -> np.ndarray:
    """Where the longest hand of each image points, in turns clockwise from above, (N,)."""
    hands = [ink(image) for image in images]
    return np.array([middle_turn(turn[reach > 0.9 * reach.max()]) for turn, reach in hands])
