import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, matrices

from .strategies import SEEDS, permuted

POSITIONS = st.lists(st.integers(0, 999).map(lambda v: v / 10), min_size=1, max_size=8, unique=True)


def on_scale(positions, period=None):
    return ClassSet([f"at {p}" for p in positions], positions=positions, period=period)


@given(POSITIONS, st.floats(0.25, 3))
def test_every_entry_is_the_gap_to_the_power(positions, power):
    matrix = matrices.positions(on_scale(positions), power)
    expected = [[abs(a - b) ** power for b in positions] for a in positions]
    np.testing.assert_allclose(matrix.values, expected, rtol=1e-5)
    assert matrix.kind == "distance"


@given(POSITIONS, st.integers(0, 99))
def test_a_turned_circle_has_the_same_distances(positions, shift):
    turned = sorted({round((p + shift) % 100, 1) for p in positions}, key=lambda p: (p - shift) % 100)
    start = sorted(positions)
    left = matrices.positions(on_scale(start, 100)).values
    np.testing.assert_allclose(left, matrices.positions(on_scale(turned, 100)).values, atol=1e-4)
    assert left.max() <= 50


@given(POSITIONS, SEEDS)
def test_names_carry_the_distance_wherever_they_stand(positions, seed):
    classes = on_scale(positions, 100)
    assert matrices.positions(permuted(classes, seed)).aligned(classes) == matrices.positions(classes)


@given(POSITIONS)
def test_a_period_never_lengthens_a_way(positions):
    line, circle = matrices.positions(on_scale(positions)), matrices.positions(on_scale(positions, 100))
    assert (circle.values <= line.values + 1e-4).all()


def test_minutes_meet_at_the_hour():
    clock = ClassSet(["0", "1", "30", "59"], positions=[0, 1, 30, 59], period=60)
    assert matrices.positions(clock).values[0].tolist() == [0, 1, 30, 1]


def test_classes_without_positions_are_told_how_to_get_some():
    with pytest.raises(ValueError, match=r"'rose'.* have no positions; add them, e\.g\. ClassSet\(names, positions="):
        matrices.positions(ClassSet(["rose", "tulip"]))


@pytest.mark.parametrize("power", [0, -1, 17, float("inf"), "2"])
def test_bad_power_is_named(power):
    with pytest.raises(ValueError, match="power is"):
        matrices.positions(on_scale([1, 2]), power)
