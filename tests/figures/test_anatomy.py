import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import dendrogram as scipys
from scipy.cluster.hierarchy import linkage

from simviz import ClassMatrix, matrices
from simviz.figures.anatomy import branches, class_map, dendrogram, simloss_parts
from simviz.matrices import anatomy

NAMES = ["cat", "<i>dog</i>", "truck", "bus"]
VALUES = np.array([[1, 0.9, 0.1, 0], [0.9, 1, 0, 0.1], [0.1, 0, 1, 0.6], [0, 0.1, 0.6, 1]])
GROUPS = ["animal", "animal", "vehicle", "vehicle"]


def random_similarity(count, seed):
    values = np.random.default_rng(seed).random((count, count))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return ClassMatrix([f"c{i}" for i in range(count)], values)


@given(st.integers(2, 25), st.integers(0, 1000))
def test_the_brackets_are_those_that_scipy_draws(count, seed):
    tree = linkage(np.random.default_rng(seed).random((count, 3)), "average")
    ours, theirs = branches(tree), scipys(tree, no_plot=True)
    assert ours.leaves == theirs["leaves"]
    mine = np.stack([ours.heights, ours.places], axis=1).reshape(-1, 5, 2)[:, :4]
    known = np.stack([theirs["dcoord"], (np.array(theirs["icoord"]) - 5) / 10], axis=2)
    assert np.allclose(mine[np.lexsort(mine[:, 1].T)], known[np.lexsort(known[:, 1].T)])


def test_a_chain_of_a_thousand_classes_is_drawn():
    values = np.eye(1000)
    values[0, 1] = values[1, 0] = 0.5
    matrix = ClassMatrix([f"c{i}" for i in range(1000)], values)
    fig = dendrogram(matrix, anatomy.tree(matrix))
    assert sorted(branches(anatomy.tree(matrix)).leaves) == list(range(1000))
    assert len(fig.layout.images) == 1
    assert not any(t.type == "heatmap" for t in fig.data)
    assert len(fig.to_json()) < 1_000_000


def test_the_matrix_stands_in_the_order_of_the_leaves_with_their_names_and_groups():
    matrix = ClassMatrix(NAMES, VALUES)
    tree = anatomy.tree(matrix)
    order = anatomy.leaf_order(matrix)
    fig = dendrogram(matrix, tree, groups=GROUPS)
    heat = next(t for t in fig.data if t.type == "heatmap")
    assert np.array_equal(heat.z, matrix.values[np.ix_(order, order)])
    escaped = [NAMES[i].replace("<", "&lt;").replace(">", "&gt;") for i in order]
    assert list(fig.layout.yaxis.ticktext) == list(fig.layout.xaxis2.ticktext) == escaped
    marks = {t.name: t for t in fig.data if t.name in GROUPS}
    for group, mark in marks.items():
        assert [GROUPS[order[int(place)]] for place in mark.y] == [group] * 2
    assert marks["animal"].marker.symbol != marks["vehicle"].marker.symbol


def test_a_join_says_who_joins_and_at_what_distance():
    matrix = ClassMatrix(NAMES, VALUES)
    joins = next(t for t in dendrogram(matrix, anatomy.tree(matrix)).data if t.text is not None)
    assert np.allclose(sorted(joins.x), [0.1, 0.4, 0.95])
    pair = joins.text[int(np.argmin(joins.x))]
    assert set(pair.split(", ")) == {"cat", "&lt;i&gt;dog&lt;/i&gt;"}
    many = random_similarity(9, 0)
    whole = next(t for t in dendrogram(many, anatomy.tree(many)).data if t.text is not None)
    assert whole.text[int(np.argmax(whole.x))].endswith("and 5 more")


@pytest.mark.parametrize(("count", "images", "labels"), [(200, 0, True), (201, 1, False)])
def test_above_two_hundred_classes_the_matrix_is_an_image_and_rows_have_no_names(count, images, labels):
    matrix = random_similarity(count, 1)
    fig = dendrogram(matrix, anatomy.tree(matrix))
    assert len(fig.layout.images) == images
    assert fig.layout.yaxis.showticklabels is labels
    assert any(t.type == "heatmap" for t in fig.data) is labels


def test_a_distance_is_coloured_to_its_largest_entry():
    matrix = matrices.class_order(5, r=0.5).to_distance()
    far = ClassMatrix(matrix.names, matrix.values * 7, "distance")
    heat = next(t for t in dendrogram(far, anatomy.tree(far)).data if t.type == "heatmap")
    assert (heat.zmin, heat.zmax) == (0, pytest.approx(7 * (1 - 0.5**4)))


def test_a_tree_of_other_classes_is_refused():
    with pytest.raises(ValueError, match="4 classes have a tree of 2 joins and no groups"):
        dendrogram(ClassMatrix(NAMES, VALUES), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="3 joins and 1 groups"):
        dendrogram(ClassMatrix(NAMES, VALUES), np.zeros((3, 4)), groups=["a"])


def test_one_class_has_a_picture_too():
    one = ClassMatrix(["a"], [[1]])
    assert list(dendrogram(one, anatomy.tree(one)).data[-1].z[0]) == [1]


def test_a_map_has_every_class_at_its_point_in_its_group():
    points = np.array([[0.0, 0], [1, 0], [0, 5], [6, 5]])
    fig = class_map(points, NAMES, GROUPS)
    assert [t.name for t in fig.data] == ["animal", "vehicle"]
    assert fig.data[0].marker.symbol != fig.data[1].marker.symbol
    assert fig.data[0].marker.color != fig.data[1].marker.color
    drawn = {n: (x, y) for t in fig.data for n, x, y in zip(t.customdata, t.x, t.y, strict=True)}
    assert drawn["&lt;i&gt;dog&lt;/i&gt;"] == (1, 0)
    assert drawn["bus"] == (6, 5)
    assert fig.layout.yaxis.scaleanchor == "x"


@given(st.integers(2, 60), st.integers(0, 1000))
def test_no_two_labels_of_a_map_lie_on_each_other_and_the_outermost_class_has_one_of_them(count, seed):
    points = np.random.default_rng(seed).normal(size=(count, 2)) ** 3
    names = [f"name {i}" for i in range(count)]
    fig = class_map(points, names)
    trace = fig.data[0]
    written = [i for i, text in enumerate(trace.text) if text]
    assert written
    unit = max(np.ptp(points[:, 0]) / 760, np.ptp(points[:, 1]) / 470)
    for i in written:
        for j in written:
            if i < j:
                dx, dy = np.abs(points[i] - points[j]) / unit
                assert dx >= 6.4 * 7 or dy >= 15 - 1e-6
    assert set(trace.customdata) == set(names)  # the pointer knows them all


def test_classes_at_one_point_are_drawn():
    assert len(class_map(np.zeros((3, 2)), ["a", "b", "c"]).data[0].x) == 3


def test_points_of_other_classes_are_refused():
    with pytest.raises(ValueError, match=re.escape("shape (2, 2) for 3 names")):
        class_map(np.zeros((2, 2)), ["a", "b", "c"])


def test_the_parts_of_simloss_add_up_and_the_dearest_class_is_first():
    blurred, bonus = np.array([2.0, 3.0, 2.5]), np.array([0.5, 0.25, 0.75])
    paid, less, left = simloss_parts(["a", "<b>", "c"], blurred, bonus).data
    assert list(left.x) == ["&lt;b&gt;", "c", "a"]
    assert np.allclose(np.array(paid.y) + np.array(less.y), left.y)
    assert np.allclose(left.y, [2.75, 1.75, 1.5])
    assert paid.marker.pattern.shape != less.marker.pattern.shape


def test_of_many_classes_those_that_pay_most_are_drawn_and_the_axis_says_so():
    fig = simloss_parts([f"c{i}" for i in range(100)], np.arange(100.0), np.zeros(100))
    assert fig.data[0].x[0] == "c99"
    assert len(fig.data[0].x) == 40
    assert "the 40 that pay most of 100" in fig.layout.xaxis.title.text
    with pytest.raises(ValueError, match="not of 2 names"):
        simloss_parts(["a", "b"], [1], [1])
