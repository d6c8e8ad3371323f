"""The app as a whole, without a browser: every test starts at app.py."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from simviz import ClassSet, compare
from simviz.evaluation.predictions import Predictions
from simviz.runs import Comparison, Store, checked, examples, worker

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(scope="session", autouse=True)
def packages_scanned_once() -> Iterator[None]:
    """Whenever an app starts, Streamlit looks for components in every installed package, which outlasts a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", lru_cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """An empty run folder of its own, whose user has deleted the shipped examples."""
    folder = tmp_path / "runs"
    shipped = [p.name for p in examples.FOLDER.glob("*.zip")]
    folder.mkdir()
    (folder / examples.MARKER).write_text(json.dumps({"installed": shipped}))
    monkeypatch.setenv("SIMVIZ_RUNS", str(folder))
    return folder


@pytest.fixture
def visit(runs) -> Callable[..., AppTest]:
    """Open a page with query parameters; fails if the page raises."""

    def go(page: str = "home", **parameters: str) -> AppTest:
        at = AppTest.from_file(APP, default_timeout=90)
        for key, value in parameters.items():
            at.query_params[key] = value
        if page == "home":
            at.run()
        else:
            at.run().switch_page(f"pages/{page}.py").run()
        assert not at.exception, at.exception
        return at

    return go


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory) -> Path:
    """What ships with simviz, unpacked. Copy it, do not change it."""
    folder = tmp_path_factory.mktemp("examples")
    for archive in examples.FOLDER.glob("*.zip"):
        with ZipFile(archive) as found:
            found.extractall(folder)
    return folder


@pytest.fixture
def shipped(unpacked, runs) -> None:
    """The store that the app reads holds what ships with simviz."""
    shutil.copytree(unpacked, runs, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, cache_folder) -> Path:
    """A comparison that was really trained: three settings, two seeds, one epoch. Copy it, do not change it."""
    specs = compare.specs_for(
        ["ce", "simloss@words:keep=0.05", "expected_cost@groups"],
        range(2),
        dataset="pictograms",
        model="lenet",
        epochs=1,
        train_size=256,
        batch_size=64,
    )
    comparison = compare.create(specs, title="small", store=Store(tmp_path_factory.mktemp("trained")))
    worker.work(comparison)
    return comparison.path


@pytest.fixture
def compared(trained, runs) -> Comparison:
    """A copy of `trained` in the store that the app reads."""
    shutil.copytree(trained, runs / trained.name)
    return Comparison(runs / trained.name)


@pytest.fixture
def predicted(runs) -> Callable[..., Comparison]:
    """Comparisons of predictions made elsewhere: no model, no epochs, no pictures."""

    def make(classes: ClassSet, answers: dict[str, list[list[int]]], target: list[int], title: str = "mine"):
        """`answers` is setting -> the predicted classes of each seed."""
        pairs = [(loss, seed) for loss, seeds in answers.items() for seed in range(len(seeds))]
        specs = [checked(dataset=title, loss=loss, seed=seed) for loss, seed in pairs]
        comparison = Store(runs).create(title, specs, {"classes": classes.to_dict(), "dataset": {"name": title}})
        names = np.array([f"image-{i}" for i in range(len(target))])
        for (loss, seed), run in zip(pairs, comparison.runs, strict=True):
            logs = np.full((len(target), len(classes)), np.log(0.2 / max(1, len(classes) - 1)))
            logs[np.arange(len(target)), answers[loss][seed]] = np.log(0.8)
            for part in ("validation", "test"):
                found = Predictions(names, np.arange(len(target)), np.array(target), logs.astype(np.float32))
                found.save(run.path / f"{part}.npz")
        return comparison

    return make


@pytest.fixture
def thousand(predicted) -> Comparison:
    """Two settings between a thousand classes in groups of fifty, which take a class for one nearby."""
    count = 1000
    classes = ClassSet([f"class {i}" for i in range(count)], groups=[f"group {i // 50}" for i in range(count)])
    target = np.repeat(np.arange(count), 10)
    rng = np.random.default_rng(1)
    near = np.clip(target + rng.integers(-3, 4, len(target)), 0, count - 1)
    answers = {
        s: [np.where(rng.random(len(target)) < share, target, near)] for s, share in (("ce", 0.5), ("emd2", 0.6))
    }
    return predicted(classes, answers, target.tolist())
