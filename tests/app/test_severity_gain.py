"""The room "What would it bring my model?", from predictions and from kept features."""

from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from simviz import compare, evaluation, heads, losses
from simviz.evaluation.predictions import Predictions
from simviz.runs import frozen
from tests.app.reading import says
from tests.app.test_severity import CE, PETS, TARGET
from tests.app.test_take_away import assert_severity_is_drawn
from tests.evaluation.evaluation_cases import log_softmax

RANDOM = np.random.default_rng(4)
MANY = RANDOM.integers(0, 3, 240)
LOGS = log_softmax(2 * (np.eye(3)[MANY] + RANDOM.normal(size=(240, 3))))
UNITS = np.arange(240) // 4
RULER = evaluation.ruler(PETS, "groups")


@pytest.fixture
def upload(predicted):
    """A comparison of one model with probabilities; `other` replaces fields of its test predictions."""

    def make(**other):
        made = predicted(PETS, {"mine": [MANY.tolist()]}, MANY.tolist())
        (run,) = made.runs
        names = np.array([f"image-{i}" for i in range(len(MANY))])
        fields = {"ids": names, "units": UNITS, "target": MANY, "log_probabilities": LOGS} | other
        Predictions(**fields).save(run.path / "test.npz", dtype=np.float64)
        return run

    return make


def _table(at, heading):
    return next(d.value for d in at.dataframe if heading in d.value).set_index(heading)


def test_the_answer_and_its_table_are_those_of_the_library(visit, upload):
    upload()
    at = visit("severity", detail="gain")
    found = evaluation.gain_by_cost(LOGS, MANY, UNITS, classes=PETS, ruler=RULER)
    assert found.outcome.changed > 0
    assert f"**{found.sentence('tree levels')}**" in says(at)
    table = _table(at, "decided by")
    assert table.index.tolist() == ["the most probable class", "least expected cost"]
    cost, accuracy = found.outcome.cost, found.outcome.accuracy
    assert table["mean cost"].tolist() == pytest.approx([cost.before, cost.after])
    assert table["accuracy"].tolist() == pytest.approx([100 * accuracy.before, 100 * accuracy.after])
    changes = ["change of mean cost", "mean cost from", "mean cost to"]
    assert table[changes].iloc[1].tolist() == pytest.approx([cost.mean, cost.low, cost.high])
    points = table[["change of accuracy", "accuracy from", "accuracy to"]].iloc[1]
    assert points.tolist() == pytest.approx([100 * accuracy.mean, 100 * accuracy.low, 100 * accuracy.high])
    assert table[changes].iloc[0].isna().all()
    said = says(at)
    assert f"on all of them it is {found.temperature:.2f}" in said
    assert f"240 samples of 60 images, {found.outcome.changed} of them decided otherwise" in said
    assert "No penultimate features are kept" in said
    assert "which" not in [s.key for s in at.selectbox]


def test_a_ruler_that_tells_nothing_apart_gets_a_sentence(visit, upload):
    upload()
    at = visit("severity", detail="gain", ruler="zero_one")
    assert "Under the ruler zero_one every mistake costs the same" in says(at)
    assert not any("decided by" in d.value for d in at.dataframe)


def test_decisions_without_probabilities_get_a_sentence(visit, upload):
    run = upload()
    found = run.predictions("test")
    Predictions.of_decisions(found.ids, found.units, found.target, LOGS.argmax(1), 3).save(run.path / "test.npz")
    assert "Deciding by cost needs a probability for every class" in says(visit("severity", detail="gain"))


def test_a_true_class_of_probability_0_is_said(visit, upload):
    logs = LOGS.copy()
    logs[7, MANY[7]] = -np.inf
    upload(log_probabilities=log_softmax(logs))
    assert "The true class of 1 of the samples has probability 0" in says(visit("severity", detail="gain"))


def test_one_of_several_models_is_chosen_and_a_link_restores_it(visit, predicted):
    made = predicted(PETS, {"ce": CE, "other": CE[:1]}, TARGET)
    at = visit("severity", detail="gain", which=made.runs[2].id)
    assert at.selectbox(key="which").value == made.runs[2].id
    assert at.selectbox(key="which").options == [run.id for run in made.runs]
    assert f"{len(TARGET)} samples of {len(TARGET)} units are too few to tell" in says(at)
    assert "the model “gone”" in says(visit("severity", detail="gain", which="gone"))


def test_another_loss_on_the_last_layer_is_beside_cross_entropy(visit, upload):
    values = (2 * np.eye(3)[MANY] + RANDOM.normal(size=(240, 3))).astype(np.float16)
    upload(features=values)
    at = visit("severity", detail="gain")
    assert not any("last layer of" in d.value for d in at.dataframe)
    at = visit("severity", detail="gain", layers="true")
    asked = ["simloss", "soft_labels", "expected_cost"]
    table = _table(at, "last layer of")
    assert table.index.tolist() == ["ce", *asked]
    known = heads.features(values, MANY, 3, UNITS)
    built = [losses.get(name).from_classes(PETS, RULER.matrix) for name in asked]
    found = heads.gains(known, built, classes=PETS, ruler=RULER)
    assert table["mean cost"].tolist() == pytest.approx([found[0].cost.before, *(one.cost.after for one in found)])
    best = min(range(3), key=lambda i: found[i].cost.after)
    assert found[best].sentence(f"A last layer of {asked[best]} in place of ce", "tree levels") in says(at)
    assert "98.3 % interval" in says(at)
    assert "Least mean cost of 3" in says(at)
    at.multiselect(key="heads").set_value(["gce"]).run()
    assert _table(at, "last layer of").index.tolist() == ["ce", "gce"]
    assert "Bonferroni" not in says(at)
    at.multiselect(key="heads").set_value([]).run()
    assert "Choose a loss." in says(at)
    link = dict(parse_qsl(urlsplit(at.sidebar.code[0].value).query, keep_blank_values=True))
    assert "Choose a loss." in says(visit("severity", **link))


def test_python_prints_the_same_answers(visit, upload, capsys):
    upload(features=(2 * np.eye(3)[MANY] + RANDOM.normal(size=(240, 3))).astype(np.float16))
    at = visit("severity", detail="gain", layers="true", heads="gce", take="true")
    rows = len(assert_severity_is_drawn(at)["rows"])
    gain, layer = capsys.readouterr().out.splitlines()[rows:]
    assert f"**{gain}**" in says(at)
    assert f"**{layer}**" in says(at)
    at.multiselect(key="heads").set_value([]).run()
    at.segmented_control(key="ruler").set_value("zero_one").run()
    assert_severity_is_drawn(at)  # where the page has no answer the Python asks for none
    assert len(capsys.readouterr().out.splitlines()) == rows


def test_so_many_samples_that_some_are_left_out_keep_the_shares_of_their_classes(visit, upload, monkeypatch):
    share = (MANY == 0) | (UNITS % 4 == 0)
    target, units = MANY[share], UNITS[share]
    values = (2 * np.eye(3)[target] + RANDOM.normal(size=(len(target), 3))).astype(np.float16)
    names = np.array([f"image-{i}" for i in range(len(target))])
    upload(ids=names, units=units, target=target, log_probabilities=LOGS[share], features=values)
    monkeypatch.setattr(frozen, "enough", lambda samples: 80)
    at = visit("severity", detail="gain", layers="true")
    assert not at.exception
    known = heads.features(values, target, 3, units).sample(80)
    (found, *_) = heads.gains(
        known, [losses.get("simloss").from_classes(PETS, RULER.matrix)], classes=PETS, ruler=RULER
    )
    assert _table(at, "last layer of")["mean cost"].iloc[0] == pytest.approx(found.cost.before)


def test_a_trained_comparison_answers_in_whole(visit, compared):
    """Of real runs, whose features lie beside their predictions."""
    at = visit("severity", detail="gain")
    run = compared.runs[0]
    known = run.predictions("test")
    ruler = compare.comparison_ruler(compared)
    found = evaluation.gain_by_cost(
        known.log_probabilities, known.target, known.units, classes=compared.classes, ruler=ruler
    )
    assert found.sentence(ruler.unit) in says(at)
    assert "No penultimate features" not in says(at)
