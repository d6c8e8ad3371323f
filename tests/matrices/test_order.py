import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, matrices

from .strategies import SEEDS, permuted


@given(st.integers(1, 12), st.floats(0, 0.99))
def test_every_entry_is_r_to_the_steps_between(count, r):
    matrix = matrices.class_order(count, r)
    for i in range(count):
        for j in range(count):
            assert matrix.values[i, j] == pytest.approx(r ** abs(i - j), rel=1e-6)
    assert matrix.names == tuple(str(i) for i in range(count))
    assert matrix.kind == "similarity"


def test_r_zero_is_the_identity():
    assert np.array_equal(matrices.class_order(9, 0).values, np.eye(9))


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=9, unique=True), st.booleans(), SEEDS)
def test_names_carry_the_similarity_wherever_they_stand(positions, circular, seed):
    positions = [p % 101 for p in positions]
    classes = ClassSet([f"at {p}" for p in positions], positions=positions, period=101 if circular else None)
    moved = permuted(classes, seed)
    assert matrices.class_order(moved, 0.6).aligned(classes) == matrices.class_order(classes, 0.6)


def test_ranks_count_not_distances_and_a_period_closes_the_circle():
    ages = ClassSet(["old", "child", "adult"], positions=[75, 8, 35])
    assert matrices.class_order(ages, 0.5).aligned(["child", "adult", "old"]).values[0].tolist() == [1, 0.5, 0.25]
    hours = ClassSet([str(h) for h in range(12)], positions=range(12), period=12)
    row = matrices.class_order(hours, 0.5).values[0]
    assert row[11] == row[1] == 0.5
    assert row.argmin() == 6


@given(st.integers(2, 12), st.integers(0, 11))
def test_circular_order_does_not_depend_on_where_counting_starts(count, shift):
    classes = ClassSet([str(i) for i in range(count)], positions=range(count), period=count)
    turned = ClassSet(classes.names, positions=[(i + shift) % count for i in range(count)], period=count)
    assert matrices.class_order(classes, 0.7) == matrices.class_order(turned, 0.7)


@pytest.mark.parametrize("r", [-0.1, 1, 1.5, float("nan"), "x", None, True])
def test_bad_r_is_named(r):
    with pytest.raises(ValueError, match=r"^r is .*\[0, 1\)"):
        matrices.class_order(3, r)


@pytest.mark.parametrize("classes", [0, -1, True, 2.5, "abc"])
def test_bad_class_count_is_named(classes):
    with pytest.raises(ValueError, match="positive number of classes"):
        matrices.class_order(classes)
