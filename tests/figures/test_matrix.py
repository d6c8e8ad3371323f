import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet, matrices
from simviz.figures.matrix import column_sums, histogram, matrix


def test_a_similarity_runs_from_zero_to_one_and_a_distance_to_its_largest_entry():
    similarity = matrices.class_order(6, r=0.5)
    fig = matrix(similarity)
    assert np.array_equal(fig.data[0].z, similarity.values)
    assert (fig.data[0].zmin, fig.data[0].zmax) == (0, 1)
    years = matrices.positions(ClassSet(["a", "b", "c"], positions=[0, 10, 40]))
    fig = matrix(years, unit="years")
    assert fig.data[0].zmax == 40
    assert "years" in fig.data[0].colorbar.title.text


@given(st.integers(2, 30), st.floats(0.5, 0.99))
def test_the_histogram_counts_every_pair_once(count, r):
    values = matrices.class_order(count, r=r)
    bars = histogram(values).data[0]
    assert np.sum(bars.y) == pytest.approx(100, abs=1e-6)
    assert np.sum(np.asarray(bars.customdata)[:, 2]) == count * (count - 1)


def test_pairs_that_are_zero_are_told_and_not_drawn_and_the_diagonal_is_no_pair():
    values = np.eye(3)
    values[0, 1] = values[1, 0] = 0.5
    fig = histogram(ClassMatrix(["a", "b", "c"], values))
    assert np.sum(fig.data[0].y) == pytest.approx(100 * 2 / 6)
    assert "66.7 % of the pairs are 0" in fig.layout.xaxis.title.text


def test_column_sums_come_largest_first_with_their_hubs_marked_by_more_than_color():
    fig = column_sums(["a", "b", "c", "d"], [1.0, 3.0, 2.0, 1.5], hubs=["b"])
    hubs, others, mean = fig.data
    assert list(hubs.x) == ["b"]
    assert list(others.x) == ["c", "d", "a"]
    assert list(fig.layout.xaxis.categoryarray) == ["b", "c", "d", "a"]
    assert hubs.marker.pattern.shape != others.marker.pattern.shape
    assert mean.name == "mean 1.88"


def test_of_many_columns_the_largest_are_shown_and_the_axis_says_how_many_there_are():
    fig = column_sums([f"c{i}" for i in range(100)], np.arange(100.0))
    assert fig.data[0].x[0] == "c99"
    assert len(fig.data[0].x) == 40
    assert fig.layout.xaxis.title.text == "class (the 40 largest of 100)"


def test_sums_of_other_classes_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\) for 2 names"):
        column_sums(["a", "b"], [1, 2, 3])
