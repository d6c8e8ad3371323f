from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet, matrices
from simviz.matrices import anatomy

from .strategies import SEEDS, similarity

SIZES = st.integers(1, 8)
LIVING = ["cat", "dog", "horse", "cow", "pig", "bear", "tree", "flower", "leaf", "apple", "carrot"]
MADE = ["car", "bus", "truck", "train", "bicycle", "airplane", "ship", "umbrella", "guitar", "piano", "drum", "trumpet"]
OTHER = ["bread", "cake", "egg", "cheese", "coffee", "sun", "moon", "snow", "house", "factory", "church", "castle"]
THINGS = ClassSet([*LIVING, *MADE, *OTHER])


def shuffled(matrix, seed):
    return matrix.aligned([matrix.names[i] for i in np.random.default_rng(seed).permutation(len(matrix))])


@given(SIZES, SEEDS)
def test_measures_follow_their_definitions(size, seed):
    matrix = similarity(size, seed)
    found = anatomy.measure(matrix)
    rows = matrix.values.tolist()
    assert found.column_sums.tolist() == pytest.approx([sum(row[c] for row in rows) for c in range(size)])
    for row, effective in zip(rows, found.effective_neighbours, strict=True):
        q = [s / sum(row) for s in row if s > 0]
        assert effective == pytest.approx(np.prod([p**-p for p in q]))
    off = [rows[i][j] for i in range(size) for j in range(size) if i != j]
    assert found.nonzero_share == pytest.approx(np.mean([s > 0 for s in off]) if off else 0)
    assert found.diagonal_max == all(s < 1 for s in off)
    assert found.unit_range
    assert found.symmetric == all(abs(rows[i][j] - rows[j][i]) < 1e-5 for i in range(size) for j in range(size))


@given(st.integers(2, 8), SEEDS)
def test_triangle_violations_are_counted_one_by_one(size, seed):
    d = similarity(size, seed).to_distance().values.astype(float)
    trios = [(i, j, k) for i in range(size) for j in range(size) for k in range(size) if len({i, j, k}) == 3]
    slow = sum(d[i, k] > d[i, j] + d[j, k] + 1e-5 for i, j, k in trios)
    assert anatomy.triangle_violations(d) == (slow, len(trios), True)


@given(SIZES, SEEDS, SEEDS)
def test_names_carry_the_measures_wherever_they_stand(size, seed, order):
    matrix = similarity(size, seed)
    moved = shuffled(matrix, order)
    one, other = anatomy.measure(matrix), anatomy.measure(moved)
    for field in ("column_sums", "effective_neighbours", "uninformed"):
        by_name = dict(zip(other.names, getattr(other, field), strict=True))
        assert [by_name[n] for n in one.names] == pytest.approx(getattr(one, field).tolist(), abs=1e-9)
    assert (one.triangle_violations, one.rank, one.nonzero_share) == (
        other.triangle_violations,
        other.rank,
        other.nonzero_share,
    )
    assert one.smallest_eigenvalue == pytest.approx(other.smallest_eigenvalue, abs=1e-9)


@given(SIZES)
def test_the_identity_is_cross_entropy(size):
    found = anatomy.measure(matrices.class_order(size, 0))
    assert found.column_sums.tolist() == [1] * size
    assert found.effective_neighbours.tolist() == pytest.approx([1] * size)
    assert (found.nonzero_share, found.rank, found.positive_semidefinite) == (0, size, True)
    assert found.effective_classes == pytest.approx(size)


@given(st.integers(2, 8))
def test_all_alike_is_rank_one_and_every_class_its_neighbour(size):
    found = anatomy.measure(ClassMatrix([str(i) for i in range(size)], np.ones((size, size))))
    assert (found.rank, found.diagonal_max) == (1, False)
    assert found.effective_neighbours.tolist() == pytest.approx([size] * size)


@given(st.integers(2, 9), st.floats(0.05, 0.95))
def test_class_order_is_a_kernel_and_a_metric(size, r):
    found = anatomy.measure(matrices.class_order(size, r))
    assert found.positive_semidefinite
    assert found.triangle_violations == 0
    assert found.rank == size


def test_not_every_similarity_is_a_kernel_or_a_metric():
    values = [[1, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 1]]
    found = anatomy.measure(ClassMatrix(["a", "b", "c"], values))
    assert not found.positive_semidefinite
    assert found.smallest_eigenvalue == pytest.approx(1 - 0.9 * 2**0.5, abs=1e-6)
    assert (found.triangle_violations, found.triangle_triples) == (2, 6)  # a-c and c-a by way of b
    assert found.hubs(1) == [("b", pytest.approx(2.8))]


def test_a_distance_in_years_is_measured_as_its_similarity():
    ages = matrices.positions(ClassSet(["a", "b", "c"], positions=[0, 10, 40]))
    found = anatomy.measure(ages)
    assert not found.unit_range
    assert found.triangle_violations == 0
    assert found.column_sums.tolist() == pytest.approx([1.75, 2, 1.25])


def test_many_classes_are_sampled_and_the_answer_says_so():
    d = matrices.class_order(30, 0.5).to_distance().values
    assert anatomy.triangle_violations(d, limit=10) == (0, 720, False)


@given(st.integers(1, 7), SEEDS)
@settings(max_examples=40)
def test_no_constant_prediction_is_liked_better_than_the_uninformed_one(size, seed):
    s = similarity(size, seed, share=0.3).values.astype(float)
    best = anatomy.uninformed_prediction(s)
    assert best.sum() == pytest.approx(1)
    others = np.random.default_rng(seed).dirichlet(np.full(size, 0.5), 300)
    losses = -np.log(others @ s.T + 1e-300).mean(axis=1)
    assert -np.log(s @ best).mean() <= losses.min() + 0.02


@given(st.integers(2, 12), st.floats(0, 0.9))
def test_classes_on_a_circle_draw_alike(size, r):
    circle = ClassSet([str(i) for i in range(size)], positions=range(size), period=size)
    found = anatomy.measure(matrices.class_order(circle, r))
    assert found.uninformed.tolist() == pytest.approx([1 / size] * size)


@given(st.integers(1, 6), st.integers(0, 5), SEEDS)
def test_simloss_is_blurred_cross_entropy_minus_the_bonus(size, count, seed):
    rng = np.random.default_rng(seed)
    s = similarity(size, seed).values.astype(float)
    p = rng.dirichlet(np.ones(size), count).reshape(count, size)
    y = rng.integers(0, size, count)
    blurred, bonus = anatomy.split_simloss(s, np.log(p), y)
    for n in range(count):
        mixed = s @ p[n]
        assert blurred[n] - bonus[n] == pytest.approx(-np.log(mixed[y[n]]), abs=1e-9)
        assert blurred[n] == pytest.approx(-np.log((mixed / mixed.sum())[y[n]]), abs=1e-9)
    unit = s / s.sum(axis=0)
    assert anatomy.split_simloss(unit, np.log(p), y)[1] == pytest.approx(0, abs=1e-9)


def test_the_split_stands_extreme_logits_and_names_bad_input():
    log_p = np.array([[0.0, -np.inf, -2e4]])
    blurred, bonus = anatomy.split_simloss(np.eye(3), log_p, [2])
    assert (blurred[0], bonus[0]) == (2e4, 0)
    with pytest.raises(ValueError, match="do not fit together"):
        anatomy.split_simloss(np.eye(2), log_p, [0])
    for target in ([3], [-1], [0.5]):
        with pytest.raises(ValueError, match=r"outside 0 \.\. 2"):
            anatomy.split_simloss(np.eye(3), log_p, target)


@given(st.integers(2, 8), SEEDS, st.booleans(), st.integers(1, 9))
def test_nearest_is_the_sorted_row(size, seed, distance, k):
    matrix = similarity(size, seed).to_distance() if distance else similarity(size, seed)
    for i, row in enumerate(anatomy.nearest(matrix, k)):
        others = sorted((float(v) for j, v in enumerate(matrix.values[i]) if j != i), reverse=not distance)
        assert [v for _, v in row] == others[:k]
        assert matrix.names[i] not in dict(row)
    with pytest.raises(ValueError, match="k is 0"):
        anatomy.nearest(matrix, 0)


@given(st.integers(1, 8), SEEDS, st.booleans())
def test_an_order_is_followed_whatever_its_spacing_and_the_order_of_the_list(size, seed, circular):
    rng = np.random.default_rng(seed)
    places = rng.permutation(100)[:size].astype(float)
    classes = ClassSet([f"c{i}" for i in range(size)], positions=places, period=100 if circular else None)
    distance = matrices.positions(classes, power=rng.uniform(0.3, 3)).values
    violations, steps = anatomy.order_violations(distance, places, classes.period)
    assert violations == 0
    assert steps <= size * max(size - 2, 0)


@given(st.integers(3, 7), SEEDS)
def test_steps_against_the_order_are_counted_one_by_one(size, seed):
    rng = np.random.default_rng(seed)
    distance, places = rng.random((size, size)), rng.permutation(size).astype(float)
    line = np.argsort(places)
    steps = [
        (i, line[at], line[at + way])
        for i in range(size)
        for way in (1, -1)
        for at in range(size)
        if 0 <= at + way < size and (places[line[at]] - places[i]) * way > 0
    ]
    expected = sum(distance[i, k] < distance[i, j] - 1e-5 for i, j, k in steps)
    assert anatomy.order_violations(distance, places) == (expected, len(steps))


def test_a_straight_order_of_a_circle_is_against_it():
    straight = matrices.class_order(12, r=0.5).to_distance().values
    assert anatomy.order_violations(straight, range(12)) == (0, 110)
    violations, steps = anatomy.order_violations(straight, range(12), 12)
    assert 0 < violations < steps


@given(SIZES, SEEDS)
def test_leaf_order_is_a_permutation_that_keeps_groups_together(size, seed):
    rng = np.random.default_rng(seed)
    classes = ClassSet([f"c{i}" for i in range(size)], groups=rng.choice(list("xyz"), size).tolist())
    order = anatomy.leaf_order(matrices.groups(classes))
    assert sorted(order) == list(range(size))
    groups = [classes.groups[i] for i in order]
    assert sum(a != b for a, b in pairwise(groups)) == len(set(groups)) - 1


@given(st.integers(3, 9), SEEDS)
def test_leaf_order_finds_a_shuffled_line_again(size, seed):
    line = shuffled(matrices.class_order(size, 0.5), seed)
    found = [int(line.names[i]) for i in anatomy.leaf_order(line)]
    assert found in (sorted(found), sorted(found, reverse=True))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_constant_matrix_keeps_its_order(size):
    names = [str(i) for i in range(size)]
    for values in (np.eye(size), np.ones((size, size))):
        assert anatomy.leaf_order(ClassMatrix(names, values)) == list(range(size))
    assert anatomy.tree(ClassMatrix(names, np.eye(size))).shape == (size - 1, 4)


@given(st.integers(2, 8), SEEDS)
def test_the_map_of_points_in_a_plane_has_their_distances(size, seed):
    points = np.random.default_rng(seed).normal(size=(size, 2))
    d = np.linalg.norm(points[:, None] - points[None], axis=-1)
    found, shown = anatomy.class_map(ClassMatrix([f"c{i}" for i in range(size)], d, "distance"))
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=-1), d, atol=1e-3)
    assert shown == pytest.approx(1, abs=1e-3)


def test_the_map_of_one_class_and_of_equals_is_a_point():
    for matrix in (ClassMatrix(["a"], [[1]]), ClassMatrix(["a", "b"], np.ones((2, 2)))):
        points, shown = anatomy.class_map(matrix)
        assert not points.any()
        assert shown == 1


def test_many_classes_stand_beside_their_likes_without_the_optimal_order():
    count = anatomy.OPTIMAL_LEAVES + 1
    groups = [f"g{i % 7}" for i in range(count)]
    order = anatomy.leaf_order(matrices.groups(ClassSet([f"c{i}" for i in range(count)], groups=groups)))
    assert sorted(order) == list(range(count))
    shown = [groups[i] for i in order]
    assert sum(a != b for a, b in pairwise(shown)) == 6
