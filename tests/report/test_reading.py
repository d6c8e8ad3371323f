"""The Python that reads a comparison as the confusion page does: executed. As severity: tests/app/test_take_away.py."""

from __future__ import annotations

import numpy as np
import pytest

from simviz import compare, evaluation, figures
from simviz.report import reading
from simviz.report.counts import counted, of_runs


def test_reading_shows_what_the_screen_does(shapes, monkeypatch, capsys):
    monkeypatch.setenv("SIMVIZ_RUNS", str(shapes.path.parent))
    sides = ("self_guided", "ce")
    text = reading.confusion(shapes, part="validation", decoder="min_cost", ruler="zero_one", sides=sides)
    names: dict = {}
    exec(text, names)
    assert names["ruler"].name == "zero_one"
    rows = compare.table(shapes, part="validation", decoder="min_cost", ruler=names["ruler"])
    assert [r.values for r in names["rows"]] == [r.values for r in rows]
    assert len(names["pictures"]) == len(shapes.groups)
    printed = capsys.readouterr().out
    assert all(f"{r.label} {r.mean('accuracy')}" in printed for r in rows)
    plain = reading.confusion(shapes, part="test", decoder="argmax", ruler=None)
    exec(plain, names)
    assert names["ruler"].name == "words"  # the comparison's own


def test_reading_draws_what_the_screen_draws(shapes, monkeypatch):
    monkeypatch.setenv("SIMVIZ_RUNS", str(shapes.path.parent))
    names: dict = {}
    sides = ("self_guided", "ce")
    order = list(range(len(shapes.classes)))[::-1]
    look = {
        "normalize": "predicted",
        "hide_diagonal": True,
        "log": True,
        "order": order,
        "groups": None,
        "chosen": (1, 0),
    }
    common = {"part": "test", "decoder": "argmax", "ruler": "zero_one", "sides": sides}
    exec(reading.confusion(shapes, **common, look=look), names)
    counts = counted(shapes, part="test", decoder="argmax", ruler=names["ruler"])
    shares = [evaluation.normalise(one.mean, "predicted")[~np.eye(len(order), dtype=bool)] for one in counts.values()]
    limits = min(s[s > 0].min() for s in shares), max(s.max() for s in shares)
    assert len({share.max() for share in shares}) > 1  # else their own colours would be the shared ones
    for setting, one in counts.items():
        expected = figures.confusion.confusion(one.mean, shapes.classes.names, title=setting, limits=limits, **look)
        assert names["pictures"][setting].to_json() == expected.to_json()
    assert list(names["change"].data[0].y) == list(shapes.classes.names)[::-1]
    exec(reading.confusion(shapes, **common, look={"hide_diagonal": False}), names)
    assert np.isfinite(np.diag(names["change"].data[0].z)).all()


def test_reading_draws_single_runs_harm_tests_and_epochs(shapes, monkeypatch):
    monkeypatch.setenv("SIMVIZ_RUNS", str(shapes.path.parent))
    run, other = shapes.groups["ce"][1], "self_guided"
    common = {"part": "test", "decoder": "argmax", "ruler": None, "sides": (run.id, other)}
    names: dict = {}
    exec(reading.confusion(shapes, **common, look={"normalize": "counts"}, harm=True, grey=True), names)
    assert list(names["pictures"]) == [run.id, *list(shapes.groups)[1:]]
    mine = of_runs([run], shapes, part="test", decoder="argmax", ruler=names["ruler"]).mean
    distance = names["ruler"].distance_for(shapes.classes)
    theirs = counted(shapes, part="test", decoder="argmax", ruler=names["ruler"])[other].mean
    shown = [np.array(layer.z, dtype=float) for layer in names["change"].data if layer.type == "heatmap"]
    whole = np.where(np.isnan(shown[0]), shown[-1], shown[0])
    np.testing.assert_allclose(whole, (mine - theirs) * distance, atol=1e-5)
    assert (np.isnan(shown[0]) == (whole != 0) & ~names["tests"].significant).all()
    beside = shapes.groups[other][0].id
    exec(reading.confusion(shapes, **common, epoch=2, alone=[beside]), names)
    np.testing.assert_array_equal(names["counts"][run.id].total, run.epoch_arrays(2)["confusion"])
    assert {run.id, beside, other} < set(names["pictures"])
    text = reading.confusion(shapes, **common, grey=True)
    monkeypatch.setattr("simviz.evaluation.joined_differences", lambda *_, **__: None)
    with pytest.raises(ValueError, match="did not answer the same samples"):
        exec(text, names)
