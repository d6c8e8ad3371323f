import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from simviz import ClassSet, losses

from .helpers import C, batch, logits, make, random_distance

close = torch.testing.assert_close
D3 = torch.tensor([[0.0, 1, 4], [1, 0, 2], [4, 2, 0]])


def test_by_hand():
    outputs, target = logits(0.2, 0.5, 0.3), torch.tensor([0])
    # ranks 0, 1/2, 1: XEMD1 -log 0.2 + 0.04 * -0.5 + 0.25 * 0 + 0.09 * 0.5
    first = losses.GroundDistanceLoss(D3).double()
    assert first(outputs, target).item() == pytest.approx(-np.log(0.2) + 0.025)
    # XEMD2, lam 2: 0.04 * -0.25 + 0.25 * 0 + 0.09 * 0.75
    second = losses.GroundDistanceLoss(D3, lam=2, exponent=2, bias=-0.25).double()
    assert second(outputs, target).item() == pytest.approx(-np.log(0.2) + 2 * 0.0575)
    # max: 0, 1/4, 1
    third = losses.GroundDistanceLoss(D3, normalize="max", bias=0).double()
    assert third(outputs, target).item() == pytest.approx(-np.log(0.2) + 0.25 * 0.25 + 0.09)


@given(seed=st.integers(0, 10**6), lam=st.floats(0, 20), exponent=st.floats(0.5, 3), bias=st.floats(-1, 0))
def test_it_is_the_formula_written_out(seed, lam, exponent, bias):
    matrix, random = random_distance(seed), np.random.default_rng(seed)
    distance = matrix.values
    values, target = 4 * random.normal(size=(3, C)), random.integers(0, C, 3)
    expected = []
    for z, y in zip(values, target, strict=True):
        p = [np.exp(one) / sum(np.exp(other) for other in z) for one in z]
        cost = 0.0
        for i in range(C):  # the rank of D_yi among the others, ties at their middle, as a share
            others = [float(distance[y, j]) for j in range(C) if j != y]
            below = sum(d < distance[y, i] for d in others)
            alike = sum(d == distance[y, i] for d in others)
            rank = 0.0 if i == y else (below + (alike + 1) / 2) / (C - 1)
            cost += p[i] ** 2 * (rank**exponent + bias)
        expected.append(-np.log(p[y]) + lam * cost)
    loss = losses.GroundDistanceLoss(matrix, lam, exponent, bias, reduction="none").double()
    close(
        loss(torch.tensor(values), torch.tensor(target)), torch.tensor(expected), rtol=1e-5, atol=1e-5
    )  # D is float32


@given(seed=st.integers(0, 10**6), lam=st.floats(0, 20), exponent=st.floats(0.5, 3), bias=st.floats(-1, 0))
def test_its_least_value_is_lam_times_bias_at_the_right_answer(seed, lam, exponent, bias):
    loss = losses.GroundDistanceLoss(random_distance(seed), lam, exponent, bias, reduction="none").double()
    target = torch.arange(C)
    close(loss(200 * torch.eye(C, dtype=torch.float64), target), torch.full((C,), lam * bias, dtype=torch.float64))
    generator = torch.Generator().manual_seed(seed)
    anything = 5 * torch.randn(40, C, generator=generator, dtype=torch.float64)
    for y in range(C):
        assert (loss(anything, torch.full((40,), y)) >= lam * bias - 1e-6).all()


def test_with_lam_0_it_is_cross_entropy():
    outputs, target = batch(make("ce"))
    close(losses.GroundDistanceLoss(random_distance(), lam=0)(outputs, target), F.cross_entropy(outputs, target))


def test_ranks_share_ties_and_put_the_own_class_first():
    tree = np.array([[0, 0, 1, 1, 2.0]] * 5)
    np.fill_diagonal(tree, 0)
    got = losses.normalized_distance(torch.tensor(tree))
    for y in range(5):
        others = np.delete(np.arange(5), y)
        assert got[y, y] == 0
        assert got[y, others].numpy() == pytest.approx(rankdata(tree[y, others]) / 4)


def test_it_is_built_from_a_setting():
    classes = ClassSet(["cat", "dog", "car"], groups=["pet", "pet", "thing"])
    loss = losses.build("ground_distance:bias=-0.25,exponent=2,normalize=max@groups", classes)
    assert loss.cost.tolist() == [[-0.25, 0.0, 0.75], [0.0, -0.25, 0.75], [0.75, 0.75, -0.25]]


def test_bad_options_are_named():
    for options, words in [
        ({"bias": 0.5}, "uniform distribution beats the truth"),
        ({"lam": -1}, "lam is -1"),
        ({"exponent": 0}, "exponent is 0"),
        ({"normalize": "mean"}, "'mean'"),
    ]:
        with pytest.raises(ValueError, match=words):
            losses.GroundDistanceLoss(D3, **options)
