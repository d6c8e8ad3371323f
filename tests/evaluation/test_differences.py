from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.evaluation import confusion_matrix, statistics
from simviz.evaluation.differences import Answers, cell_differences, joined_differences

from .evaluation_cases import seeds


def experiment(seed: int, *, samples: int = 40, units: int = 9, runs: tuple[int, int] = (2, 2), classes: int = 3):
    """Two sets of runs that agree now and then."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, samples)
    answer = lambda: np.where(rng.random(samples) < 0.5, target, rng.integers(0, classes, samples))  # noqa: E731
    a, b = ([answer() for _ in range(n)] for n in runs)
    return target, a, b, rng.integers(0, units, samples)


def per_unit(target, a, b, units, i, j, weights=None):
    """d_u of one cell, by a loop."""
    cost = 1.0 if weights is None else weights[i, j]
    found = []
    for unit in np.unique(units):
        mine = (units == unit) & (target == i)
        found.append(cost * (np.mean([(r[mine] == j).sum() for r in a]) - np.mean([(r[mine] == j).sum() for r in b])))
    return np.array(found)


@given(seeds, st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_p_counts_every_pattern_of_signs(seed, runs):
    target, a, b, units = experiment(seed, runs=runs)
    found = cell_differences(target, a, b, units, 3, paired=False)
    assert found.needed == 6
    for i, j in itertools.product(range(3), repeat=2):
        d = per_unit(target, a, b, units, i, j)
        assert found.change[i, j] == pytest.approx(d.sum())
        moved = d[np.abs(d) > 1e-9]
        assert found.differing[i, j] == len(moved)
        if len(moved) < 6:
            assert np.isnan(found.p[i, j])
            continue
        sums = np.array([np.dot(signs, moved) for signs in itertools.product((1, -1), repeat=len(moved))])
        assert found.p[i, j] == pytest.approx((np.abs(sums) >= abs(moved.sum()) - 1e-9).mean(), abs=1e-12)


@given(seeds, st.booleans())
def test_a_minus_b_is_the_opposite_of_b_minus_a(seed, paired):
    target, a, b, units = experiment(seed, samples=200, units=60)
    there = cell_differences(target, a, b, units, 3, paired=paired)
    back = cell_differences(target, b, a, units, 3, paired=paired)
    np.testing.assert_array_equal(there.change, -back.change)
    for name in ("p", "adjusted", "differing", "steady", "significant"):
        np.testing.assert_array_equal(getattr(there, name), getattr(back, name))


@given(seeds)
def test_change_is_the_difference_of_the_mean_confusions(seed):
    target, a, b, units = experiment(seed, runs=(3, 2))
    mean = lambda runs: np.mean([confusion_matrix(target, r, 3) for r in runs], axis=0)  # noqa: E731
    found = cell_differences(target, a, b, units, 3, paired=False)
    np.testing.assert_allclose(found.change, mean(a) - mean(b), atol=1e-12)
    np.testing.assert_allclose(found.change.sum(axis=1), 0, atol=1e-12)  # the true classes are the same


def test_one_run_a_side_and_a_unit_a_sample_is_mcnemar_in_every_cell():
    target, (a,), (b,), _ = experiment(5, samples=300, runs=(1, 1))
    found = cell_differences(target, [a], [b], np.arange(300), 3)
    for i, j in itertools.product(range(3), repeat=2):
        mine = target == i
        expected = statistics.mcnemar(a[mine] == j, b[mine] == j)
        assert found.p[i, j] == pytest.approx(expected.p, rel=1e-9)
        assert found.differing[i, j] == expected.only_a + expected.only_b
    np.testing.assert_allclose(found.adjusted, statistics.benjamini_hochberg(found.p))


def test_the_same_predictions_differ_nowhere():
    target, a, _, units = experiment(1)
    found = cell_differences(target, a, a, units, 3)
    assert not found.change.any()
    assert not found.tested.any()
    assert not found.significant.any()


def test_samples_of_one_unit_count_once():
    target = np.zeros(60, int)
    a, b = np.ones(60, int), np.zeros(60, int)
    apart = cell_differences(target, [a], [b], np.arange(60), 2)
    together = cell_differences(target, [a], [b], np.arange(60) // 12, 2)
    assert apart.significant.tolist() == [[True, True], [False, False]]
    assert apart.p[0, 1] == pytest.approx(2.0**-59, rel=1e-3)
    assert together.differing[0, 1] == 5
    assert np.isnan(together.p[0, 1])
    assert not together.significant.any()


def test_what_comes_from_chance_is_rarely_called_significant():
    wrong = 0
    for seed in range(40):
        target, a, b, _ = experiment(seed, samples=600, runs=(1, 1), classes=4)
        wrong += cell_differences(target, a, b, np.arange(600), 4).significant.any()
    assert wrong <= 5  # 5 % of 40 are expected at most


def test_classes_put_together_are_tested_together():
    target, a, b, units = experiment(3, samples=300, units=80, classes=4)
    rows = np.array([0, 0, 1, 1])
    found = cell_differences(target, a, b, units, 4, rows=rows)
    direct = cell_differences(rows[target], [rows[r] for r in a], [rows[r] for r in b], units, 2)
    for name in ("change", "p", "adjusted", "differing", "steady"):
        np.testing.assert_array_equal(getattr(found, name), getattr(direct, name))


@given(seeds)
def test_a_weight_common_to_a_cell_changes_no_p(seed):
    target, a, b, units = experiment(seed, samples=120, units=30)
    weights = np.array([[0, 2, 5], [1, 0, 3], [4, 2, 0]])
    plain, weighted = (cell_differences(target, a, b, units, 3, weights=w) for w in (None, weights))
    np.testing.assert_allclose(weighted.change, weights * plain.change, atol=1e-9)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(weighted.p[off], plain.p[off], rtol=1e-9)
    assert not weighted.tested[~off].any()


def test_weights_that_are_no_whole_numbers_are_tested_to_a_fine_step():
    target, a, b, units = experiment(11, samples=90, units=9, classes=4)
    weights = np.random.default_rng(0).uniform(0.1, 1, (4, 4))
    rows = np.zeros(4, int)
    found = cell_differences(target, a, b, units, 4, rows=rows, weights=weights)
    d = sum(per_unit(target, a, b, units, i, j, weights) for i, j in itertools.product(range(4), repeat=2))
    sums = np.array([np.dot(signs, d) for signs in itertools.product((1, -1), repeat=len(d))])
    assert found.change[0, 0] == pytest.approx(d.sum())
    assert found.p[0, 0] == pytest.approx((np.abs(sums) >= abs(d.sum())).mean(), abs=0.01)


def test_a_seed_that_points_the_other_way_takes_the_significance():
    target = np.zeros(100, int)
    right, wrong = np.zeros(100, int), np.ones(100, int)
    few = np.where(np.arange(100) < 20, 1, 0)
    found = cell_differences(target, [wrong, right], [right, few], np.arange(100), 2)
    assert found.adjusted[0, 1] < 0.01
    assert not found.steady[0, 1]
    assert not found.significant.any()
    apart = cell_differences(target, [wrong, wrong, few], [right, right], np.arange(100), 2, paired=False)
    assert apart.significant[0, 1]
    overlap = cell_differences(target, [wrong, wrong, right], [right, few], np.arange(100), 2, paired=False)
    assert not overlap.steady[0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": []}, "A has 0 runs and B 1; each needs at least one"),
        ({"a": [[0, 1], [0, 1]]}, "A has 2 runs and B 1; runs can only be paired one to one"),
        ({"b": [[0, 3]]}, "a run of b of row 1 is 3; a class index lies in 0..1"),
        ({"b": [[0]]}, "a run of b has 1 entries for 2 samples"),
        ({"units": [1]}, r"units has the shape \(1,\) for 2 samples"),
        ({"target": [0, 5]}, "target of row 1 is 5"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    given_ = {"target": [0, 1], "a": [[0, 1]], "b": [[0, 1]], "units": [0, 1], "num_classes": 2} | change
    with pytest.raises(ValueError, match=message):
        cell_differences(**given_)


@given(seeds)
def test_samples_are_joined_by_their_ids(seed):
    target, a, b, units = experiment(seed, samples=200, units=60)
    ids = np.array([f"s{i}" for i in range(200)])
    expected = cell_differences(target, a, b, units, 3)
    rng = np.random.default_rng(seed)

    def mixed(predicted, ids=ids):
        order = rng.permutation(200)
        return Answers(ids[order], units[order], target[order], predicted[order])

    found = joined_differences([*map(mixed, a)], [*map(mixed, b)], 3)
    for name in ("change", "p", "adjusted", "differing", "steady"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert joined_differences([*map(mixed, a)], [mixed(one, np.char.add("x", ids)) for one in b], 3) is None
