from __future__ import annotations

import numpy as np
import pytest

from simviz import ClassMatrix, ClassSet, matrices
from simviz.evaluation import Ruler, ruler

PETS = ["cat", "dog", "truck"]


@pytest.mark.parametrize(
    ("classes", "name", "unit"),
    [
        (ClassSet(PETS, positions=[1, 2, 3], groups=["pet", "pet", "car"]), "groups", "tree levels"),
        (ClassSet(PETS, positions=[1, 2, 3]), "positions", "position units"),
        (ClassSet(PETS), "words", "1 - cosine (clipped)"),
        (ClassSet([*PETS, "zzqxv"]), "zero_one", "errors"),
    ],
)
def test_default_is_groups_then_positions_then_words_then_zero_one(classes, name, unit):
    chosen = ruler(classes)
    assert (chosen.name, chosen.unit) == (name, unit)
    assert chosen.matrix.kind == "distance"
    assert chosen.matrix.names == classes.names
    assert ruler(classes, name).hash == chosen.hash
    assert chosen.describe() == f"{name} ({unit}), 0..{chosen.matrix.values.max():g}, {chosen.hash[:6]}"


def test_values_of_the_named_rulers():
    classes = ClassSet(PETS, positions=[0, 1, 9], period=10, groups=["pet", "pet", "car"])
    np.testing.assert_array_equal(ruler(classes, "groups").distance, [[0, 1, 2], [1, 0, 2], [2, 2, 0]])
    np.testing.assert_allclose(ruler(classes, "positions").distance, [[0, 1, 1], [1, 0, 2], [1, 2, 0]])
    np.testing.assert_array_equal(ruler(classes, "zero_one").distance, 1 - np.eye(3))
    words = ruler(classes, "words").distance  # GloVe 6B 50d: cat-dog .92, cat-truck .31
    assert words[0, 1] == pytest.approx(1 - 0.92, abs=0.005)
    assert words[0, 2] == pytest.approx(1 - 0.31, abs=0.005)


def test_a_file_and_a_matrix_are_aligned_by_name_and_made_distances(tmp_path):
    classes = ClassSet(["a", "b"])
    similarity = ClassMatrix(["b", "x", "a"], [[1, 0, 0.25], [0, 1, 0], [0.5, 0, 1]])
    path = tmp_path / "mine.csv"
    similarity.save(path)
    for choice, name in ((similarity, "given matrix"), (path, "mine.csv"), (str(path), "mine.csv")):
        chosen = ruler(classes, choice)
        assert chosen.name == name
        np.testing.assert_allclose(chosen.distance, [[0, 0.5], [0.75, 0]])


def test_same_as_knows_the_matrix_a_loss_was_trained_on():
    classes = ClassSet(PETS, positions=[1, 2, 4], groups=["pet", "pet", "car"])
    tree = ruler(classes)
    assert tree.same_as(matrices.groups(classes))
    assert tree.same_as(matrices.groups(classes).to_similarity())
    assert tree.same_as(matrices.groups(classes.subset(PETS[::-1])))
    assert not tree.same_as(matrices.positions(classes))
    assert not tree.same_as(matrices.groups(classes.subset(PETS[:2])))
    assert ruler(classes, "zero_one").same_as(ClassMatrix(classes, np.eye(3)))


def test_the_distance_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        ruler(ClassSet(PETS), "zero_one").distance[0, 1] = 3


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("trees", "no ruler 'trees'; choose groups, positions, words, zero_one"),
        ("groups", "'groups' needs classes with groups"),
        ("positions", "'positions' needs classes with positions"),
        (ClassMatrix(["a", "b"], np.eye(2)), "no class 'cat'"),
    ],
)
def test_impossible_choices_say_why(choice, message):
    with pytest.raises(ValueError, match=message):
        ruler(ClassSet(PETS), choice)


def test_a_ruler_is_a_distance():
    with pytest.raises(ValueError, match=r"similarity; convert it with \.to_distance\(\)"):
        Ruler(ClassMatrix(PETS, np.eye(3)), "mine", "units")
