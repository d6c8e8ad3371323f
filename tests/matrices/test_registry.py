import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, matrices

from .strategies import SEEDS

CLASSES = ClassSet(
    ["rose", "tulip", "truck", "bus"],
    positions=[4, 1, 2, 3],
    period=6,
    groups=["flower", "flower", "vehicle", "vehicle"],
)


@pytest.mark.parametrize(
    ("part", "direct"),
    [
        ("order:r=0.5", lambda: matrices.class_order(CLASSES, 0.5)),
        ("positions:power=2", lambda: matrices.positions(CLASSES, 2)),
        ("words", lambda: matrices.word_similarity(CLASSES)),
        ("words:lower_bound=0.4", lambda: matrices.word_similarity(CLASSES, lower_bound=0.4)),
        ("groups", lambda: matrices.groups(CLASSES)),
    ],
)
def test_a_part_of_a_setting_builds_what_the_function_builds(part, direct):
    assert matrices.build(part, CLASSES) == direct()
    assert matrices.build(part, CLASSES).recipe == direct().recipe


def test_what_is_listed_can_be_built_and_is_of_the_kind_listed():
    assert [b.name for b in matrices.available()] == ["order", "positions", "words", "groups"]
    for builder in matrices.available():
        assert matrices.build(builder.name, CLASSES).kind == builder.kind


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".npz"])
def test_a_file_is_brought_into_the_order_of_the_classes(tmp_path, suffix):
    path = tmp_path / f"S{suffix}"
    other = CLASSES.subset(["bus", "rose", "truck", "tulip"])
    matrices.word_similarity(other).save(path)
    assert matrices.build(str(path), CLASSES) == matrices.word_similarity(CLASSES)


def test_a_file_of_other_classes_names_the_missing_one(tmp_path):
    matrices.class_order(3).save(tmp_path / "S.csv")
    with pytest.raises(ValueError, match="no class 'rose'"):
        matrices.build(str(tmp_path / "S.csv"), CLASSES)


@given(st.integers(1, 9), SEEDS)
def test_shuffling_keeps_the_shape_and_moves_the_names(count, seed):
    classes = ClassSet([f"c{i}" for i in range(count)])
    plain, mixed = (matrices.build(f"order:r=0.5{extra}", classes) for extra in ("", f",shuffle={seed}"))
    assert mixed.names == plain.names
    assert np.array_equal(np.sort(mixed.values, axis=None), np.sort(plain.values, axis=None))
    np.testing.assert_allclose(
        np.linalg.eigvalsh(mixed.values.astype(float)), np.linalg.eigvalsh(plain.values.astype(float)), atol=1e-6
    )
    assert mixed == matrices.build(f"order:r=0.5,shuffle={seed}", classes)
    assert mixed.recipe == {**plain.recipe, "shuffle": seed}


def test_two_seeds_shuffle_differently():
    classes = ClassSet(list("abcdefghijklmno"))
    assert matrices.build("order:shuffle=0", classes) != matrices.build("order:shuffle=1", classes)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("word", "no matrix 'word'; did you mean 'words'. There are order, positions, words, groups, or a file"),
        ("order:s=0.5", "no option 's'; it takes r, shuffle"),
        ("groups:r=0.5", "no option 'r'; it takes shuffle"),
        ("words:keep=0.02,lower_bound=0.5", "both keep and lower_bound"),
        ("order:r=high", "r is 'high'"),
        ("order:shuffle=yes", "shuffle is 'yes'"),
        ("order:shuffle=1.5", "whole number"),
        ("order:shuffle=-1", "shuffle is -1"),
        ("missing.csv", "no matrix file 'missing.csv'"),
        ("missing.csv:r=1", "no option 'r'; it takes shuffle"),
    ],
)
def test_bad_parts_are_named(part, sentence):
    with pytest.raises(ValueError, match=sentence):
        matrices.build(part, CLASSES)
