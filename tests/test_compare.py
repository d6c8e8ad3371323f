from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from simviz import compare, evaluation, matrices
from simviz.runs import Comparison, Run, Store, worker

BASE = {"image_size": 16, "model": "lenet", "epochs": 3, "batch_size": 32, "precision": "float32", "ruler": "words"}
SETTINGS = ["simloss@words:keep=0.3", "expected_cost@words"]


@pytest.fixture(scope="module")
def comparison(tiny_folder, tmp_path_factory):
    settings = compare.with_controls(SETTINGS)
    specs = compare.specs_for(settings, range(2), dataset=str(tiny_folder), **BASE)
    laid_out = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("runs")))
    worker.work(laid_out)
    return laid_out


def test_controls_are_always_there():
    found = compare.with_controls(["simloss@words:keep=0.02"])
    assert found == [
        "simloss@words:keep=0.02",
        "ce",
        "simloss@words:keep=0.02,shuffle=1",
        "simloss:normalize=columns@words:keep=0.02",
    ]
    assert compare.with_controls(found) == [*found, "simloss:normalize=columns@words:keep=0.02,shuffle=1"]
    assert [compare.is_control(s) for s in found] == [False, False, True, True]


def test_settings_asked_for_come_before_controls_and_seeds_stay_together():
    specs = compare.specs_for(compare.with_controls(["simloss@words"]), range(2), dataset="x")
    assert [(s.loss, s.seed) for s in specs[:4]] == [("simloss@words", 0), ("ce", 0), ("simloss@words", 1), ("ce", 1)]
    assert all(compare.is_control(s.loss) for s in specs[4:])
    assert len(specs) == 8


@pytest.mark.parametrize(
    ("settings", "seeds", "text"), [([], 1, "no setting"), (["ce"], 0, "0 seeds"), (["@x"], 1, "no loss")]
)
def test_an_impossible_comparison_is_refused(settings, seeds, text):
    with pytest.raises(ValueError, match=text):
        compare.specs_for(settings, range(seeds), dataset="pictograms")


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        ("emd2", "order"),
        ("simloss", "needs a similarity"),
        ("simlos@words", "simlos"),
        ("simloss@words:kep=0.1", "kep"),
        ("simloss@groups", "groups"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_before_anything_is_laid_out(tiny_folder, tmp_path, loss, text):
    store = Store(tmp_path / "runs")
    with pytest.raises(ValueError, match=text):
        compare.create(compare.specs_for([loss], [0], dataset=str(tiny_folder)), store=store)
    assert store.comparisons() == []


def test_a_row_is_its_runs_results(comparison):
    rows = {r.label: r for r in compare.table(comparison)}
    for setting, runs in comparison.groups.items():
        for metric in ("accuracy", "mean_cost", "nll"):
            assert rows[setting].values[metric] == pytest.approx([r.result()[metric] for r in runs])
        assert rows[setting].mean("accuracy") == pytest.approx(np.mean([r.result()["accuracy"] for r in runs]))


def test_mean_cost_is_error_rate_times_severity_in_every_row(comparison):
    for row in compare.table(comparison):
        for acc, cost, severity in zip(
            *(row.values[k] for k in ("accuracy", "mean_cost", "mistake_severity")), strict=True
        ):
            assert cost == pytest.approx((1 - acc) * (severity or 0))


def test_cross_entropy_is_shown_with_the_decision_by_cost(comparison):
    labels = [r.label for r in compare.table(comparison)]
    assert "ce | min_cost" in labels
    assert not any(label.startswith("expected_cost@words |") for label in labels)


def test_blurred_reads_simloss_by_its_own_matrix_and_leaves_the_others_at_argmax(comparison):
    rows = compare.table(comparison, decoder="blurred")
    read = {r.setting: r.decoder for r in rows if r.setting != "ce"}
    assert read == {s: "blurred" if s.startswith("simloss") else "argmax" for s in comparison.groups if s != "ce"}
    assert [r.decoder for r in rows if r.setting == "ce"] == ["argmax", "min_cost"]
    plain = {r.label: r for r in compare.table(comparison)}
    assert next(r for r in rows if r.label == "ce").values == plain["ce"].values
    for row in rows:
        if row.decoder != "blurred":
            continue
        for run, accuracy, nll in zip(
            comparison.groups[row.setting], row.values["accuracy"], row.values["nll"], strict=True
        ):
            s = run.matrix().values.astype(float)
            s = s / s.sum(axis=0) if "columns" in row.setting else s
            found = run.predictions("test")
            q = np.exp(found.log_probabilities.astype(float)) @ s.T
            q /= q.sum(axis=1, keepdims=True)
            assert accuracy == np.mean(q.argmax(axis=1) == found.target)
            assert nll == pytest.approx(-np.log(q[np.arange(len(q)), found.target]).mean(), rel=1e-3)


def test_blurred_warns_of_unequal_column_sums_and_not_of_unit_columns(comparison, tmp_path):
    copy = Comparison(shutil.copytree(comparison.path, tmp_path / comparison.id))
    for run in copy.runs:
        if run.setting.startswith("simloss"):
            matrices.class_order(copy.classes, r=0.3).save(run.path / "matrix.npz")
    said = compare.blur_warnings(copy)
    assert sorted(said) == ["simloss@words:keep=0.3", "simloss@words:keep=0.3,shuffle=1"]
    assert all("1.19 times the smallest" in text for text in said.values())  # 1.69 over 1.417


def test_a_run_that_never_left_its_warm_up_has_no_similarity(comparison, tmp_path):
    original = comparison.groups["simloss@words:keep=0.3"][0]
    assert compare.has_similarity(original)
    run = Run(shutil.copytree(original.path, tmp_path / original.id))
    spec = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps(spec | {"warmup": spec["epochs"]}))
    assert compare.trained_similarity(run, comparison.classes) is None
    assert compare.decoder_for("blurred", [original, run]) == "argmax"
    assert compare.decoder_for("min_cost", [original, run]) == "min_cost"
    (run.path / "result.json").unlink()
    assert not compare.has_similarity(run)


def test_a_loss_trained_on_the_ruler_says_so(comparison):
    rows = {r.setting: r for r in compare.table(comparison)}
    assert not rows["ce"].same_ruler
    matrix = comparison.groups["expected_cost@words"][0].matrix()
    same = {
        r.setting: r.same_ruler for r in compare.table(comparison, ruler=evaluation.ruler(comparison.classes, matrix))
    }
    assert same["expected_cost@words"]
    assert not same["ce"]


def test_another_ruler_changes_costs_and_nothing_else(comparison):
    words = compare.table(comparison)
    ones = compare.table(comparison, ruler=evaluation.ruler(comparison.classes, "zero_one"))
    for a, b in zip(words, ones, strict=True):
        if a.decoder == "argmax":
            assert a.values["accuracy"] == b.values["accuracy"]
            assert b.values["mean_cost"] == pytest.approx([1 - x for x in b.values["accuracy"]])


def test_differences_are_paired_by_seed(comparison):
    rows = compare.table(comparison)
    base = next(r for r in rows if r.label == "ce")
    differences = compare.against(rows)
    assert "ce" not in differences
    for label, row in differences.items():
        own = next(r for r in rows if r.label == label)
        expected = np.subtract(own.values["accuracy"], base.values["accuracy"])
        assert row.values["accuracy"] == pytest.approx(list(expected))


def test_findings_name_each_setting_asked_for_and_decide_nothing_within_the_interval(comparison):
    rows = compare.table(comparison)
    texts = compare.findings(rows)
    assert [t.split(" against ")[0] for t in texts] == [r.label for r in rows if not r.control and r.label != "ce"]
    for text, label in zip(texts, [t.split(" against ")[0] for t in texts], strict=True):
        low, high = compare.against(rows)[label].interval("accuracy")
        assert ("not told apart on 2 seeds" in text.split(";")[0]) == (low <= 0 <= high)


def test_unfinished_comparisons_show_the_runs_they_have(comparison, tiny_folder, tmp_path):
    specs = compare.specs_for(["ce"], range(2), dataset=str(tiny_folder), **BASE)
    half = compare.create(specs, store=Store(tmp_path))
    assert compare.table(half) == []
    half.runs[1].want("cancel")
    worker.work(half)
    (row, *_) = compare.table(half)
    assert row.seeds == (0,)
    assert row.interval("accuracy") is None
    assert "one seed" in compare.findings([row, compare.replace(row, setting="gce")])[0]


@pytest.mark.parametrize(
    ("values", "beyond"),
    [({0.1: 1, 0.3: 2}, [0.9]), ({0.1: 2, 0.3: 1}, [0.1 / 3]), ({0.1: 1, 0.3: 2, 0.9: 1}, []), ({0.3: 1}, [0.9])],
)
def test_the_range_of_rates_is_widened_while_the_best_lies_at_an_edge(values, beyond):
    assert compare._beyond(values) == pytest.approx(beyond)


def test_tuning_takes_the_best_rate_of_its_runs_by_the_stated_metric(tiny_folder, tmp_path):
    base = {**BASE, "epochs": 2, "dataset": str(tiny_folder)}
    best = compare.tune(["ce", "expected_cost@words"], rates=(1e-5, 3e-3), metric="nll", store=Store(tmp_path), **base)
    runs = [r for c in Store(tmp_path) for r in c.runs]
    for setting, rate in best.items():
        found = {r.spec.lr: r.metrics()[-1]["nll"] for r in runs if r.setting == setting}
        assert len(found) >= 3
        assert found[rate] == min(found.values())
