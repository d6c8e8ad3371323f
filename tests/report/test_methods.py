"""The methods paragraph says what the runs record, and cites what they stand on and nothing else."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from simviz import compare, evaluation, losses
from simviz.report import citations
from simviz.report.methods import methods
from simviz.runs import Comparison
from simviz.runs.files import write_json
from simviz.runs.tuning import Trial, Tuning
from simviz.settings import parse_setting


def said(comparison, part="test", decoder="argmax", ruler=None):
    ruler = ruler or compare.comparison_ruler(comparison)
    rows = compare.table(comparison, part=part, decoder=decoder, ruler=ruler)
    return methods(comparison, part=part, decoder=decoder, ruler=ruler, rows=rows)


def changed(comparison, tmp_path, **fields):
    """A copy whose runs were asked for with other fields; a field may be a function of the setting."""
    copy = Comparison(shutil.copytree(comparison.path, tmp_path / comparison.id))
    for run in copy.runs:
        path = run.path / "spec.json"
        spec = json.loads(path.read_text())
        new = {k: v(run.path.name) if callable(v) else v for k, v in fields.items()}
        path.write_text(json.dumps(spec | new))
    return Comparison(copy.path)


def test_what_was_done_is_said(shapes):
    text = said(shapes).text
    split = json.loads((shapes.runs[0].path / "data.json").read_text())["split"]
    environment = json.loads((shapes.runs[0].path / "environment.json").read_text())
    for piece in (
        "4 settings were compared",
        f"{split['train']:,} training, {split['validation']:,} validation and {split['test']:,} test images",
        f"lenet, {environment['parameters']:,} parameters",
        "peak learning rate 0.004 in one cycle",
        "batches of 32, 3 epochs, with the augmentation",
        "2 seeds (0, 1); within a seed all settings saw the same batches",
        "records no search over learning rates",
        f"the ruler {compare.comparison_ruler(shapes).describe()}",
        "decided by argmax",
        "95 % Student t intervals (n = 2); differences from ce are paired by seed",
        "warm-up (self_guided 1)",
        "The columns of S were divided by their sums in simloss:normalize=columns@words:keep=0.3",
        f"PyTorch {environment['torch']} (cpu, float32)",
    ):
        assert piece in text, piece


def test_a_search_over_learning_rates_is_said_as_it_is_recorded(shapes, tmp_path):
    copy = changed(shapes, tmp_path, lr=lambda run: 0.001 if run.startswith("ce") else 0.027)
    tried = {s: [Trial(rate=r, value=0.5) for r in (0.001, 0.003, 0.009)] for s in copy.groups}
    tried["self_guided"].append(Trial(rate=0.027, value=0.6))
    tried["self_guided"].append(Trial(rate=0.081, failed="the loss became nan"))
    chosen = {s: 0.003 if s != "ce" else 0.001 for s in copy.groups}
    record = Tuning(metric="macro_recall", seed=7, rates=(0.001, 0.003, 0.009), done=True, tried=tried, chosen=chosen)
    write_json(copy.path / "comparison.json", copy.info | {"tuning": record.model_dump()})
    text = said(Comparison(copy.path)).text
    for piece in (
        "chosen by validation macro recall, the same for all settings, in one run a rate with a seed of its own (7): "
        "0.001, 0.003, 0.009, and further rates",
        "More than 3 were tried for self_guided (5).",
        "The best rate of ce still lies at the edge",
        "1 such run did not train to the end",
        "peak learning rate 0.001 (ce), 0.027 (simloss",
    ):
        assert piece in text, piece
    assert "records no search" not in text


def test_the_optimizer_and_its_rate_are_those_of_the_specs(shapes, tmp_path):
    sgd = {"optimizer": "sgd", "momentum": 0.98, "schedule": "exponential", "decay": 0.995, "lr": 0.01}
    text = said(changed(shapes, tmp_path, **sgd, crop=12, mirror=True)).text
    expected = (
        "trained with stochastic gradient descent with Nesterov momentum 0.98, learning rate 0.01 times 0.995 after"
    )
    assert expected in text
    assert "Adam" not in text
    assert "windows of 12 x 12 pixels" in text
    assert "averaged over each image and its mirror image" in text


def test_a_pretrained_backbone_is_not_said_to_have_been_trained(shapes, tmp_path):
    text = said(changed(shapes, tmp_path, pretrained="/home/me/flowers.pth", epochs=1, model="resnet18@224")).text
    assert "had pretrained weights (flowers.pth) and kept them. A last layer alone was fitted" in text
    for never in ("/home/me", "Adam", "learning rate", "augmentation"):
        assert never not in text


def test_what_was_not_done_is_not_claimed(shapes, tmp_path):
    text = said(shapes).text
    for never in ("early stopping", "stopped after", "tuned", "subset", "shuffled", "inverse frequency", "blurred"):
        assert never not in text
    rate = {"lr": lambda name: 0.01 if name.startswith("ce") else 0.02}
    other = said(changed(shapes, tmp_path, patience=2, monitor="mean_cost", train_size=50, **rate)).text
    assert "Training stopped after 2 epochs without a better validation mean cost" in other
    assert "random subset of 50 training images" in other
    assert "0.01 (ce), 0.02 (simloss@words:keep=0.3)" in other
    assert "does not record how they were chosen" in other


@pytest.mark.parametrize(
    ("settings", "decoder", "ruler", "cited"),
    [
        (["ce"], "argmax", "zero_one", {"guo2017calibration", "karthik2021no"}),
        (["self_guided"], "argmax", "zero_one", {"hou2016squared"}),
        (["self_guided"], "min_cost", "zero_one", {"hou2016squared", "guo2017calibration", "karthik2021no"}),
        (["self_guided"], "argmax", "words", {"hou2016squared", "pennington2014glove"}),
        (["simloss@words:keep=0.3"], "argmax", "zero_one", {"kobs2020simloss", "pennington2014glove"}),
    ],
)
def test_only_what_is_used_is_cited(shapes, settings, decoder, ruler, cited):
    part = Comparison(shapes.path)
    part.runs = [r for s in settings for r in shapes.groups[s]]
    found = said(part, decoder=decoder, ruler=evaluation.ruler(shapes.classes, ruler))
    assert found.works.keys() == cited | {"kingma2015adam", "smith2018super"}
    for key, work in found.works.items():
        assert f"({work.short})" in found.text
        assert f"{{{key}," in found.bibtex
    assert len(re.findall(r"^@", found.bibtex, re.MULTILINE)) == len(found.works)
    assert f"{len(shapes.runs) - len(part.runs)} further runs without usable predictions" in found.text


def test_a_loss_trained_on_the_ruler_is_named(shapes):
    matrix = shapes.groups["simloss@words:keep=0.3"][0].matrix()
    text = said(shapes, ruler=evaluation.ruler(shapes.classes, matrix)).text
    assert "the very matrix that simloss@words:keep=0.3, simloss:normalize=columns@words:keep=0.3 was trained" in text


def test_cancelled_runs_and_other_data_are_admitted(shapes, tmp_path):
    copy = changed(shapes, tmp_path)
    status = copy.runs[0].path / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "cancelled"}))
    data = copy.runs[1].path / "data.json"
    data.write_text(json.dumps(json.loads(data.read_text()) | {"fingerprint": "other"}))
    text = said(copy).text
    assert "1 of 8 runs were cancelled" in text
    assert "do not record the same data and split" in text


def test_every_loss_that_names_a_paper_is_cited():
    ours = {"expected_cost", "group_ce", "ce"}
    for name in losses.available():
        assert (citations.of_setting(parse_setting(name)) is None) == (name in ours), name
    smoothed = citations.of_setting(parse_setting("ce:label_smoothing=0.1"))
    assert smoothed is not None
    assert smoothed.key == "szegedy2016rethinking"


def test_every_entry_can_be_read_by_bibtex():
    for work in citations.WORKS.values():
        assert work.bibtex.count("{") == work.bibtex.count("}")
        names = [name for name, _ in work.fields]
        assert names[:2] == ["title", "author"]
        assert len(set(names)) == len(names)
        assert work.bibtex.startswith(f"@{work.kind}{{{work.key},\n  title = ")
        assert str(dict(work.fields)["year"]) in work.short
