"""counting: as many dots as the label says, apart from each other, of a size that tells nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label
from scipy.spatial.distance import pdist
from scipy.stats import ks_2samp

from simviz.datasets import counting as source


@given(st.lists(st.integers(1, 40), min_size=1, max_size=10), st.integers(0, 2**31))
def test_dots_lie_inside_and_apart(counts, seed):
    centres, radius = source.dots(np.array(counts), np.random.default_rng(seed))
    for count, places, r in zip(counts, centres.astype(float), radius, strict=True):
        assert (places[:count].min(), places[:count].max()) >= (r, r)
        assert places[:count].max() <= 64 - r
        if count > 1:
            assert pdist(places[:count]).min() >= 2 * r + source.GAP - 1e-4


def test_the_pieces_of_every_picture_are_its_number(counting):
    """At full size a dot is one connected piece and no two touch: an independent count of all pictures."""
    for part in ("validation", "test"):
        rows = counting.indices(part)
        for image, number in zip(counting.images[rows].astype(int), counting.labels[rows] + 1, strict=True):
            away = np.abs(image - image[0, 0]).sum(2)  # no dot reaches the border
            assert label(away > 0.51 * away.max())[1] == number


def test_the_size_of_the_dots_is_independent_of_their_number():
    rng = np.random.default_rng(0)
    few, many = (source.dots(np.full(3000, n), rng)[1] for n in (1, 40))
    assert ks_2samp(few, many).pvalue > 1e-3


def test_other_sizes_show_the_same_covered_area():
    """A dot covers pi (r^2 + w^2 / 12), w its soft edge: one pixel, 64 / size in the units of r."""
    counts = np.arange(1, 41)
    centres, radius = source.dots(counts, np.random.default_rng(0))
    for size in (64, 128, 256):
        images = source.compose(counts, centres, radius, size, np.random.default_rng(1)).astype(float)
        ground = images[:, :1, :1]
        away = np.abs(images - ground).sum(3)
        share = (away / away.max((1, 2), keepdims=True)).mean((1, 2))
        np.testing.assert_allclose(share, counts * np.pi * (radius**2 + (64 / size) ** 2 / 12) / 64**2, rtol=0.03)


def test_every_number_is_in_every_part_and_drawing_repeats(counting):
    for part in ("train", "validation", "test"):
        counts = np.bincount(counting.labels[counting.indices(part)], minlength=40)
        assert counts.min() == counts.max() > 0
    assert counting.classes.positions == tuple(range(1, 41))
    assert source.draw().fingerprint == counting.fingerprint
