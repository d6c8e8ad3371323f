"""pictograms: the promises about classes, designs, the split and the drawing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz.datasets import pictograms as source
from simviz.datasets.glyphs import renderings
from simviz.datasets.pictogram_classes import CLASSES
from simviz.datasets.strokes import colour_pairs


def test_there_are_enough_classes_groups_families_and_designs():
    drawn = {name: designs.split() for group in CLASSES.values() for name, designs in group.items()}
    assert len(drawn) >= 50
    assert len(CLASSES) == 8
    for name, designs in drawn.items():
        assert len(set(designs)) == len(designs) >= 3, name
        assert len({d.split(":")[0] for d in designs}) >= 2, name


def test_every_word_is_in_the_bundled_vectors_and_lies_nearer_to_its_group():
    from simviz import words

    known = source.classes()
    vectors, found = words.embed(known)
    assert {r.how for r in found} == {"exact"}
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    same = np.array([[a == b for b in known.groups] for a in known.groups])
    inside, outside = (unit @ unit.T)[same & ~np.eye(64, dtype=bool)], (unit @ unit.T)[~same]
    assert inside.mean() > outside.mean() + 0.2


def test_no_design_belongs_to_two_classes():
    designs = [d for group in CLASSES.values() for line in group.values() for d in line.split()]
    assert len(designs) == len(set(designs))


@pytest.mark.parametrize("name", source.classes().names)
def test_a_whole_family_is_held_out_of_each_class(name):
    shared, unseen = source.designs(name)
    assert len(shared) >= 2
    assert len(unseen) >= 1
    assert {d.split(":")[0] for d in unseen}.isdisjoint(d.split(":")[0] for d in shared)


def test_units_are_designs_shared_with_validation_but_never_with_test(pictograms):
    units = {part: set(pictograms.units[pictograms.indices(part)]) for part in ("train", "validation", "test")}
    assert units["validation"] <= units["train"]
    assert units["test"].isdisjoint(units["train"])
    for unit in units["train"] | units["test"]:
        rows = pictograms.units == unit
        assert len({i.split("#")[0] for i in pictograms.ids[rows]}) == 1
        assert len(set(pictograms.labels[rows])) == 1
    assert len(set(pictograms.ids)) == len(pictograms)


def test_no_test_drawing_is_a_copy_of_a_training_drawing_in_another_family():
    """Families borrow from each other: the same drawing under two names would undo the split."""
    for name in source.classes():
        shared, unseen = source.designs(name)
        for a in (m for d in shared for m in renderings(d, 32)):
            for b in (m for d in unseen for m in renderings(d, 32)):
                assert np.minimum(a, b).sum() / np.maximum(a, b).sum() < 0.93, (name, shared, unseen)


def test_drawing_is_determined_by_the_seed(pictograms):
    again = source.draw()
    assert again.fingerprint == pictograms.fingerprint
    assert source.draw(seed=1).fingerprint != pictograms.fingerprint


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_glyph_and_ground_always_contrast(seed):
    pair = colour_pairs(300, np.random.default_rng(seed)) @ [0.299, 0.587, 0.114]
    assert np.abs(pair[:, 0] - pair[:, 1]).min() >= 80


def test_an_untransformed_mask_is_reproduced():
    """At the mask's own scale, upright and centred, resampling is the identity."""
    mask = renderings("fa:cat", 24)
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    zero, one = np.zeros(1), np.ones(1)
    same = source._sample(padded, np.array([0]), np.array([24.0]), zero, one, np.zeros((1, 2)), 24)
    np.testing.assert_allclose(same, mask[:1], atol=1e-3)
    mirrored = source._sample(padded, np.array([0]), np.array([24.0]), zero, -one, np.zeros((1, 2)), 24)
    np.testing.assert_allclose(mirrored[:, :, ::-1], mask[:1], atol=1e-3)


def test_colour_and_place_carry_no_class(pictograms):
    """One-way analysis of variance: between classes, corner colours vary no more than by chance."""
    from scipy.stats import f_oneway

    corner = pictograms.images[:, 0, 0].astype(float).mean(1)
    p = f_oneway(*(corner[pictograms.labels == c] for c in range(len(pictograms.classes)))).pvalue
    assert p > 1e-3


@pytest.mark.parametrize(("design", "message"), [("xx:cat", "no icon family 'xx'"), ("fa:nosuch", "no such glyph")])
def test_an_unknown_glyph_is_named(design, message):
    with pytest.raises(ValueError, match=message):
        renderings(design, 16)
