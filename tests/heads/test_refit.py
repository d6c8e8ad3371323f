"""Refitted last layers: closed forms, optima, and that nothing but the setting decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet, evaluation, heads, losses, matrices

AGES = ClassSet([f"{age}" for age in range(5)], positions=range(5))
PETS = ClassSet(["cat", "dog", "horse", "truck", "bus"], groups=["a", "a", "a", "v", "v"])
NAMED = {"matrix": {None: "", "similarity": "@order:r=0.4", "distance": "@groups"}}
CONVEX = tuple(name for name in losses.available() if losses.get(name).convex)


def built(name):
    """A loss by name, on classes with an order and groups."""
    classes = ClassSet(PETS.names, groups=[g[0] for g in PETS.groups], positions=range(5))
    return losses.build(name + NAMED["matrix"][losses.get(name).matrix], classes)


def probabilities(head, samples):
    return np.exp(head.log_probabilities(samples.values))


@pytest.mark.parametrize("penalty", [0.03, heads.PENALTY, 1.0])
def test_cross_entropy_is_logistic_regression_at_the_same_penalty(blobs, penalty):
    from sklearn.linear_model import LogisticRegression

    samples, asked = blobs(), blobs(seed=1)
    mean, scale = samples.values.mean(0), samples.values.std(0)
    reference = LogisticRegression(C=1 / (penalty * len(samples)), tol=1e-10, max_iter=10_000)
    reference.fit((samples.values.astype(np.float64) - mean) / scale, samples.target)
    expected = reference.predict_proba((asked.values.astype(np.float64) - mean) / scale)
    head = heads.Refitter(samples, penalty).head(losses.build("ce", AGES))
    assert head.converged
    assert np.abs(probabilities(head, asked) - expected).max() < 1e-4


@pytest.mark.parametrize("name", losses.available())
def test_every_loss_ends_where_its_objective_is_flat(blobs, name):
    samples = blobs()
    loss = built(name)
    head = heads.Refitter(samples).head(loss)
    assert head.converged
    found = head.log_probabilities(samples.values)
    assert found.shape == (400, 5)
    assert np.abs(np.exp(found).sum(1) - 1).max() < 1e-4

    # the objective once more, in float64 and on standardised features, as the module states it
    standard = (samples.values.astype(np.float64) - samples.values.mean(0)) / samples.values.std(0)
    layer = head.layer.double().requires_grad_(True)
    scale = torch.tensor(samples.values.std(0)).double()
    weights = [p for p in layer.parameters() if p.ndim == 2]
    for weight in weights:
        weight.data *= scale
    value = head.loss.double()(layer(torch.tensor(standard)), torch.tensor(samples.target))
    value = value + heads.PENALTY / 2 * sum(w.square().sum() for w in weights)
    assert value.item() == pytest.approx(head.objective, abs=1e-5)
    slopes = torch.autograd.grad(value, [p for p in layer.parameters() if p.requires_grad], allow_unused=True)
    assert max(float(slope.abs().max()) for slope in slopes if slope is not None) < 1e-3


@pytest.mark.parametrize("name", CONVEX)
@given(data=st.data())
def test_the_losses_called_convex_are(name, data):
    numbers = st.floats(-8, 8, width=32)
    width = built(name).head(3, 5)(torch.zeros(1, 3)).shape[1]
    a, b = (torch.tensor(data.draw(st.lists(numbers, min_size=width, max_size=width)))[None].double() for _ in range(2))
    target = torch.tensor([data.draw(st.integers(0, 4))])
    loss = built(name).double()
    middle = loss((a + b) / 2, target)
    assert middle <= (loss(a, target) + loss(b, target)) / 2 + 1e-9


def test_simloss_is_not_called_convex_and_is_not():
    """Where the probability lies far from the true class, the Hessian Var_p - Var_q has a negative direction."""
    loss, target = losses.build("simloss@order:r=0.3", AGES), torch.tensor([4])
    low, middle, high = (loss(torch.tensor([[z, -20, -20, -20, 0.0]]), target) for z in (2.9, 3.9, 4.9))
    assert not loss.convex
    assert middle > (low + high) / 2


def test_only_the_setting_decides_and_not_what_was_fitted_before(blobs):
    samples = blobs()
    first, second = heads.Refitter(samples), heads.Refitter(samples)
    wide = second.head(losses.build("simloss@order:r=0.9", AGES))
    again = [r.head(losses.build("simloss@order:r=0.3", AGES)) for r in (first, second)]
    assert np.array_equal(*(head.log_probabilities(samples.values) for head in again))
    assert not np.array_equal(again[0].log_probabilities(samples.values), wide.log_probabilities(samples.values))


def test_editing_a_cell_and_back_restores_the_start_exactly(blobs):
    samples, refitter = blobs(), heads.Refitter(blobs())
    start = matrices.class_order(AGES, r=0.4)
    values = start.values.copy()
    values[0, 4] = 0.9
    edited = ClassMatrix(AGES, values, "similarity")
    values = edited.values.copy()
    values[0, 4] = start.values[0, 4]
    back = ClassMatrix(AGES, values, "similarity")
    logs = [refitter.head(losses.SimLoss(m)).log_probabilities(samples.values) for m in (start, edited, back)]
    assert np.array_equal(logs[0], logs[2])
    assert np.abs(logs[0] - logs[1]).max() > 1e-3


def test_an_identity_similarity_is_cross_entropy(blobs):
    samples = blobs()
    refitter = heads.Refitter(samples)
    heads_ = [refitter.head(losses.build(s, AGES)) for s in ("ce", "simloss@order:r=0", "ce:label_smoothing=0.2")]
    plain, same, smooth = (probabilities(head, samples) for head in heads_)
    assert np.abs(plain - same).max() < 1e-3
    assert np.abs(plain - smooth).max() > 0.02


def test_a_class_that_never_occurs_is_never_likely(blobs):
    samples = blobs(present=4)
    for name in ("ce", "simloss", "ground_distance", "self_guided"):
        head = heads.Refitter(samples).head(built(name))
        assert probabilities(head, samples)[:, 4].max() < 0.1, name
    judged = heads.judge(head, samples, classes=PETS, ruler=evaluation.ruler(PETS))
    assert judged.confusion[4].sum() == 0


def test_one_class_is_always_right(blobs):
    lone = ClassSet(["all"])
    samples = blobs(classes=1)
    head = heads.Refitter(samples).head(losses.build("ce", lone))
    assert np.array_equal(head.log_probabilities(samples.values), np.zeros((400, 1)))
    assert heads.judge(head, samples, classes=lone, ruler=evaluation.ruler(lone, "zero_one")).metrics["accuracy"] == 1


def test_a_thousand_classes(blobs):
    many = ClassSet([f"c{i}" for i in range(1000)])
    samples = blobs(2000, 24, 1000, distance=12.0)
    refitter = heads.Refitter(samples, 1e-3)
    plain, wide = (refitter.head(losses.build(s, many)) for s in ("ce", "simloss@order:r=0.5"))
    assert plain.converged
    assert wide.converged
    accuracy = [(h.log_probabilities(samples.values).argmax(1) == samples.target).mean() for h in (plain, wide)]
    assert accuracy[0] > 0.5
    assert accuracy[0] >= accuracy[1]


def test_a_feature_that_never_changes_and_one_of_another_scale_do_no_harm(blobs):
    samples = blobs()
    values = np.column_stack([samples.values * 1e4, np.full(len(samples), 7.0)])
    scaled = heads.features(values, samples.target, 5)
    plain, other = (heads.Refitter(s).head(losses.build("ce", AGES)) for s in (samples, scaled))
    assert np.abs(probabilities(plain, samples) - probabilities(other, scaled)).max() < 1e-3


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_none_is_named(blobs, penalty):
    with pytest.raises(ValueError, match="the penalty is"):
        heads.Refitter(blobs(), penalty)


def test_class_weights_pull_towards_the_heavy_class(blobs):
    samples = blobs()
    refitter = heads.Refitter(samples)
    heavy = losses.build("ce", AGES, weight=torch.tensor([20.0, 1, 1, 1, 1]))
    shares = [probabilities(refitter.head(loss), samples)[:, 0].mean() for loss in (losses.build("ce", AGES), heavy)]
    assert shares[1] > 1.3 * shares[0]
