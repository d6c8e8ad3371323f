"""Comparisons to take along: with hostile names, and really trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simviz import ClassSet, compare
from simviz.evaluation.predictions import Predictions
from simviz.runs import Comparison, Store, checked, worker

HOSTILE = ("=1+1", "<script>alert(1)</script>", "+x", "a,b", 'say "so"', "</script><b>end")
TARGET = np.arange(60) % len(HOSTILE)


@pytest.fixture
def hostile(tmp_path) -> Callable[..., Comparison]:
    """Predictions between classes whose names would run somewhere; `seeds` runs of two settings."""

    def make(seeds: int = 2, names: tuple[str, ...] = HOSTILE, title: str = "<img src=x onerror=alert(2)>"):
        pairs = [(loss, seed) for loss in ("ce", "gce") for seed in range(seeds)]
        specs = [checked(dataset="<i>data</i>", loss=loss, seed=seed) for loss, seed in pairs]
        classes = ClassSet(list(names), groups=["low", "low", "<u>high</u>", "<u>high</u>", "low", "low"][: len(names)])
        info = {"classes": classes.to_dict(), "dataset": {"name": "<i>data</i>"}, "notes": ["<b>a note</b>"]}
        comparison = Store(tmp_path / "runs").create(title, specs, info)
        ids = np.array([f"image-{i}" for i in range(len(TARGET))])
        for number, run in enumerate(comparison.runs):
            logs = np.log(np.random.default_rng(number).dirichlet(np.ones(len(names)), len(TARGET)))
            found = Predictions(ids, np.arange(len(TARGET)) // 2, TARGET % len(names), logs.astype(np.float32))
            for part in ("validation", "test"):
                found.save(run.path / f"{part}.npz")
        return comparison

    return make


@pytest.fixture(scope="session")
def shapes(tiny_folder, tmp_path_factory) -> Comparison:
    """Really trained: four settings, two seeds, one epoch; do not change it."""
    settings = ["ce", "simloss@words:keep=0.3", "simloss:normalize=columns@words:keep=0.3", "self_guided"]
    base = {"image_size": 16, "model": "lenet", "epochs": 3, "batch_size": 32, "precision": "float32", "ruler": "words"}
    specs = compare.specs_for(settings, range(2), dataset=str(tiny_folder), **base)
    comparison = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("shapes")))
    worker.work(comparison)
    return comparison


@pytest.fixture
def store(tmp_path, monkeypatch) -> Path:
    """An empty store that commands and snippets use."""
    monkeypatch.setenv("SIMVIZ_RUNS", str(tmp_path / "store"))
    return tmp_path / "store"
