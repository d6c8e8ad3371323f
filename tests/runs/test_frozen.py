"""Features that are read from a run's weights: the same as those it kept, and a sentence where there are none."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
import torch

from simviz import compare, evaluation, heads, losses
from simviz.evaluation.foreign import read, source
from simviz.runs import Comparison, Store, StoreError, foreign, frozen, network, worker

from ..tiny import SIZE


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_folder):
    base = {"dataset": str(tiny_folder), "image_size": SIZE, "batch_size": 32, "train_size": 60, "device": "cpu"}
    specs = compare.specs_for(["ce"], [0], model="convnet", epochs=3, precision="float32", **base)
    comparison = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("runs")))
    worker.work(comparison)
    return comparison


@pytest.fixture
def copy(trained, tmp_path):
    return Comparison(shutil.copytree(trained.path, tmp_path / "copy"))


def test_without_its_weights_a_head_is_fitted_to_what_the_run_kept(copy):
    run = copy.runs[0]
    found = frozen.load(run, copy.classes)
    kept = run.predictions("validation", features=True)
    assert (found.part, found.held) == ("validation", None)
    assert np.array_equal(found.fit.values, kept.features.astype(np.float32))
    assert np.array_equal(found.asked.target, run.predictions("test").target)


def test_features_read_from_the_weights_are_those_that_were_kept(copy):
    run = copy.runs[0]
    told = []
    frozen.keep(run, copy.classes, told.append)
    found = frozen.load(run, copy.classes)
    assert found.part == "train"
    assert told[-1] == 1
    for part, ours in (("validation", found.held), ("test", found.asked)):
        kept = run.predictions(part, features=True)
        assert np.allclose(ours.values, kept.features, atol=0.02, rtol=0.01)
        assert np.array_equal(ours.target, kept.target)
    assert len(found.fit) == 60  # those it was trained on, and no others


def test_the_networks_own_last_layer_makes_its_predictions_of_them(copy):
    run = copy.runs[0]
    frozen.keep(run, copy.classes)
    found = frozen.load(run, copy.classes)
    with torch.no_grad():
        outputs = network.load(run, copy.classes).layers["head"](torch.tensor(found.asked.values))
    own = run.predictions("test").log_probabilities.astype(float)
    assert np.allclose(outputs.softmax(1), np.exp(own), atol=0.02)


def test_a_head_fitted_to_them_has_learned_something(copy):
    run = copy.runs[0]
    frozen.keep(run, copy.classes)
    found = frozen.load(run, copy.classes)
    head = heads.Refitter(found.fit).head(losses.build("ce", copy.classes))
    right = head.log_probabilities(found.fit.values).argmax(1) == found.fit.target
    assert right.mean() > 1.5 / len(copy.classes)


def test_only_part_of_many_images_is_read(copy, monkeypatch):
    monkeypatch.setattr(frozen, "MOST", 20)
    run = copy.runs[0]
    frozen.keep(run, copy.classes)
    found = frozen.load(run, copy.classes)
    assert [len(f) for f in (found.fit, found.held, found.asked)] == [
        20,
        min(20, len(run.predictions("validation"))),
        20,
    ]
    assert np.ptp(found.fit.counts) <= 1


def without_features(run):
    from dataclasses import replace

    replace(run.predictions("test"), features=None).save(run.path / "test.npz")


def test_a_run_without_features_or_weights_says_so(copy):
    run = copy.runs[0]
    without_features(run)
    assert frozen.readable(run)
    with pytest.raises(StoreError, match="keeps no features of its test images"):
        frozen.load(run, copy.classes)
    (run.path / "checkpoint.safetensors").unlink()
    assert not frozen.readable(run)
    with pytest.raises(StoreError, match="no weights"):
        frozen.keep(run, copy.classes)


def test_other_data_than_those_it_was_trained_on_are_refused(copy):
    run = copy.runs[0]
    about = json.loads((run.path / "data.json").read_text())
    (run.path / "data.json").write_text(json.dumps({**about, "fingerprint": "another"}))
    with pytest.raises(StoreError, match="not what ce-s0 was trained on"):
        frozen.keep(run, copy.classes)


def test_a_damaged_file_is_named(copy):
    run = copy.runs[0]
    (run.path / frozen.FILE).write_bytes(b"no zip")
    with pytest.raises(StoreError, match=r"features\.npz"):
        frozen.load(run, copy.classes)
    with (run.path / frozen.FILE).open("wb") as file:
        np.savez(file, train_features=np.zeros((1, 1)))
    with pytest.raises(StoreError, match="has no array train_target"):
        frozen.load(run, copy.classes)


def test_a_server_that_may_only_look_keeps_nothing(copy, monkeypatch):
    monkeypatch.setenv("SIMVIZ_READ_ONLY", "1")
    with pytest.raises(StoreError, match="read-only"):
        frozen.keep(copy.runs[0], copy.classes)


def test_of_predictions_made_elsewhere_one_half_of_the_units_is_fitted_to(tmp_path):
    random, units = np.random.default_rng(1), np.repeat(np.arange(20), 6)
    target = np.tile([0, 1, 2], 40)
    values = random.normal(size=(120, 5)) + 3 * np.eye(5)[target]
    buffer = io.BytesIO()
    np.savez(buffer, y_true=target, y_pred=target, features=values, person=units)
    made = foreign.keep([read(source(buffer.getvalue(), "mine.npz"))], store=Store(tmp_path))
    found = frozen.load(made.runs[0], made.classes)
    assert (found.part, found.held) == ("half", None)
    assert not set(found.fit.units.tolist()) & set(found.asked.units.tolist())
    assert len(found.fit) + len(found.asked) == 120
    assert np.allclose(found.asked.values, values[found.rows].astype(np.float16))
    assert np.array_equal(found.asked.target, made.runs[0].predictions().target[found.rows])
    head = heads.Refitter(found.fit).head(losses.CrossEntropyLoss())
    verdict = heads.judge(head, found.asked, classes=made.classes, ruler=evaluation.ruler(made.classes))
    assert verdict.metrics["accuracy"] > 0.9
