"""gauge: the posterior is the truth, and what the needle shows is all there is to know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from simviz import matrices
from simviz.datasets import ImageDataset
from simviz.datasets import gauge as source

from .helpers import pointer, toy


@pytest.fixture(scope="module")
def many() -> ImageDataset:
    """400,000 dials, drawn by the definition and not by the code under test, with one pixel each."""
    n, rng = 400_000, np.random.default_rng(0)
    labels = rng.integers(0, 20, n)
    readings = rng.normal(labels, 1.0)
    return ImageDataset(
        name="gauge",
        classes=source.classes(),
        images=np.zeros((n, 1, 1, 3), np.uint8),
        labels=labels,
        units=np.arange(n),
        ids=np.array([f"needle#{i}@{t:.4f}" for i, t in enumerate(readings)]),
        split=np.where(np.arange(n) < 400, 0, 2).astype(np.uint8),
        fingerprint="",
    )


def test_the_posterior_is_how_often_each_class_occurs(many):
    """Among the dials of nearly the same reading, classes are as frequent as the posterior says, to 1 %."""
    bins = np.floor(source.latents(many.ids)).astype(int)
    p = source.posterior(many)
    for b in range(19):
        rows = bins == b
        frequency = np.bincount(many.labels[rows], minlength=20) / rows.sum()
        np.testing.assert_allclose(p[rows].mean(0), frequency, atol=0.01)


def test_expected_accuracy_and_costs_are_what_the_best_predictor_reaches(many):
    test = many.indices("test")
    distance = matrices.positions(many.classes, power=2.0)
    best = source.bayes(many, distance)
    reading, label = source.latents(many.ids[test]), many.labels[test]
    # most probable is the nearest position, whatever the noise; the median is found by counting up
    p = source.posterior(many)[test]
    median = (p.cumsum(1) < 0.5).sum(1)
    nearest_mean = np.rint(p @ np.arange(20))
    assert best["accuracy"] == pytest.approx(np.mean(np.clip(np.rint(reading), 0, 19) == label), rel=0.01)
    assert best["mae"] == pytest.approx(np.abs(median - label).mean(), rel=0.01)
    assert best["mean_cost"] == pytest.approx(distance.values[label, nearest_mean.astype(int)].mean(), rel=0.01)


def test_expected_accuracy_has_a_closed_form(many):
    """Inner classes are right for |z| < 1/2, the two outer ones for z < 1/2."""
    inner, outer = 2 * norm.cdf(0.5) - 1, norm.cdf(0.5)
    assert source.bayes(many)["accuracy"] == pytest.approx((18 * inner + 2 * outer) / 20, rel=0.01)
    assert "mean_cost" not in source.bayes(many)


@given(st.floats(-9, 28))
def test_the_posterior_follows_from_normal_densities(reading):
    density = norm.pdf(reading, loc=np.arange(20), scale=1.0)
    np.testing.assert_allclose(source.posterior_of([reading], source.classes())[0], density / density.sum(), atol=1e-12)


def test_the_needle_shows_the_reading():
    """Read off the pixels, to a tenth of the noise: the latent is fully visible."""
    readings = np.linspace(-4, 23, 100)
    turns = pointer(source.compose(readings, 256, np.random.default_rng(0)))
    turns = np.where(turns > 0.5, turns - 1, turns)
    read = 9.5 + turns / 0.75 * 31
    assert np.abs(read - readings).max() < 0.1


def test_readings_scatter_around_positions_with_sigma_one(gauge):
    noise = source.latents(gauge.ids) - gauge.labels
    assert abs(noise.mean()) < 4 / np.sqrt(len(noise))
    assert noise.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(noise)))
    assert np.abs(noise[gauge.indices("test")].std() - 1) < 0.05


def test_subsets_and_dropped_classes_keep_their_posterior(gauge):
    from simviz.datasets.core import without

    part = gauge.subset(500)
    rows = {i: k for k, i in enumerate(gauge.ids)}
    at = [rows[i] for i in part.ids]
    np.testing.assert_array_equal(source.posterior(part), source.posterior(gauge)[at])
    few = without(gauge, ["3", "4"])
    p = source.posterior(gauge)[[rows[i] for i in few.ids]]
    p = np.delete(p, [3, 4], axis=1)
    np.testing.assert_allclose(source.posterior(few), p / p.sum(1, keepdims=True), rtol=1e-9, atol=1e-300)


def test_nothing_is_said_of_other_sets_and_other_matrices(gauge):
    with pytest.raises(ValueError, match="'i0' is no id of the data set gauge"):
        source.posterior(toy([0, 1], [0, 0]))
    with pytest.raises(ValueError, match=r"shape \(3, 3\) for 20 classes"):
        source.bayes(gauge, np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"a similarity was given .*to_distance"):
        source.bayes(gauge, matrices.class_order(gauge.classes))


def test_drawing_repeats(gauge):
    assert source.draw().fingerprint == gauge.fingerprint
    assert np.ptp(np.bincount(gauge.labels[gauge.indices("test")])) == 0
