from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from simviz import compare, evaluation, matrices
from simviz.runs import Comparison, Run, Store, worker

from .helpers import BASE


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


def test_unfinished_comparisons_show_the_runs_they_have(comparison, tiny_folder, tmp_path):
    specs = compare.specs_for(["ce"], range(2), dataset=str(tiny_folder), **BASE)
    half = compare.create(specs, store=Store(tmp_path))
    assert compare.table(half) == []
    half.runs[1].want("cancel")
    worker.work(half)
    (row, *_) = compare.table(half)
    assert row.seeds == (0,)
    assert row.interval("accuracy") is None
    assert "one seed" in compare.findings([row, replace(row, setting="gce")])[0]
