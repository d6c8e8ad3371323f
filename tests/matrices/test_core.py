import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassMatrix

from .strategies import SEEDS, similarity

SIZES = st.integers(1, 7)


@given(SIZES, SEEDS)
def test_distance_is_one_minus_similarity_and_back(size, seed):
    matrix = similarity(size, seed)
    distance = matrix.to_distance()
    np.testing.assert_allclose(distance.values, 1 - matrix.values, atol=1e-6)
    np.testing.assert_allclose(distance.to_similarity(1).values, matrix.values, atol=1e-6)
    assert (distance.kind, distance.to_distance(), matrix.to_similarity()) == ("distance", distance, matrix)


@given(SIZES, SEEDS, st.floats(0.1, 100))
def test_similarity_falls_linearly_to_zero_at_the_scale(size, seed, scale):
    rng = np.random.default_rng(seed)
    values = rng.random((size, size)) * 50
    np.fill_diagonal(values, 0)
    distance = ClassMatrix([f"c{i}" for i in range(size)], values, "distance")
    expected = np.clip(1 - values / scale, 0, 1)
    np.testing.assert_allclose(distance.to_similarity(scale).values, expected, atol=1e-5)
    if size > 1:
        assert distance.to_similarity().values.min() == pytest.approx(0, abs=1e-6)


def test_classes_without_any_distance_are_all_alike():
    assert ClassMatrix(["a", "b"], np.zeros((2, 2)), "distance").to_similarity().values.tolist() == [[1, 1], [1, 1]]


@given(SIZES, SEEDS)
def test_alignment_goes_by_name(size, seed):
    matrix = similarity(size, seed)
    names = np.random.default_rng(seed).permutation(matrix.names)[: max(1, size - 1)]
    part = matrix.aligned(list(names))
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            assert part.values[i, j] == matrix.values[matrix.names.index(a), matrix.names.index(b)]


@given(st.integers(2, 7), SEEDS)
def test_the_hash_tells_names_kind_and_values(size, seed):
    matrix = similarity(size, seed)
    again = ClassMatrix(matrix.names, matrix.values, recipe={"another": 1})
    assert (again.hash, again) == (matrix.hash, matrix)
    assert ClassMatrix(matrix.names[::-1], matrix.values).hash != matrix.hash
    assert ClassMatrix(matrix.names, np.sqrt(matrix.values) / 2 + np.eye(size) / 2).hash != matrix.hash or (
        np.array_equal(matrix.values, np.eye(size))
    )


def test_values_cannot_be_changed_and_rounding_is_forgiven():
    matrix = ClassMatrix(["a", "b"], [[1 + 1e-7, -1e-8], [0.5, 1]])
    assert matrix.values.tolist() == [[1, 0], [0.5, 1]]
    assert not matrix.symmetric
    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0, 1] = 1


@pytest.mark.parametrize(
    ("values", "kind", "sentence"),
    [
        ([[1, 0.5], [2, 1]], "similarity", r"\('b', 'a'\) is 2; no entry may exceed 1"),
        ([[1, -0.5], [0, 1]], "similarity", r"\('a', 'b'\) is -0.5; no entry may be negative"),
        ([[1, 0.5], [0, 0.9]], "similarity", r"\('b', 'b'\) is 0.9; the diagonal must be 1"),
        ([[1, float("nan")], [0, 1]], "similarity", r"\('a', 'b'\) is nan; every entry must be finite"),
        ([[0, float("inf")], [0, 0]], "distance", "is inf; every entry must be finite"),
        ([[0, -1], [-1, 0]], "distance", r"negative \(2 such entries\)"),
        ([[1, 0], [0, 1]], "distance", "the diagonal must be 0"),
        ([[1, 0, 0], [0, 1, 0]], "similarity", "values is 2 x 3 for 2 classes; a 2 x 2 matrix"),
        ([1, 0], "similarity", "values is 2 for 2 classes"),
        (3, "similarity", "a single number for 2 classes"),
        ([[1], [0, 1]], "similarity", "not a table of numbers"),
        ([["x", 0], [0, 1]], "similarity", "not a table of numbers"),
        ([[1, 0], [0, 1]], "likeness", "kind is 'likeness'"),
    ],
)
def test_bad_values_are_named(values, kind, sentence):
    with pytest.raises(ValueError, match=sentence):
        ClassMatrix(["a", "b"], values, kind)


def test_a_missing_class_and_a_bad_scale_are_named():
    with pytest.raises(ValueError, match=r"no class 'z' \(1 of 2 missing\); it knows c0, c1"):
        similarity(2, 0).aligned(["c0", "z"])
    with pytest.raises(ValueError, match="scale is 0"):
        similarity(2, 0).to_distance().to_similarity(0)
