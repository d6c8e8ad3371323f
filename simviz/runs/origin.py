"""What ran where on what, and the pictures behind the cells: written once, before a run trains."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from simviz import __version__, datasets
from simviz.atomic import replacing
from simviz.runs.files import write_json
from simviz.runs.ingredients import Ingredients
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run

MAX_PICTURE_BYTES = 40 * 2**20


def record(run: Run, found: Ingredients, trainer: Any) -> None:
    """Environment, data and matrix of a run."""
    import torch

    data = found.data

    environment = {
        "schema_version": SCHEMA_VERSION,
        "simviz": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": str(trainer.precision).removeprefix("torch."),
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "model": trainer.network["backbone"].name,
    }
    write_json(run.path / "environment.json", environment)
    split = {part: len(data.indices(part)) for part in ("train", "validation", "test")}
    origin = {"name": data.name, "fingerprint": data.fingerprint, "split": split, "unit_name": data.unit_name}
    write_json(run.path / "data.json", {"schema_version": SCHEMA_VERSION, **origin, "notes": list(data.notes)})
    if found.matrix is not None:
        found.matrix.save(run.path / "matrix.npz")


def keep_pictures(comparison: Comparison, data: datasets.ImageDataset) -> None:
    """The pictures behind the cells, where they are small."""
    rows = np.concatenate([data.indices("validation"), data.indices("test")])
    pictures = comparison.path / "images.npz"
    if not pictures.exists() and data.images[0].nbytes * len(rows) <= MAX_PICTURE_BYTES:
        with replacing(pictures) as partial, partial.open("wb") as file:
            np.savez_compressed(file, ids=data.ids[rows], images=data.images[rows])
