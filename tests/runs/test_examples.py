"""What ships: the comparisons in data/examples."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from simviz import compare
from simviz.learned import controls as learned_controls
from simviz.runs import Store, examples, worker
from simviz.runs.files import read_json


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("shipped"))
    examples.install(store)
    return store


@pytest.fixture(scope="module")
def shipped(store):
    return next(c for c in store if len(c.groups) > 1)


def test_there_are_five_settings_with_five_seeds_and_their_controls(shipped):
    assert len(shipped.groups) >= 5
    assert all(len(runs) >= 5 for runs in shipped.groups.values())
    assert set(compare.with_controls(list(shipped.groups)[:4])) <= set(shipped.groups)
    assert all(run.has_predictions("test") and run.has_predictions("validation") for run in shipped.runs)
    rows = shipped.image_rows()
    assert all(sample in rows for sample in shipped.runs[0].predictions().ids)


def test_every_setting_has_its_own_tuned_rate(shipped):
    found = compare.tuning.recorded(shipped)
    for setting, runs in shipped.groups.items():
        assert {run.spec.lr for run in runs} == {found.chosen[setting]}
        tried = {one.rate: one.value for one in found.tried[setting] if one.value is not None}
        assert len(tried) >= 3
        assert tried[found.chosen[setting]] == max(tried.values())


def test_a_learned_distance_ships_with_every_epoch(store):
    comparison = next(c for c in store if "self_guided" in c.groups)
    run, *others = comparison.groups["self_guided"]
    assert len(others) == 2
    assert [r.spec.seed for r in comparison.groups["ce"]] == [0, 1, 2]  # the control, seed by seed
    assert not learned_controls(comparison, run)[1], "every control has its material"
    learned = [e for e in run.epochs if "ground_distance" in run.epoch_arrays(e)]
    assert len(learned) >= 30
    last = run.epoch_arrays(learned[-1])["ground_distance"]
    assert last.shape == (64, 64)
    assert np.ptp(last[~np.eye(64, dtype=bool)]) > 0


def test_in_what_ships_the_default_setting_does_not_collapse(shipped):
    rows = {r.label: r for r in compare.table(shipped)}
    assert rows["simloss@words:keep=0.02"].mean("accuracy") > rows["ce"].mean("accuracy") / 2


def test_what_ships_hardly_depends_on_the_seed(shipped):
    accuracy = next(r for r in compare.table(shipped) if r.label == "ce").values["accuracy"]
    assert np.ptp(accuracy) < 0.015


def test_what_the_user_deletes_stays_deleted(store, tmp_path):
    copy = Store(tmp_path / "runs")
    shutil.copytree(store.root, copy.root)
    first = copy.comparisons()[0]
    copy.delete(first.id)
    assert examples.install(copy) == []
    assert first.id not in [c.id for c in copy]


def test_a_rerun_gives_the_shipped_figures(shipped, tmp_path, monkeypatch):
    run = shipped.groups["ce"][0]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the worker then leaves the threads alone
    threads = torch.get_num_threads()
    torch.set_num_threads(read_json(run.path / "environment.json")["threads"])
    again = compare.create([run.spec], store=Store(tmp_path))
    try:
        worker.work(again)
    finally:
        torch.set_num_threads(threads)
    prints = [read_json(r.path / "data.json")["fingerprint"] for r in (again.runs[0], run)]
    assert prints[0] == prints[1]
    found, kept = again.runs[0].result(), run.result()
    first, other = again.runs[0].metrics()[0]["train_loss"], run.metrics()[0]["train_loss"]
    # Another processor rounds otherwise, and training amplifies that: near, not equal.
    same = first == other
    assert first == pytest.approx(other, rel=0.02)
    assert found["accuracy"] == pytest.approx(kept["accuracy"], abs=1e-9 if same else 0.03)
    assert found["mean_cost"] == pytest.approx(kept["mean_cost"], abs=1e-9 if same else 0.06)
