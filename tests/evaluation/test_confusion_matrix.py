from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from simviz import ClassSet
from simviz.evaluation import (
    class_severity,
    confusion_matrix,
    confusion_order,
    decode,
    error_distances,
    normalise,
    top_pairs,
)

from .evaluation_cases import case, distance_ruler, seeds


def _counted(seed: int):
    problem = case(seed)
    predicted = decode(problem.log_p, classes=problem.classes)
    return problem, predicted, confusion_matrix(problem.target, predicted, len(problem.classes))


@given(seeds)
def test_equals_scikit_learn_with_every_class_kept(seed):
    from sklearn.metrics import confusion_matrix as reference

    problem, predicted, table = _counted(seed)
    labels = np.arange(len(problem.classes))
    assert table.dtype == np.int64
    np.testing.assert_array_equal(table, reference(problem.target, predicted, labels=labels))


def test_no_samples_make_a_table_of_zeros():
    np.testing.assert_array_equal(confusion_matrix(np.empty(0, int), np.empty(0, int), 3), np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("target", "predicted", "message"),
    [
        ([0, 3], [0, 0], "target of row 1 is 3; a class index lies in 0..2"),
        ([0, 1], [0, -1], "predicted of row 1 is -1"),
        ([0, 1], [0], "predicted has 1 entries for 2 samples"),
        ([0, 1.5], [0, 0], "target of row 1 is .*1.5.*whole number"),
        ([0, np.nan], [0, 0], "target of row 1 is .*nan.*whole number"),
        ([[0, 1]], [0], "target has the shape"),
        (["a"], [0], "target of row 0 is"),
    ],
)
def test_bad_labels_are_named(target, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(target, predicted, 3)


@given(seeds)
def test_normalised_tables_sum_to_one_where_there_are_samples(seed):
    _, _, table = _counted(seed)
    rows, columns = normalise(table, "true").sum(axis=1), normalise(table, "predicted").sum(axis=0)
    np.testing.assert_allclose(rows, table.sum(axis=1) > 0)
    np.testing.assert_allclose(columns, table.sum(axis=0) > 0)
    assert normalise(table, "all").sum() == pytest.approx(1)
    np.testing.assert_array_equal(normalise(table), table)


def test_an_unknown_normalisation_lists_what_there_is():
    with pytest.raises(ValueError, match=r"'rows'.*counts, true, predicted, all"):
        normalise(np.eye(2), "rows")


@given(seeds)
def test_other_values_are_divided_by_the_sums_of_the_counts(seed):
    problem, _, table = _counted(seed)
    cost = table * problem.ruler.distance
    mean_cost = normalise(table, "true", cost).sum(axis=1)
    np.testing.assert_allclose(mean_cost, np.nan_to_num(class_severity(table, problem.ruler)["mean_cost"]))
    np.testing.assert_array_equal(normalise(table, "counts", cost), cost)
    for by in ("true", "predicted", "all"):
        np.testing.assert_allclose(normalise(table, by, 2.0 * table), 2 * normalise(table, by))


def test_values_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"values has the shape \(3, 3\) for a table of shape \(2, 2\)"):
        normalise(np.eye(2), "true", np.eye(3))


def test_classes_that_are_taken_for_each_other_stand_side_by_side():
    table = np.diag([9] * 6)
    for i, j in ((0, 3), (3, 5), (1, 4)):
        table[i, j] = table[j, i] = 5
    order = confusion_order(table)
    assert sorted(order) == list(range(6))
    place = [order.index(i) for i in range(6)]
    assert all(abs(place[i] - place[j]) == 1 for i, j in ((0, 3), (3, 5), (1, 4)))
    assert confusion_order(table.T) == order
    assert confusion_order(np.diag([3, 1, 2])) == [0, 1, 2]
    assert confusion_order([[4]]) == [0]


@given(seeds)
def test_class_severity_equals_a_loop_over_samples(seed):
    problem, predicted, table = _counted(seed)
    result = class_severity(table, problem.ruler)
    for c in range(len(problem.classes)):
        mine = predicted[problem.target == c]
        costs = [float(problem.ruler.matrix.values[c, j]) for j in mine]
        mistakes = [d for d, j in zip(costs, mine, strict=True) if j != c]
        mean = lambda v: sum(v) / len(v) if v else np.nan  # noqa: E731
        expected = (len(mine), len(mistakes), mean([j != c for j in mine]), mean(costs), mean(mistakes))
        got = [result[k][c] for k in ("count", "errors", "error_rate", "mean_cost", "severity")]
        np.testing.assert_allclose(got, expected)


@given(seeds)
def test_error_distances_count_every_mistake_once(seed):
    problem, predicted, table = _counted(seed)
    distances, counts = error_distances(table, problem.ruler)
    expected = Counter(
        float(problem.ruler.matrix.values[t, j]) for t, j in zip(problem.target, predicted, strict=True) if t != j
    )
    assert dict(zip(distances.tolist(), counts.tolist(), strict=True)) == expected
    assert (np.diff(distances) > 0).all()


def test_a_mistake_at_distance_zero_is_still_a_mistake():
    ruler = distance_ruler(ClassSet(["a", "b"]), np.zeros((2, 2)))
    distances, counts = error_distances([[3, 2], [0, 1]], ruler)
    assert (distances.tolist(), counts.tolist()) == ([0.0], [2])


def test_top_pairs_by_count_then_distance():
    classes = ClassSet(["a", "b", "c"])
    ruler = distance_ruler(classes, [[0, 1, 2], [1, 0, 0.5], [2, 0.5, 0]])
    table = np.array([[6, 2, 2], [0, 9, 3], [0, 0, 0]])
    pairs = top_pairs(table, ruler, classes, 5)
    assert [(r["true"], r["predicted"], r["count"]) for r in pairs] == [("b", "c", 3), ("a", "c", 2), ("a", "b", 2)]
    assert pairs[0] == {"true": "b", "predicted": "c", "count": 3, "share": 0.25, "distance": 0.5, "cost": 1.5}
    assert len(top_pairs(table, ruler, classes, 1)) == 1
    turned = classes.subset(["c", "b", "a"])  # the ruler is keyed by name
    assert top_pairs(table[::-1, ::-1], ruler, turned, 1) == pairs[:1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.eye(3), r"shape \(3, 3\) for 2 classes"),
        ([[1, -1], [0, 0]], r"confusion\[0, 1\] is -1"),
        ([[1, 0], [0.5, 0]], r"confusion\[1, 0\] is 0.5"),
        ([[1, 0], [np.nan, 0]], r"confusion\[1, 0\] is nan"),
    ],
)
def test_bad_tables_are_named(table, message):
    with pytest.raises(ValueError, match=message):
        class_severity(table, distance_ruler(ClassSet(["a", "b"]), 1 - np.eye(2)))
