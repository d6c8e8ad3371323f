"""The page of refitted last layers, on features made up so that the answer is known, and on a run really trained."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from simviz import ClassMatrix, ClassSet, compare, datasets, evaluation, heads, losses, matrices
from simviz.evaluation.predictions import Predictions
from simviz.runs import Store, checked, frozen, worker
from simviz.runs.store import Comparison
from simviz.ui import state
from simviz.ui.views import live_edit, live_evidence

from .reading import array, figures, heat, says, unescaped

PETS = ClassSet(["cat", "dog", "horse", "truck", "bus", "ship"], groups=["a", "a", "a", "v", "v", "v"])


def clouds(count, seed):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(5).normal(size=(6, 8))
    target = np.arange(count) % 6
    return (centres[target] + 1.2 * random.normal(size=(count, 8))).astype(np.float16), target


@pytest.fixture
def kept(runs):
    """A comparison of one run of ce whose features of validation and test are kept."""

    def make(title="pets", settings=("ce",), **fields):
        specs = [checked(dataset=title, loss=loss, **fields) for loss in settings]
        info = {"classes": PETS.to_dict(), "dataset": {"name": title}, "unit_name": "animal"}
        comparison = Store(runs).create(title, specs, info)
        for run in comparison.runs:
            for part, count, seed in (("validation", 300, 0), ("test", 360, 1)):
                values, target = clouds(count, seed)
                logs = np.full((count, 6), np.log(1 / 6), dtype=np.float32)
                names = np.array([f"{part}-{i}" for i in range(count)])
                Predictions(names, np.arange(count) + 1000 * seed, target, logs, values).save(run.path / f"{part}.npz")
        return comparison

    return make


def expected(comparison, setting, matrix=None):
    """The verdict by the engine alone."""
    found = frozen.load(comparison.runs[0], PETS)
    loss = losses.build(setting, PETS) if matrix is None else losses.SimLoss(matrix)
    head = heads.Refitter(found.fit).head(loss)
    return heads.judge(head, found.asked, classes=PETS, ruler=evaluation.ruler(PETS))


def metric(at, label):
    return next(m for m in at.metric if m.label == label)


def test_without_a_comparison_there_is_a_way_on(visit):
    at = visit("live")
    assert "There is no comparison yet" in says(at)
    assert not at.metric


def test_predictions_without_features_are_no_dead_end(visit, predicted):
    predicted(PETS, {"ce": [[0, 1, 2, 3, 4, 5]]}, [0, 1, 2, 3, 4, 5])
    at = visit("live")
    assert "No run of this comparison keeps what a last layer is fitted to" in says(at)
    assert "ce-s0 keeps no features of its validation images" in says(at)


def test_the_column_sums_name_a_class_as_text(visit, kept, monkeypatch):
    hostile = ClassSet([f"![{name}](https://evil.example)" for name in PETS], groups=PETS.groups)
    monkeypatch.setattr(sys.modules[__name__], "PETS", hostile)
    kept()
    at = visit("live", setting="simloss@groups")
    at.session_state["live-sums"] = True
    at.run()
    assert any("SimLoss pays for telling" in text for text in unescaped(at))
    assert not any("![" in text for text in unescaped(at))


def test_a_broken_run_gets_a_sentence(visit, kept):
    comparison = kept(settings=("ce", "gce"))
    for run in comparison.runs:
        (run.path / "test.npz").write_bytes(b"no zip")
    at = visit("live")
    assert "No run of this comparison keeps" in says(at)
    assert "test.npz" in says(at)


def test_the_page_shows_what_the_engine_finds_and_says_what_it_is(visit, kept):
    comparison = kept()
    at = visit("live", loss="simloss", matrix="groups")
    found = expected(comparison, "simloss@groups")
    assert metric(at, "accuracy").value == f"{found.metrics['accuracy']:.1%}"
    assert metric(at, "mean cost").value == f"{found.metrics['mean_cost']:.3f}"
    assert np.allclose(heat(figures(at)[-1]), evaluation.normalise(found.confusion, "true")) or any(
        np.allclose(heat(f), evaluation.normalise(found.confusion, "true"))
        for f in figures(at)
        if f["data"][0]["type"] == "heatmap"
    )
    assert "last layer only" in says(at)
    assert "Fitted to 300 validation images, judged by 360 test images (no animal is in both)" in says(at)
    base = expected(comparison, "ce").metrics
    assert float(metric(at, "accuracy").delta) == pytest.approx(found.metrics["accuracy"] - base["accuracy"], abs=6e-4)


def confusions(at):
    return [heat(f) for f in figures(at) if "predicted class" in str(f["layout"].get("xaxis", {}).get("title", ""))]


def trail(at):
    plane = next(f for f in figures(at) if "accuracy (right is better)" in str(f["layout"]["xaxis"]))
    return plane["data"][-1]


def test_a_slider_moves_the_confusion_and_leaves_a_trail(visit, kept):
    kept()
    at = visit("live", loss="simloss", matrix="order")
    before = confusions(at)[0]
    at.slider(key="l_r").set_value(0.95).run()
    assert not at.exception
    after = confusions(at)[0]
    assert not np.array_equal(before, after)
    assert len(array(trail(at)["x"])) == 2
    at.slider(key="l_r").set_value(0.3).run()
    assert np.array_equal(confusions(at)[0], before)  # the same setting gives the same head
    for value in np.linspace(0, 0.9, 11):
        at.slider(key="l_r").set_value(round(float(value), 2)).run()
    assert len(array(trail(at)["x"])) == 10
    assert list(trail(at)["marker"]["opacity"]) == sorted(trail(at)["marker"]["opacity"])


def cell(at, true, other):
    """The box of a cell, after choosing it."""
    at.session_state["live-edit"] = True
    at.run()
    at.selectbox(key=live_edit.CELL[0]).set_value(true)
    at.selectbox(key=live_edit.CELL[1]).set_value(other).run()
    return next(n for n in at.number_input if f"{true} for {other}" in n.label)


def test_a_cell_set_by_hand_changes_the_matrix_and_back_restores_the_start(visit, kept):
    comparison = kept()
    at = visit("live", loss="simloss", matrix="order")
    start = confusions(at)[0]
    box = cell(at, "cat", "ship")
    assert box.value == pytest.approx(0.3**5, abs=1e-6)
    box.set_value(1.0).run()
    assert not at.exception
    values = matrices.class_order(PETS, r=0.3).values.copy()
    values[0, 5] = values[5, 0] = 1.0
    wanted = expected(comparison, "simloss", ClassMatrix(PETS, values, "similarity"))
    assert np.allclose(confusions(at)[0], evaluation.normalise(wanted.confusion, "true"))
    assert "cat for ship = 1" in says(at)
    next(b for b in at.button if b.label == "Take all changes back").click().run()
    assert np.array_equal(confusions(at)[0], start)


def test_a_class_in_another_group_changes_the_matrix_and_not_the_ruler(visit, kept):
    comparison = kept()
    at = visit("live", loss="soft_labels", matrix="groups")
    at.session_state["live-edit"] = True
    at.run()
    at.selectbox(key=live_edit.MOVED).set_value("horse").run()
    next(s for s in at.selectbox if s.label == "Its group").set_value(("v",)).run()
    assert not at.exception
    moved = ClassSet(PETS.names, groups=["a", "a", "v", "v", "v", "v"])
    loss = losses.build("soft_labels@groups", moved)
    found = frozen.load(comparison.runs[0], PETS)
    head = heads.Refitter(found.fit).head(loss)
    wanted = heads.judge(head, found.asked, classes=PETS, ruler=evaluation.ruler(PETS))
    assert metric(at, "mean cost").value == f"{wanted.metrics['mean_cost']:.3f}"


def test_a_class_in_another_group_changes_a_loss_over_groups(visit, kept):
    comparison = kept()
    at = visit("live", loss="group_ce", l_alpha="1")
    start = confusions(at)[0]
    at.session_state["live-edit"] = True
    at.run()
    at.selectbox(key=live_edit.MOVED).set_value("horse").run()
    next(s for s in at.selectbox if s.label == "Its group").set_value(("v",)).run()
    assert not at.exception
    moved = ClassSet(PETS.names, groups=["a", "a", "v", "v", "v", "v"])
    found = frozen.load(comparison.runs[0], PETS)
    head = heads.Refitter(found.fit).head(losses.build("group_ce:alpha=1", moved))
    wanted = heads.judge(head, found.asked, classes=PETS, ruler=evaluation.ruler(PETS))
    assert metric(at, "mean cost").value == f"{wanted.metrics['mean_cost']:.3f}"
    assert not np.array_equal(confusions(at)[0], start)
    assert "its groups changed by hand: it cannot be trained in full" in says(at)
    assert not [b for b in at.button if b.key == "live-full"]
    next(b for b in at.button if b.label == "Take all changes back").click().run()
    assert np.array_equal(confusions(at)[0], start)
    assert [b for b in at.button if b.key == "live-full"]


@pytest.mark.parametrize("value", [5.0, 0.0])
def test_a_distance_set_by_hand_is_no_similarity(visit, kept, value):
    kept()
    at = visit("live", loss="ground_distance", matrix="order")
    start = confusions(at)[0]
    at.session_state["matrix"] = "groups"
    at.run()
    cell(at, "cat", "dog").set_value(value).run()
    assert f"distance cat for dog = {value:g}" in says(at)
    at.session_state["matrix"] = "order"
    at.run()
    assert not at.error
    assert np.array_equal(confusions(at)[0], start)
    assert next(n for n in at.number_input if "cat for dog" in n.label).value == pytest.approx(0.3)


@pytest.mark.parametrize(("loss", "matrix", "top"), [("cdw_ce", "groups", 20), ("simloss", "order", 1)])
def test_a_cell_takes_no_number_that_stops_the_page(visit, kept, loss, matrix, top):
    kept()
    at = visit("live", loss=loss, matrix=matrix)
    box = cell(at, "cat", "dog")
    assert box.max == top
    box.set_value(top).run()
    assert not at.error
    assert at.metric


def test_a_change_that_no_loss_takes_can_be_taken_back(visit, kept):
    kept()
    at = visit("live", loss="expected_cost", matrix="groups")
    start = confusions(at)[0]
    edits = {"cells": {("distance", "cat", "dog"): float("inf")}, "groups": {}}
    at.session_state[live_edit.EDITS] = {ClassSet(PETS.names).fingerprint: edits}
    at.run()
    assert at.error
    assert not at.metric
    next(b for b in at.button if b.label == "Take all changes back").click().run()
    assert not at.error
    assert np.array_equal(confusions(at)[0], start)


def test_what_the_box_showed_typed_again_is_no_change(visit, kept):
    kept()
    at = visit("live", loss="simloss", matrix="order")
    start = confusions(at)[0]
    cell(at, "cat", "ship").set_value(1.0).run()
    assert "Changed: " in says(at)
    next(n for n in at.number_input if "cat for ship" in n.label).set_value(0.002).run()  # 0.3 ** 5, as it was shown
    assert "Changed: " not in says(at)
    assert np.array_equal(confusions(at)[0], start)


def test_a_class_put_back_into_its_group_is_no_change(visit, kept):
    kept()
    at = visit("live", loss="soft_labels", matrix="groups")
    at.session_state["live-edit"] = True
    at.run()
    at.selectbox(key=live_edit.MOVED).set_value("horse").run()
    next(s for s in at.selectbox if s.label == "Its group").set_value(("v",)).run()
    assert "Changed: horse to v" in says(at)
    next(s for s in at.selectbox if s.label == "Its group").set_value(("a",)).run()
    assert "Changed: " not in says(at)
    assert next(b for b in at.button if b.label == "Take all changes back").disabled


def test_a_click_fills_the_boxes_and_letting_go_does_not(monkeypatch):
    import streamlit as st

    kept = {}
    monkeypatch.setattr(st, "session_state", kept)
    live_edit.pick(PETS.names, [{"customdata": [1, 4]}])
    assert [kept[key] for key in (*live_edit.CELL, live_edit.MOVED)] == ["dog", "bus", "dog"]
    live_edit.pick(PETS.names, [])
    assert [kept[key] for key in live_edit.CELL] == ["dog", "bus"]


def test_a_sweep_is_the_curve_of_single_fits(visit, kept):
    comparison = kept()
    at = visit("live", loss="simloss", matrix="order", sweep="true")
    assert not at.exception
    curves = next(f for f in figures(at) if f["layout"].get("xaxis", {}).get("title", {}).get("text") == "r")
    first = curves["data"][0]
    x, y = array(first["x"]), array(first["y"])
    assert len(x) == 10  # nine, and where the slider is
    at_zero = expected(comparison, "simloss@order:r=0").metrics["accuracy"]
    assert y[0] == pytest.approx(at_zero)
    assert {t["name"] for t in curves["data"]} >= {"simloss@order", "CE", "CE + min_cost", "as trained"}
    assert "Least mean cost at r =" in says(at)
    plane = next(f for f in figures(at) if "accuracy (right is better)" in str(f["layout"]["xaxis"]))
    front = next(t for t in plane["data"] if t["name"] == "none is better in both")
    assert (np.diff(array(front["x"])) >= 0).all()
    assert (np.diff(array(front["y"])) >= 0).all()  # more accuracy only for more cost


def test_train_in_full_takes_the_setting_along(visit, kept, monkeypatch):
    comparison = kept("pictograms")
    at = visit("live", loss="simloss", matrix="order", l_r="0.5")
    assert "simloss@order:r=0.5" in says(at)
    at.session_state[live_edit.EDITS] = {
        ClassSet(PETS.names).fingerprint: {"cells": {("similarity", "cat", "dog"): 0.9}, "groups": {}}
    }
    at.run()
    at.button(key="live-full").click().run()
    assert not at.exception
    key = f"settings-{ClassSet(PETS.names).fingerprint}"
    chosen = at.session_state[key]
    assert chosen[0] == "ce"
    assert at.session_state[state.DATASET] == "pictograms"
    name = chosen[1].removeprefix("simloss@")
    assert name.endswith(".csv")
    assert ClassMatrix.load(name).values[0, 1] == pytest.approx(0.9)
    assert comparison.id


def test_a_link_that_moved_a_slider_is_trained_in_full(visit, kept):
    kept("pictograms", image_size=48)
    at = visit("live", loss="ground_distance", matrix="groups", l_lam="2")
    assert "The train page does not take the pictures' size of 48 pixels" in says(at)
    at.button(key="live-full").click().run()
    assert not at.exception
    assert at.session_state[f"settings-{ClassSet(PETS.names).fingerprint}"] == ["ce", "ground_distance:lam=2@groups"]


def test_train_in_full_trains_what_was_looked_at(visit, runs, cache_folder):
    """A run that left a class out, of few images and a network of its own."""
    gone = datasets.load("pictograms").classes.names[0]
    base = {"dataset": "pictograms", "model": "lenet", "epochs": 1, "train_size": 128, "drop": (gone,)}
    comparison = compare.create(compare.specs_for(["ce"], [0], **base), title="dropped", store=Store(runs))
    worker.work(comparison)
    at = visit("live")
    at.slider(key="l_keep").set_value(0.2).run()
    at.button(key="live-full").click().run()
    assert not at.exception
    at.switch_page("pages/train.py").run()
    boxes = {box.label: box.value for box in [*at.multiselect, *at.selectbox, *at.number_input]}
    assert boxes["Settings: a loss and the matrix it is given"] == ["ce", "simloss@words:keep=0.2"]
    assert boxes["Leave classes out"] == [gone]
    assert (boxes["Training images"], boxes["Model"]) == (128, "lenet")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"loss": "nonsense"}, "loss “nonsense”"),
        ({"matrix": "positions"}, "matrix “positions”"),
        ({"net": "ce-s9"}, "network “ce-s9”"),
        ({"matrix": "order", "l_r": "7"}, "gives r as “7”"),
        ({"decoder": "median"}, "decoder “median”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, kept, asked, sentence):
    kept()
    at = visit("live", **asked)
    assert sentence in says(at)
    assert at.metric


def test_the_features_of_a_trained_network_are_read_from_its_weights(visit, trained, runs):
    shutil.copytree(trained, runs / trained.name)
    run = Comparison(runs / trained.name).runs[0]
    at = visit("live", net=run.id)
    assert "validation images" in says(at)
    next(b for b in at.button if b.key == "live/read").click().run()
    assert not at.exception
    assert (run.path / frozen.FILE).is_file(), says(at)
    assert "training images, judged by" in says(at)
    assert "no design is in both" in says(at)


@pytest.mark.parametrize(("found", "missed"), [(0.9, False), (0.5, True)])
def test_the_page_says_how_far_a_last_layer_alone_can_be_believed(visit, kept, tmp_path, monkeypatch, found, missed):
    rho = {"spearman": {"mean cost": found, "FSA": 0.85}, "split_half": {"mean cost": 0.61, "FSA": 0.62}}
    record = {"data": "pets", "settings": 12, "seeds": 2, **rho}
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"goal": 0.8, "said": "two seeds", "records": [record]}))
    monkeypatch.setattr(live_evidence, "RECORD", path)
    at = visit("live", c=kept().id)
    assert f"Spearman's rho of the differences from cross entropy mean cost {found:.2f}, FSA 0.85" in says(at)
    assert "over half of the seeds with the other half mean cost 0.61, FSA 0.62" in says(at)
    assert any("The goal is missed, by mean cost:" in w.value for w in at.warning) == missed


def test_the_record_that_ships_was_measured_over_enough_settings():
    record = json.loads(live_evidence.RECORD.read_text())
    assert {one["data"] for one in record["records"]} == {"pictograms", "CIFAR-100"}
    assert all(one["settings"] >= 12 and one["seeds"] >= 2 for one in record["records"])
