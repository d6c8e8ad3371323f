"""A comparison as training leaves it, without training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from simviz import ClassSet, matrices
from simviz.evaluation.predictions import Predictions
from simviz.runs import Comparison, Store, checked
from simviz.runs.files import write_json

CLASSES = ClassSet(["cat", "dog", "car"], groups=["animal", "animal", "vehicle"])
SETTINGS = ("ce", "simloss@groups")


def comparison(root: Path, *, settings=SETTINGS, seeds=(0,), epochs=2, title="made", state="finished") -> Comparison:
    """Runs of made-up predictions, every file of the run folder present."""
    specs = [checked(dataset="pictograms", loss=s, seed=seed, epochs=epochs) for s in settings for seed in seeds]
    info = {
        "classes": CLASSES.to_dict(),
        "ruler": {"choice": None, "text": "groups (tree levels), 0..2"},
        "dataset": {"name": "pictograms", "spec": "pictograms", "fingerprint": "f" * 16},
        "unit_name": "design",
        "notes": [],
    }
    made = Store(root).create(title, specs, info)
    ids = np.array([f"image {i}" for i in range(12)])
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), dtype=np.uint8)
    np.savez_compressed(made.path / "images.npz", ids=ids, images=images)
    for number, run in enumerate(made.runs):
        fill(run.path, ids, epochs, state, np.random.default_rng(number))
        if "@" in run.setting:
            matrices.groups(CLASSES).save(run.path / "matrix.npz")
    return made


def fill(folder: Path, ids, epochs: int, state: str, random: np.random.Generator) -> None:
    """Predictions, metrics and records of one run."""
    target = np.arange(12) % 3
    logs = np.log(random.dirichlet(np.ones(3), 12)).astype(np.float16)
    predictions = Predictions(ids, np.arange(12), target, logs)
    for part in ("validation", "test"):
        predictions.save(folder / f"{part}.npz")
    rows = []
    for epoch in range(1, epochs + 1):
        np.savez_compressed(folder / "epochs" / f"{epoch:04d}.npz", confusion=np.eye(3, dtype=np.int64) * epoch)
        measured = {"nll": 1 / epoch, "accuracy": 1 - 0.5**epoch, "mean_cost": 0.5**epoch}
        rows.append({"epoch": epoch, "train_loss": 1.0, "seconds": 2.0, "warmup": False, **measured})
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "log.txt").write_text("a line of the log\n")
    environment = {"device": "cpu", "model": "convnet", "torch": "2", "platform": "another machine"}
    write_json(folder / "environment.json", {"schema_version": 1, **environment})
    split = {"train": 100, "validation": 12, "test": 12}
    data = {"name": "pictograms", "fingerprint": "f" * 16, "split": split, "unit_name": "design", "notes": []}
    write_json(folder / "data.json", {"schema_version": 1, **data})
    result = {"accuracy": 0.75, "mean_cost": 0.25, "epoch": epochs, "seconds": 4.0, "warning": None, "run": str(folder)}
    write_json(folder / "result.json", result)
    status = {"state": state, "epoch": epochs, "epochs": epochs, "reached": epochs, "seconds": 4.0}
    write_json(folder / "status.json", {"schema_version": 1, **status})
