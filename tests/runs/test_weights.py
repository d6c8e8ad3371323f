"""What a run takes along: its weights, and Python that gives its stored predictions back."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import psutil
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load

from simviz import compare, datasets
from simviz.runs import Comparison, Store, StoreError, archive, checkpoint, network, weights, worker

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


@pytest.mark.parametrize("number", range(len(SETTINGS) + 1))
def test_an_archive_takes_the_kept_weights_along_and_they_answer_alike(trained, tmp_path, number):
    original, data = trained
    copy = Comparison(shutil.copytree(original.path, tmp_path / original.id))
    weights.keep(copy.runs[number])
    buffer = io.BytesIO()
    archive.pack(copy, buffer)
    there = archive.unpack(buffer, Store(tmp_path / "elsewhere"))
    with_weights = [run.id for run in there.runs if weights.path(run).is_file()]
    assert with_weights == [copy.runs[number].id]
    images = data.images[data.indices("test")[:8]]
    found = network.load(there.runs[number], there.classes).log_probabilities(images)
    before = network.load(original.runs[number], original.classes).log_probabilities(images)
    np.testing.assert_array_equal(found, before)  # rounded as autocast rounds: nothing changes
    assert (
        load(weights.dumps(there.runs[number], there.classes)).keys()
        == load(weights.dumps(original.runs[number], original.classes)).keys()
    )


def _header(path, **changes):
    state = checkpoint.load(path)
    for key, value in changes.items():
        state["pixels"][key] = value
    checkpoint.save(state, path)


def _nan(path):
    state = checkpoint.load(path)
    state["best"]["network.head.bias"][0] = float("nan")
    checkpoint.save(state, path)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda p: p.write_bytes(b"\xff" * 64), "the weights of ce-s0 cannot be read"),
        (lambda p: p.write_bytes(b"\x80\x05pickle"), "the weights of ce-s0 cannot be read"),
        (_nan, "no finite numbers"),
        (lambda p: _header(p, height=60_000, width=60_000), "at most 1024 pixels"),
        (lambda p: _header(p, width=32), "at most 1024 pixels"),
        (lambda p: _header(p, mean=torch.zeros(5)), "no coloured squares"),
    ],
)
def test_weights_of_a_stranger_are_looked_at_before_they_enter_the_store(trained, tmp_path, damage, sentence):
    original, _ = trained
    copy = Comparison(shutil.copytree(original.path, tmp_path / original.id))
    weights.keep(copy.runs[0])
    damage(copy.runs[0].path / weights.KEPT)
    buffer = io.BytesIO()
    archive.pack(copy, buffer)
    store = Store(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=sentence):
        archive.unpack(buffer, store)
    assert store.comparisons() == []


def test_a_model_that_the_weights_do_not_fit_is_never_built(trained, tmp_path):
    """A stranger's archive may name one of 600 million parameters."""
    original, _ = trained
    copy = Comparison(shutil.copytree(original.path, tmp_path / original.id))
    run = copy.runs[0]
    about = json.loads((run.path / "environment.json").read_text())
    (run.path / "environment.json").write_text(json.dumps({**about, "model": "regnet_y_128gf"}))
    before = psutil.Process().memory_info().rss
    with pytest.raises(StoreError, match="do not fit the run"):
        network.load(run, copy.classes)
    assert psutil.Process().memory_info().rss - before < 500 * 2**20
