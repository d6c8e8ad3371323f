from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.evaluation.statistics import (
    benjamini_hochberg,
    cluster_bootstrap,
    holm,
    mcnemar,
    mean_interval,
    paired_over_seeds,
    paired_permutation,
    seeds_needed,
    two_level_bootstrap,
)

from .evaluation_cases import seeds

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def _clustered(rng: np.random.Generator, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of mean 0 whose units share an effect as large as the noise; 1 to 12 samples a unit."""
    at = np.repeat(np.arange(units), rng.integers(1, 13, units))
    return rng.normal(size=units)[at] + rng.normal(size=len(at)), at


@given(seeds, st.integers(2, 12), st.sampled_from([0.8, 0.95, 0.99]))
def test_t_interval_equals_scipy(seed, n, level):
    from scipy.stats import ttest_1samp

    x = np.random.default_rng(seed).normal(3, 2, n)
    got, expected = mean_interval(x, level), ttest_1samp(x, 0).confidence_interval(level)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert (got.mean, got.n, got.level) == (pytest.approx(x.mean()), n, level)


def test_one_value_has_no_interval():
    got = mean_interval([0.4])
    assert (got.mean, got.low, got.high, got.n) == (0.4, None, None, 1)


@given(seeds, st.integers(6, 9))
def test_sign_flips_equal_scipys_exact_permutation_test(seed, n):
    from scipy.stats import permutation_test

    rng = np.random.default_rng(seed)
    a, b = rng.integers(-3, 6, n), rng.integers(-4, 5, n)  # whole numbers: ties occur, and are exact
    expected = permutation_test(
        (a, b), lambda x, y: (x - y).mean(), permutation_type="samples", n_resamples=2**n, vectorized=False
    )
    got = paired_over_seeds(a, b)
    assert got.p == pytest.approx(expected.pvalue)
    assert got.mean == pytest.approx(expected.statistic)


@pytest.mark.parametrize(("n", "smallest"), [(1, 1.0), (3, 0.25), (5, 0.0625), (8, 2 / 256)])
def test_the_smallest_reachable_p_is_two_in_two_to_the_n(n, smallest):
    got = paired_over_seeds(np.ones(n), np.zeros(n))
    assert got.smallest_p == smallest
    assert (got.p is None) == (smallest > 0.05)


@pytest.mark.parametrize(("comparisons", "needed"), [(1, 6), (4, 8), (20, 10)])
def test_a_p_is_refused_below_the_seeds_it_needs(comparisons, needed):
    differ = np.arange(needed) + 1.0
    below = paired_over_seeds(differ[1:], 0 * differ[1:], comparisons=comparisons)
    assert (below.p, below.seeds_for_p) == (None, needed)
    enough = paired_over_seeds(differ, 0 * differ, comparisons=comparisons)
    assert enough.p == enough.smallest_p
    assert enough.p * comparisons <= 0.05


def test_sampled_sign_flips_come_near_the_exact_share():
    d = np.random.default_rng(3).normal(0.35, 1, 18)
    signs = np.array(list(itertools.product((-1, 1), repeat=18)), dtype=np.int8)
    exact = float((np.abs(signs @ d) >= abs(d.sum()) - 1e-9).mean())
    got = paired_over_seeds(d, np.zeros(18))
    assert abs(got.p - exact) < 4 * np.sqrt(exact * (1 - exact) / 10_000)
    assert got == paired_over_seeds(d, np.zeros(18))
    assert got.p != paired_over_seeds(d, np.zeros(18), seed=1).p


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_binomial_test_of_the_discordant_samples(pairs):
    from scipy.stats import binomtest

    a, b = np.array(pairs).T
    got = mcnemar(a, b)
    discordant = got.only_a + got.only_b
    assert discordant == (a != b).sum()
    assert got.difference == pytest.approx(a.mean() - b.mean())
    assert got.p == pytest.approx(binomtest(got.only_a, discordant).pvalue if discordant else 1.0)


@given(seeds, st.integers(2, 5))
def test_repeating_every_sample_inside_its_unit_is_no_new_evidence(seed, times):
    rng = np.random.default_rng(seed)
    values, at = _clustered(rng, 25)
    names = np.array([f"unit {i}" for i in range(25)])
    a = paired_permutation(values, 0 * values, at, 500)
    b = paired_permutation(np.repeat(values, times), np.zeros(len(at) * times), np.repeat(names[at], times), 500)
    # names sort differently from numbers, so the units meet other signs
    assert a.difference == pytest.approx(b.difference)
    assert abs(a.p - b.p) < 0.12
    same = paired_permutation(np.repeat(values, times), np.zeros(len(at) * times), np.repeat(at, times), 500)
    assert same.p == pytest.approx(a.p)
    assert (same.units, same.samples) == (25, len(at) * times)
    once = cluster_bootstrap(values, at, 200)
    again = cluster_bootstrap(np.repeat(values, times), np.repeat(at, times), 200)
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_few_units_are_flipped_exactly():
    got = paired_permutation([1, 1, 2, 2, 3], [0, 0, 0, 0, 0], ["a", "a", "b", "b", "c"])
    assert (got.p, got.smallest_p, got.units) == (2 / 8, 2 / 8, 3)


def test_a_sampled_p_is_never_zero():
    got = paired_permutation(np.ones(40), np.zeros(40), np.arange(40), 99)
    assert got.p == got.smallest_p == 1 / 100


def test_permutation_of_equal_models_rejects_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(300):
        values, at = _clustered(rng, 20)
        p.append(paired_permutation(values, 0 * values, at, 199).p)
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09  # 0.05 +- 3 standard errors
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)


def test_cluster_bootstrap_covers_where_a_sample_wise_interval_does_not():
    rng = np.random.default_rng(1)
    by_unit, by_sample = 0, 0
    for _ in range(200):
        values, at = _clustered(rng, 40)
        interval = cluster_bootstrap(values, at, 400)
        by_unit += interval.low <= 0 <= interval.high
        naive = mean_interval(values)
        by_sample += naive.low <= 0 <= naive.high
    assert 0.89 <= by_unit / 200 <= 0.99
    assert by_sample / 200 < 0.75


def test_two_level_bootstrap_covers_where_units_alone_do_not():
    rng = np.random.default_rng(2)
    both, units_only = 0, 0
    for _ in range(150):
        shared = rng.normal(size=60)
        runs = [shared + rng.normal(0, 0.3) + rng.normal(0, 0.3, 60) for _ in range(10)]
        interval = two_level_bootstrap(runs, np.arange(60), 300)
        both += interval.low <= 0 <= interval.high
        one = cluster_bootstrap(runs[0], np.arange(60), 300)
        units_only += one.low <= 0 <= one.high
    assert 0.88 <= both / 150 <= 0.99
    assert units_only < both


@given(seeds)
def test_single_units_give_the_textbook_standard_error(seed):
    x = np.random.default_rng(seed).normal(size=400)
    got = cluster_bootstrap(x, np.arange(400), 1000)
    assert got.mean == pytest.approx(x.mean())
    assert got.high - got.low == pytest.approx(2 * 1.96 * x.std() / 20, rel=0.2)


def test_levels_of_the_bootstrap():
    values, at = _clustered(np.random.default_rng(4), 30)
    one, same = cluster_bootstrap(values, at), two_level_bootstrap([values] * 5, at)
    assert (one.low, one.high) == pytest.approx((same.low, same.high))  # equal seeds add no spread
    assert (one.seeds, same.seeds, one.units) == (1, 5, 30)
    only_seeds = two_level_bootstrap([np.full(9, v) for v in (0.0, 1.0, 2.0, 3.0)], np.arange(9), 4000)
    means = np.array([np.mean(c) for c in itertools.product(range(4), repeat=4)])
    assert (only_seeds.low, only_seeds.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.26)
    assert only_seeds.mean == 1.5
    assert two_level_bootstrap([values] * 2, at, seed=3) == two_level_bootstrap([values] * 2, at, seed=3)


@given(p_values)
def test_benjamini_hochberg_equals_scipy(p):
    from scipy.stats import false_discovery_control

    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))


@given(p_values, st.floats(0.01, 0.2))
def test_holm_rejects_what_stepping_down_rejects(p, alpha):
    adjusted, rejected = holm(p), set()
    order = sorted(range(len(p)), key=lambda i: p[i])
    for step, i in enumerate(order):
        if p[i] * (len(p) - step) > alpha:
            break
        rejected.add(i)
    assert set(np.flatnonzero(adjusted <= alpha)) == rejected


@given(p_values, seeds)
def test_corrections_are_ordered_equivariant_and_keep_the_shape(p, seed):
    p = np.array(p)
    order = np.random.default_rng(seed).permutation(len(p))
    bh, fwer = benjamini_hochberg(p), holm(p)
    assert (p <= bh + 1e-12).all()
    assert (bh <= fwer + 1e-12).all()
    assert (fwer <= np.minimum(1, p * len(p)) + 1e-12).all()  # never worse than Bonferroni
    for correct, whole in ((benjamini_hochberg, bh), (holm, fwer)):
        np.testing.assert_allclose(correct(p[order]), whole[order])
        assert correct(p.reshape(1, -1, 1)).shape == (1, len(p), 1)


@given(seeds, st.floats(0.15, 4))
def test_seeds_needed_is_where_the_t_interval_leaves_zero(seed, effect):
    x = np.random.default_rng(seed).normal(size=5)
    x = (x - x.mean()) / x.std(ddof=1) + effect
    n = seeds_needed(x)

    def interval(count: int):
        """`count` values with the same mean and spread."""
        y = np.arange(count, dtype=float)
        return mean_interval((y - y.mean()) / y.std(ddof=1) + effect)

    assert interval(n).low > 0
    assert n == 2 or interval(n - 1).low <= 1e-9


@pytest.mark.parametrize("effect", [0.4, 1.0])
def test_that_many_seeds_resolve_the_difference_in_about_half_of_all_repetitions(effect):
    rng = np.random.default_rng(0)
    pilot = np.array([-1.0, 0, 1]) + effect  # mean `effect`, spread 1
    n = seeds_needed(pilot)

    def resolved(count: int) -> float:
        found = [mean_interval(rng.normal(effect, 1, count)) for _ in range(1000)]
        return float(np.mean([not i.low <= 0 <= i.high for i in found]))

    assert resolved(max(2, n // 2)) + 0.1 < resolved(n) < resolved(2 * n) - 0.1
    assert resolved(n) == pytest.approx(0.5, abs=0.12)


def test_seeds_needed_at_the_ends():
    assert seeds_needed([0.1, 0.1, 0.1]) == 2
    assert seeds_needed([1.0, -1.0]) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "values has the shape"),
        (lambda: mean_interval([1, None]), "values has nan at 1"),
        (lambda: mean_interval([1, 2], level=95), "level is 95"),
        (lambda: paired_over_seeds([1, 2], [1]), "a has 2 entries and b 1"),
        (lambda: paired_over_seeds([1], [1], comparisons=0), "comparisons is 0"),
        (lambda: seeds_needed([1]), "at least 2 seeds"),
        (lambda: mcnemar([1, 0], [0, 1]), "correct_a is int64"),
        (lambda: mcnemar([True], [True, False]), "correct_a has 1 samples and correct_b 2"),
        (lambda: paired_permutation([1, 2], [1, 2], [0]), r"units has the shape \(1,\) for 2 samples"),
        (lambda: cluster_bootstrap([1, np.inf], [0, 1]), "seed 0 has inf at 1"),
        (lambda: cluster_bootstrap([1, 2], [0, 1], 0), "n is 0"),
        (lambda: two_level_bootstrap([[1, 2], [1]], [0, 1]), r"\[2, 1\] samples"),
        (lambda: two_level_bootstrap([], [0]), "at least one seed"),
        (lambda: holm([0.1, 1.5]), "p value 1 is 1.5"),
        (lambda: benjamini_hochberg([np.nan]), "p value 0 is nan"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
