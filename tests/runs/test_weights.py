"""What a run takes along: its weights, and Python that gives its stored predictions back."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load

from simviz import compare, datasets
from simviz.runs import Comparison, Store, StoreError, weights, worker

from ..tiny import NAMES, SIZE, write_folder

SETTINGS = ("ce", "simloss@words", "self_guided", "coral")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Four tiny classes in an order, so that losses with heads of their own fit too; the best epoch is kept."""
    folder = write_folder(tmp_path_factory.mktemp("data") / "shapes")
    table = "name,position\n" + "".join(f"{name},{i}\n" for i, name in enumerate(NAMES))
    (folder / "classes.csv").write_text(table)
    base = {"image_size": SIZE, "model": "convnet", "epochs": 4, "batch_size": 32, "precision": "float32"}
    specs = compare.specs_for(SETTINGS, [0], dataset=str(folder), patience=2, **base)
    specs.append(specs[0].model_copy(update={"patience": None, "precision": "bfloat16", "standardize": False}))
    comparison = compare.create(specs, title="ordered", store=Store(tmp_path_factory.mktemp("runs")))
    worker.work(comparison)
    return comparison, datasets.load(str(folder), size=SIZE)


@pytest.mark.parametrize("number", range(len(SETTINGS) + 1))
def test_the_snippet_gives_the_stored_predictions_back(trained, tmp_path, monkeypatch, number):
    comparison, data = trained
    run = comparison.runs[number]
    (tmp_path / "weights.safetensors").write_bytes(weights.dumps(run, comparison.classes))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(weights.snippet(run, "weights.safetensors"), names)
    found = names["log_probabilities"](data.images[data.indices("test")]).float().numpy()
    stored = run.predictions("test").log_probabilities.astype(np.float32)
    lower = run.spec.precision == "bfloat16"  # 8 bits of mantissa, on other kernels than in training
    np.testing.assert_allclose(found, stored, rtol=5e-2 if lower else 2e-3, atol=5e-2 if lower else 2e-3)


def test_the_file_says_what_it_is_and_holds_no_optimizer(trained, tmp_path):
    comparison, _ = trained
    run = comparison.runs[0]
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights.dumps(run, comparison.classes))
    with safe_open(path, framework="np") as file:
        about, keys = file.metadata(), list(file.keys())
    assert json.loads(about["classes"])["names"] == list(NAMES)
    assert (about["setting"], about["model"], about["image_shape"]) == ("ce", "convnet", "[3, 16, 16]")
    assert {key.split(".")[0] for key in keys} == {"network", "pixels"}
    assert path.stat().st_size < (run.path / "checkpoint.safetensors").stat().st_size / 2


def test_a_run_without_weights_or_with_old_or_damaged_ones_gets_a_sentence(trained, tmp_path):
    from simviz.runs import checkpoint

    original, _ = trained
    copy = Comparison(shutil.copytree(original.path, tmp_path / original.id))
    run = copy.runs[0]
    path = run.path / "checkpoint.safetensors"
    state = checkpoint.load(path)
    del state["pixels"]
    checkpoint.save(state, path)
    with pytest.raises(StoreError, match="older simviz"):
        weights.snippet(run, "x.safetensors")
    path.write_bytes(b"no tensors")
    with pytest.raises(StoreError, match="cannot be read"):
        weights.dumps(run, copy.classes)
    path.unlink()
    with pytest.raises(StoreError, match="keeps no weights here"):
        weights.dumps(run, copy.classes)


@pytest.mark.parametrize(("number", "best"), [(0, True), (len(SETTINGS), False)])
def test_the_best_epoch_is_taken_where_the_run_kept_it(trained, tmp_path, number, best):
    from simviz.runs import checkpoint

    original, _ = trained
    copy = Comparison(shutil.copytree(original.path, tmp_path / original.id))
    run = copy.runs[number]
    before = load(weights.dumps(run, copy.classes))
    state = checkpoint.load(run.path / "checkpoint.safetensors")
    state["network"] = {key: value * 0 for key, value in state["network"].items()}
    state["progress"]["best_value"] = float(state["progress"]["best_value"])
    checkpoint.save(state, run.path / "checkpoint.safetensors")
    after = load(weights.dumps(run, copy.classes))
    assert after.keys() == before.keys()
    heads = [found["network.head.weight"] for found in (before, after)]
    assert heads[0].any()
    assert np.array_equal(*heads) == best
