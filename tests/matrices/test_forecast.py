"""The forecast: what follows from its definition, and what trained networks say of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet, matrices
from simviz.datasets import clock, pictograms, tree_rings
from simviz.matrices.forecast import forecast
from simviz.settings import parse_setting

CLASSES = {"pictograms": pictograms.classes(), "tree-rings": tree_rings.classes(), "clock": clock.classes()}
RECORD = Path(__file__).parent / "forecast.json"


def test_the_identity_pays_what_cross_entropy_pays():
    found = forecast(matrices.class_order(30, r=0.0))
    assert (found.told_apart, found.drawn_to) == (pytest.approx(30), pytest.approx(30))
    assert found.warning is None


def test_equal_entries_tell_nothing_apart():
    found = forecast(ClassMatrix(["a", "b", "c"], np.ones((3, 3))))
    assert found.told_apart == pytest.approx(1)
    assert found.costly


@given(st.integers(2, 15), st.floats(0, 0.95))
def test_on_a_circle_it_has_a_closed_form(size, r):
    circle = ClassSet([str(i) for i in range(size)], positions=range(size), period=size)
    matrix = matrices.class_order(circle, r)
    found = forecast(matrix)
    # every class draws alike, so the best constant answer is uniform
    assert found.told_apart == pytest.approx(size / matrix.values[0].sum(), rel=1e-5)
    assert forecast(matrix, "columns").told_apart == pytest.approx(found.told_apart, rel=1e-5)
    assert "bonus" not in (found.warning or "")


def test_the_hub_of_a_star_draws_everything_and_is_named():
    star = np.eye(9)
    star[:, 4] = np.where(np.arange(9) == 4, 1, 0.9)
    found = forecast(ClassMatrix([f"c{i}" for i in range(9)], star))
    assert found.costly
    assert found.drawn_to < 2
    assert "here c4 (8.2), c0 (1.0)" in found.warning
    assert "(c4, " in found.warning
    assert "less than half" in found.warning


def test_the_default_words_are_quiet_and_a_wide_bound_warns():
    things = CLASSES["pictograms"]
    assert forecast(matrices.build("words", things)).warning is None
    narrow, wide = (forecast(matrices.build(f"words:lower_bound={bound}", things)) for bound in (0.6, 0.3))
    assert "accuracy to fall" in narrow.warning
    assert "less than half" in wide.warning
    assert "normalize=columns" in wide.warning


def test_the_names_may_come_in_any_order():
    matrix = matrices.build("words:keep=0.2", ClassSet(["cat", "dog", "horse", "rose", "tulip", "car", "bus", "truck"]))
    order = np.random.default_rng(0).permutation(len(matrix))
    turned = ClassMatrix([matrix.names[i] for i in order], matrix.values[np.ix_(order, order)])
    assert forecast(turned).told_apart == pytest.approx(forecast(matrix).told_apart)


def test_two_classes_cannot_lose_more_than_half():
    alike = forecast(ClassMatrix(["cat", "dog"], [[1, 0.9], [0.9, 1]]))
    assert not alike.costly
    assert "accuracy to fall" in alike.warning


def test_one_class_and_a_distance():
    assert forecast(ClassMatrix(["a"], np.ones((1, 1)))).warning is None
    with pytest.raises(ValueError, match=r"to_similarity\(\)"):
        forecast(matrices.positions(ClassSet(["a", "b"], positions=[0, 1])))


def test_it_knows_which_matrices_cost_trained_networks_their_accuracy():
    """Against the record of benchmarks/forecast.py: 90 % of those that cost half are flagged, 10 % of the others."""
    record = json.loads(RECORD.read_text())
    flagged = []
    for line in record:
        setting = parse_setting(line["setting"])
        matrix = matrices.build(setting.matrix, CLASSES[line["data"]])
        matrix = matrix.to_similarity() if matrix.kind == "distance" else matrix
        flagged.append(forecast(matrix, str(setting.loss.options.get("normalize", "none"))).costly)
    flags, costly = np.array(flagged), np.array([line["kept"] < 0.5 for line in record])
    assert len(record) >= 60
    assert min(costly.sum(), (~costly).sum()) >= 20
    assert flags[costly].mean() >= 0.9
    assert flags[~costly].mean() <= 0.1
