"""Frozen features: what is refused, and how they are split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import heads


@pytest.mark.parametrize(
    ("values", "target", "classes", "units", "said"),
    [
        ([[0.0, 1.0], [np.nan, 2.0]], [0, 1], 2, None, "feature 0 of row 1 is nan"),
        ([[0.0, np.inf]], [0], 2, None, "feature 1 of row 0 is inf"),
        ([[0.0, 1e300]], [0], 2, None, "feature 1 of row 0 is 1e"),
        ([0.0, 1.0], [0, 1], 2, None, "shape"),
        (np.empty((0, 3)), [], 2, None, "neither of them 0"),
        (np.empty((2, 0)), [0, 1], 2, None, "neither of them 0"),
        ([["a"]], [0], 2, None, "real numbers"),
        ([[0.0], [1.0]], [0], 2, None, "1 entries for 2 samples"),
        ([[0.0]], [2], 2, None, "target of row 0 is 2"),
        ([[0.0]], [0], 0, None, "0 classes"),
        ([[0.0], [1.0]], [0, 1], 2, [1], "units have the shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_features_are_named(values, target, classes, units, said):
    with pytest.raises(ValueError, match=said):
        heads.features(values, target, classes, units)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60), st.integers(0, 5))
def test_halves_share_no_unit_and_every_class_of_two_units_is_in_both(pairs, seed):
    units = np.array([f"{label}-{unit}" for label, unit in pairs])
    target = np.array([label for label, _ in pairs])
    samples = heads.features(np.zeros((len(pairs), 1)), target, 4, units)
    first, second = samples.halves(seed)
    assert np.array_equal(np.sort(np.concatenate([first, second])), np.arange(len(pairs)))
    assert not set(units[first]) & set(units[second])
    for label in range(4):
        if len(set(units[target == label])) > 1:
            assert label in target[first]
            assert label in target[second]


def test_a_part_has_every_class_as_evenly_as_there_are_samples():
    target = np.repeat([0, 1, 2], [100, 4, 50])
    samples = heads.features(np.arange(154.0)[:, None], target, 3)
    part = samples.spread(34)
    assert part.counts.tolist() == [15, 4, 15]
    assert (np.diff(part.values[:, 0]) > 0).all()
    assert np.array_equal(part.values, samples.spread(34).values)
    assert not np.array_equal(part.values, samples.spread(34, seed=1).values)
    assert samples.spread(154) is samples


def test_a_sample_keeps_the_shares_of_the_classes_and_whole_units():
    units = np.repeat(np.arange(1000), 4)
    target = np.repeat(np.array([0, 1, 2]), [900, 97, 3])[units]
    samples = heads.features(np.arange(4000.0)[:, None], target, 4, units)
    part = samples.sample(2000)
    assert part.counts / len(part) == pytest.approx([0.9, 0.097, 0.003, 0], abs=0.02)
    assert 2000 <= len(part) <= 2008
    assert (np.unique(part.units, return_counts=True)[1] == 4).all()
    assert (np.diff(part.values[:, 0]) > 0).all()
    assert samples.sample(4).counts.tolist() == [8, 8, 8, 0]  # two units of each, for two halves
    assert not np.array_equal(part.units, samples.sample(2000, seed=1).units)
    assert samples.sample(4000) is samples


def test_numbers_of_units_are_kept_so_that_two_parts_can_be_compared():
    parts = [heads.features(np.zeros((2, 1)), [0, 0], 1, units) for units in ([7, 9], [9, 12])]
    assert set(parts[0].units) & set(parts[1].units) == {9}
    assert heads.features(np.zeros((3, 1)), [0, 0, 0], 1, ["b", "a", "b"]).units.tolist() == [1, 0, 1]
