"""ImageDataset: parts, subsets, dropped classes, the card and the fingerprint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.datasets import card
from simviz.datasets.core import content_fingerprint, without

from .helpers import toy


@st.composite
def toys(draw):
    """A small data set in which every class has a training image."""
    num = draw(st.integers(2, 5))
    extra = draw(st.lists(st.tuples(st.integers(0, num - 1), st.integers(0, 2)), max_size=30))
    labels = [*range(num), *(c for c, _ in extra)]
    return toy(labels, [0] * num + [p for _, p in extra])


@given(toys())
def test_the_three_parts_divide_the_data(data):
    parts = [data.indices(p) for p in ("train", "validation", "test")]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(data)))
    with pytest.raises(ValueError, match="no part 'dev'"):
        data.indices("dev")


@given(toys(), st.integers(0, 40), st.integers(0, 3))
def test_a_subset_has_the_size_asked_for_and_every_class(data, extra, seed):
    n_train = len(data.classes) + extra
    small = data.subset(n_train, seed)
    assert len(small.indices("train")) == min(n_train, len(data.indices("train")))
    assert set(small.labels[small.indices("train")]) == set(range(len(data.classes)))
    for part in ("validation", "test"):
        assert list(small.ids[small.indices(part)]) == list(data.ids[data.indices(part)])
    again = data.subset(n_train, seed)
    assert list(again.ids) == list(small.ids)
    assert again.fingerprint == small.fingerprint
    assert np.array_equal(small.images[:, 0, 0, 0], [int(i[1:]) for i in small.ids])  # rows stay together


def test_subsets_differ_by_seed_and_need_one_image_a_class():
    data = toy([0, 1] * 50, [0] * 100)
    assert list(data.subset(20, 0).ids) != list(data.subset(20, 1).ids)
    assert data.subset(20, 0).fingerprint != data.subset(20, 1).fingerprint
    with pytest.raises(ValueError, match="n_train is 1; the 2 classes"):
        data.subset(1)


@given(toys(), st.data())
def test_dropping_a_class_removes_it_and_nothing_else(data, choice):
    gone = choice.draw(st.sampled_from(data.classes.names))
    if len(data.classes) == 2:
        with pytest.raises(ValueError, match="single class"):
            without(data, [gone])
        return
    rest = without(data, [gone])
    names = {i: data.classes.names[c] for i, c in zip(data.ids, data.labels, strict=True)}
    assert {i: rest.classes.names[c] for i, c in zip(rest.ids, rest.labels, strict=True)} == {
        i: n for i, n in names.items() if n != gone
    }


@pytest.mark.parametrize("change", ["image", "label", "id", "split", "names"])
def test_the_fingerprint_changes_with_every_ingredient(change):
    data = toy([0, 1, 0, 1], [0, 0, 1, 2])
    parts = {"images": data.images.copy(), "labels": data.labels.copy(), "ids": data.ids.copy(), "split": data.split}
    classes = data.classes
    if change == "image":
        parts["images"][3, 1, 2, 0] += 1
    elif change == "label":
        parts["labels"][2] = 1
    elif change == "id":
        parts["ids"][0] = "x"
    elif change == "split":
        parts["split"] = np.array([0, 0, 2, 1], dtype=np.uint8)
    else:
        classes = classes.subset(["b", "a"])
    assert content_fingerprint(classes, **parts) != data.fingerprint


@pytest.mark.parametrize(
    ("labels", "split", "message"),
    [
        ([0, 0], [0, 0], "single class 'a'"),
        ([0, 1, 1], [0, 2, 1], "class 'b' has no training image"),
    ],
)
def test_nothing_can_be_learned_from_one_class_or_an_empty_one(labels, split, message):
    with pytest.raises(ValueError, match=message):
        toy(labels, split)


def test_arrays_are_read_only():
    data = toy([0, 1], [0, 0])
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


def test_the_card_counts_images_and_units_and_shows_different_units_first():
    data = toy([0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 0, 2, 2], units=[0, 0, 0, 1, 2, 3, 3])
    shown = card(data, per_class=3)
    assert shown["counts"].tolist() == [[2, 1, 1], [1, 0, 2]]
    assert shown["unit_counts"].tolist() == [[1, 1, 1], [1, 0, 1]]
    assert shown["units_held_out"] == 2
    assert shown["examples"][0].tolist() == [0, 1, 2]
    assert shown["examples"][1].tolist() == [4, 5, 6]
    repeated = card(toy([0] * 4 + [1], [0] * 5, units=[0, 0, 0, 1, 2]), per_class=2)
    assert repeated["examples"][0].tolist() == [0, 3]
