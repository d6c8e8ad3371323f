"""tree-rings: as many rings as years, wide enough to see, in trunks whose size tells nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from simviz.datasets import tree_rings as source


@given(st.lists(st.integers(1, 20), min_size=1, max_size=20), st.integers(0, 2**31))
def test_there_are_as_many_rings_as_years_each_wide_enough(ages, seed):
    edges = source.ring_edges(np.array(ages), np.random.default_rng(seed))
    for age, row in zip(ages, edges, strict=True):
        widths = np.diff(np.concatenate([[0], row]))
        assert (widths > 1e-6).sum() == age
        assert widths[:age].min() * (1 - source._OVAL) >= source.MIN_RING - 1e-9
        assert np.isclose(row[age - 1], row[-1])


def test_the_outer_radius_is_independent_of_the_age():
    rng = np.random.default_rng(0)
    young, old = (source.ring_edges(np.full(4000, age), rng)[:, -1] for age in (1, 20))
    assert ks_2samp(young, old).pvalue > 1e-3


def test_rings_can_be_counted_along_a_radius():
    """Sign changes of the pixels around their local level, from centre to bark, recover the age."""
    rng = np.random.default_rng(0)
    ages = np.repeat(np.arange(1, 21), 10)
    images = source.compose(source.ring_edges(ages, rng), 256, rng).astype(float).mean(3)  # four times as fine
    errors = []
    for age, image in zip(ages, images, strict=True):
        line = np.median(np.stack([image[127, 127:], image[128, 127:], image[127, 128::-1], image[127:, 127]]), 0)
        trunk = line[: int(24.5 * 4)]  # inside every trunk
        middle = (trunk.max() + trunk.min()) / 2
        changes = np.count_nonzero(np.diff(trunk > middle)) if np.ptp(trunk) > 20 else 0
        errors.append(age - 1 - changes)
    assert min(errors) >= -1  # the profile has no more changes than rings ...
    assert np.mean(errors) < 3  # ... and misses only those of the outermost pixels


def test_every_age_is_in_every_part_and_drawing_repeats(tree_rings):
    for part in ("train", "validation", "test"):
        counts = np.bincount(tree_rings.labels[tree_rings.indices(part)], minlength=20)
        assert counts.min() == counts.max() > 0
    assert tree_rings.classes.positions == tuple(range(1, 21))
    assert source.draw().fingerprint == tree_rings.fingerprint
    assert len(np.unique(tree_rings.units)) == len(tree_rings)
