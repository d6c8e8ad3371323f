"""What heads say of samples they were not fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, evaluation, heads, losses

AGES = ClassSet([f"{age}" for age in range(5)], positions=range(5))


@pytest.mark.parametrize("decoder", evaluation.DECODERS)
def test_a_verdict_is_what_the_decoder_makes_of_the_head(blobs, decoder):
    fit, asked = blobs(), blobs(seed=1)
    ruler = evaluation.ruler(AGES)
    loss = losses.build("simloss@order:r=0.6", AGES)
    head = heads.Refitter(fit).head(loss)
    found = heads.judge(head, asked, classes=AGES, ruler=ruler, decoder=decoder, temperature=1.5)
    logs, similarity = head.log_probabilities(asked.values), loss.similarity.numpy()
    how = {"classes": AGES, "ruler": ruler, "temperature": 1.5, "similarity": similarity}
    predicted = evaluation.decode(logs, decoder, **how)
    assert np.array_equal(found.confusion, evaluation.confusion_matrix(asked.target, predicted, 5))
    assert found.metrics["mean_cost"] == pytest.approx(np.abs(asked.target - predicted).mean())
    assert found.metrics["accuracy"] == (asked.target == predicted).mean()


def test_blurred_needs_a_similarity(blobs):
    head = heads.Refitter(blobs()).head(losses.build("ce", AGES))
    with pytest.raises(ValueError, match="similarity"):
        heads.judge(head, blobs(), classes=AGES, ruler=evaluation.ruler(AGES), decoder="blurred")


def test_cross_fitted_probabilities_come_from_the_other_half(blobs):
    samples = blobs()
    plain, wide = heads.cross_fitted(samples, [losses.build(s, AGES) for s in ("ce", "simloss@order:r=0.5")])
    first, second = samples.halves()
    for fit, asked in ((first, second), (second, first)):
        head = heads.Refitter(samples.take(fit)).head(losses.build("ce", AGES))
        assert np.array_equal(plain[asked], head.log_probabilities(samples.values[asked]))
    own = heads.Refitter(samples).head(losses.build("ce", AGES)).log_probabilities(samples.values)
    at = np.arange(len(samples)), samples.target
    assert plain[at].mean() < own[at].mean()  # out of sample is never as good
    assert not np.array_equal(plain, wide)


def test_noise_has_no_accuracy_when_units_are_kept_together():
    random = np.random.default_rng(0)
    units = np.repeat(np.arange(60), 10)
    values = random.normal(size=(60, 90))[units] + 0.01 * random.normal(size=(600, 90))
    target = random.integers(0, 2, 60)[units]  # a coin for each unit
    logs = heads.cross_fitted(heads.features(values, target, 2, units), [losses.build("ce", ClassSet(["a", "b"]))])[0]
    assert (logs.argmax(1) == target).mean() < 0.7
    apart = heads.cross_fitted(heads.features(values, target, 2), [losses.build("ce", ClassSet(["a", "b"]))])[0]
    assert (apart.argmax(1) == target).mean() > 0.9


def test_a_class_of_one_unit_cannot_be_cross_fitted(blobs):
    samples = blobs()
    alone = heads.features(samples.values, samples.target, 5, np.where(samples.target == 3, 0, 1 + np.arange(400)))
    with pytest.raises(ValueError, match="1 classes, the first of them number 3, have samples of a single unit"):
        heads.cross_fitted(alone, [losses.build("ce", AGES)])
    with pytest.raises(ValueError, match="one unit alone"):
        heads.cross_fitted(heads.features(samples.values, samples.target, 5, np.zeros(400, int)), [])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_no_point_beats(points):
    accuracy, cost = np.array(points, dtype=float).T
    front = heads.pareto(accuracy, cost)

    def beaten(i):
        return any(
            a >= accuracy[i] and c <= cost[i] and (a > accuracy[i] or c < cost[i])
            for a, c in zip(accuracy, cost, strict=True)
        )

    assert front.tolist() == [not beaten(i) for i in range(len(points))]
    assert front.any()


def test_one_number_of_a_setting_is_changed():
    assert heads.varied("simloss@order:r=0.8", "r", 0.25) == "simloss@order:r=0.25"
    assert heads.varied("ground_distance@words:keep=0.1", "lam", 3) == "ground_distance:lam=3@words:keep=0.1"
    assert heads.varied("self_guided", "lam", 0.5) == "self_guided:lam=0.5"
