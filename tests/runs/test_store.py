from __future__ import annotations

import json

import numpy as np
import pytest

from simviz.atomic import replacing
from simviz.evaluation.predictions import Predictions
from simviz.runs import Store, StoreError, checked
from simviz.runs.files import read_json, write_json


def test_an_empty_store_is_empty(tmp_path):
    assert Store(tmp_path / "nowhere").comparisons() == []


def test_what_was_laid_out_is_read_back(make):
    comparison = make(seeds=(0, 1))
    store = Store(comparison.path.parent)
    (found,) = store.comparisons()
    assert found.id == comparison.id
    assert found.title == "shapes"
    assert {s: [r.spec.seed for r in runs] for s, runs in found.groups.items()} == {
        "ce": [0, 1],
        "simloss@words": [0, 1],
    }
    assert all(r.status["state"] == "queued" for r in found.runs)
    assert found.classes.names == ("car", "cat", "dog", "truck")


@pytest.mark.parametrize("name", ["../shapes", "..", "", "a/b", "/etc", "x" * 500, "nothing-here"])
def test_an_id_that_is_none_of_the_store_is_refused(make, name):
    store = Store(make().path.parent)
    with pytest.raises(StoreError, match="there is no comparison"):
        store.comparison(name)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"model": 3}', '{"dataset": "x", "loss": "ce", "epochs": -1}', "\x00\xff"]
)
def test_a_damaged_spec_is_a_sentence_and_leaves_the_others(make, text):
    comparison = make()
    broken, fine = comparison.runs
    (broken.path / "spec.json").write_text(text)
    with pytest.raises(StoreError, match=r"spec\.json"):
        _ = Store(comparison.path.parent).comparison(comparison.id).run(broken.id).spec
    assert fine.spec.loss == "simloss@words"


def test_a_newer_schema_is_refused(make):
    run = make().runs[0]
    spec = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps({**spec, "schema_version": 99}))
    with pytest.raises(StoreError, match="newer simviz"):
        _ = run.spec


def test_a_torn_last_line_and_a_repeated_epoch_are_harmless(make):
    run = make().runs[0]
    (run.path / "metrics.jsonl").write_text('{"epoch": 1, "a": 1}\n{"epoch": 2, "a": 2}\n{"epoch": 2, "a": 3}\n{"epo')
    assert run.metrics() == [{"epoch": 1, "a": 1}, {"epoch": 2, "a": 3}]


def test_a_queued_run_without_its_process_is_lost(make):
    comparison = make()
    write_json(comparison.path / "worker.json", {"pid": 2**22 + 1, "process_start": 1.0})
    assert comparison.runs[0].status["state"] == "lost"


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_delete_removes_only_that_comparison(make):
    first, second = make(), make()
    store = Store(first.path.parent)
    store.delete(first.id)
    assert [c.id for c in store] == [second.id]


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 0), ("lr", -1), ("loss", "@words"), ("device", "tpu"), ("batch_size", "many"), ("monitor", "luck")],
)
def test_a_bad_field_of_a_spec_is_named_with_its_value(field, value):
    with pytest.raises(ValueError, match=field) as caught:
        checked(**{"dataset": "pictograms", "loss": "ce", field: value})
    assert repr(value) in str(caught.value)


def test_an_unknown_field_of_a_spec_is_named():
    with pytest.raises(ValueError, match="epoch_count"):
        checked(dataset="pictograms", loss="ce", epoch_count=3)


def predictions(samples=6, classes=50, features=True):
    random = np.random.default_rng(0)
    logs = random.normal(0, 4, (samples, classes))
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    return Predictions(
        np.array([f"s{i}" for i in range(samples)]),
        np.arange(samples),
        random.integers(0, classes, samples),
        logs,
        random.normal(0, 1, (samples, 3)).astype(np.float16) if features else None,
    )


def test_predictions_come_back(tmp_path):
    kept = predictions()
    kept.save(tmp_path / "test.npz")
    found = Predictions.load(tmp_path / "test.npz")
    assert list(found.ids) == list(kept.ids)
    assert np.array_equal(found.target, kept.target)
    np.testing.assert_allclose(found.log_probabilities, kept.log_probabilities, rtol=2e-3)
    assert np.array_equal(found.features, kept.features)
    assert Predictions.load(tmp_path / "test.npz", features=False).features is None


def test_large_predictions_keep_the_best_classes_and_the_mass(tmp_path):
    kept = predictions()
    kept.save(tmp_path / "test.npz", max_bytes=10)
    found = Predictions.load(tmp_path / "test.npz").log_probabilities
    best = np.argsort(-kept.log_probabilities, axis=1)[:, :20]
    for row, top in enumerate(best):
        np.testing.assert_allclose(found[row, top], kept.log_probabilities[row, top], rtol=2e-3)
    np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=5e-3)


def test_pickled_predictions_are_refused(tmp_path):
    np.savez(tmp_path / "test.npz", ids=np.array([{"a": 1}], dtype=object), units=[0], target=[0])
    with pytest.raises(ValueError, match="not a readable predictions file"):
        Predictions.load(tmp_path / "test.npz")
