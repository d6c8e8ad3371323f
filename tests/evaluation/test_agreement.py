"""Agreement of distances, against SciPy and against what must hold."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial import procrustes as scipy_procrustes
from scipy.stats import spearmanr

from simviz.evaluation import agreement


def distance(seed, count=9):
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_spearman_is_scipys_over_the_pairs_and_ignores_monotone_changes():
    a, b = distance(0), distance(1)
    triangle = np.triu_indices(9, 1)
    assert agreement.spearman(a, b) == pytest.approx(spearmanr(a[triangle], b[triangle]).statistic)
    assert agreement.spearman(a, a**3) == 1
    assert agreement.spearman(a, -a + a.max()) == -1
    coarse = np.round(b)
    assert agreement.spearman(a, coarse) == pytest.approx(spearmanr(a[triangle], coarse[triangle]).statistic)


def test_agreement_with_a_constant_is_none():
    constant = 1 - np.eye(5)
    assert agreement.spearman(constant, distance(0, 5)) is None
    assert agreement.mantel(distance(0, 5), constant) is None
    assert agreement.collapsed(constant)
    assert not agreement.collapsed(distance(0, 5))


def test_mantel_finds_what_is_planted_and_its_smallest_p_is_one_over_all_permutations():
    a = distance(3)
    found = agreement.mantel(a, a + 0.01 * distance(4), 199)
    assert found.rho > 0.9
    assert found.p == 1 / 200
    assert agreement.mantel(a, a.max() - a + 1e-9, 199).p > 0.9  # near in one is far in the other


def test_mantel_is_level_under_chance():
    p = [agreement.mantel(distance(s, 7), distance(s + 1000, 7), 49, seed=s).p for s in range(200)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.07)  # three standard errors
    assert np.mean(p) == pytest.approx(0.51, abs=0.07)


def test_a_joint_permutation_of_the_classes_changes_nothing():
    a, b, order = distance(5), distance(6), np.random.default_rng(0).permutation(9)
    turn = np.ix_(order, order)
    assert agreement.spearman(a[turn], b[turn]) == pytest.approx(agreement.spearman(a, b))


def test_cophenetic_correlation_is_pearsons_of_the_heights():
    trees = [linkage(agreement.pairs(distance(s)), "average") for s in (0, 1)]
    expected = np.corrcoef(cophenet(trees[0]), cophenet(trees[1]))[0, 1]
    assert agreement.cophenetic_correlation(*trees) == pytest.approx(expected)
    assert agreement.cophenetic_correlation(trees[0], trees[0]) == pytest.approx(1)


def test_procrustes_undoes_a_turn_a_mirror_and_a_shift():
    points = np.random.default_rng(0).normal(size=(8, 2))
    angle = 0.7
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])  # with a mirror
    moved = points @ turn + [3, -2]
    assert np.allclose(agreement.procrustes(moved, points), points)
    other = np.random.default_rng(1).normal(size=(8, 2))
    mine = agreement.procrustes(other, points)
    assert np.linalg.norm(mine - mine.mean(0)) == pytest.approx(np.linalg.norm(other - other.mean(0)))
    scaled = scipy_procrustes(points, other)[1]  # SciPy's is scaled too: the same direction
    centred = mine - mine.mean(0)
    assert np.allclose(centred / np.linalg.norm(centred), scaled / np.linalg.norm(scaled))


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.full((3, 3), np.nan)])
def test_what_is_no_distance_is_refused(bad):
    with pytest.raises(ValueError, match=r"shape|finite"):
        agreement.pairs(bad)
