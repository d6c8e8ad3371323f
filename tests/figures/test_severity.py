import numpy as np
import pytest

from simviz.figures.severity import DISTINCT, accuracy_cost, error_distances, per_class

STEPS = {"ce": ([1, 2], [30, 70]), "simloss@words:keep=0.02": ([2, 1], [50, 50])}


def test_bars_are_shares_of_the_mistakes_of_each_setting():
    fig = error_distances(STEPS, unit="tree levels")
    assert [b.name for b in fig.data] == list(STEPS)
    assert fig.data[0].y.tolist() == pytest.approx([0.3, 0.7])
    assert fig.data[1].y.sum() == pytest.approx(1)
    assert list(fig.layout.xaxis.ticktext) == ["1", "2"]
    assert "tree levels" in fig.layout.xaxis.title.text
    assert fig.layout.showlegend


def test_many_distances_are_binned_without_losing_one():
    distances = np.arange(1, 4 * DISTINCT)
    fig = error_distances({"ce": (distances, np.ones(len(distances)))}, unit="years")
    assert len(fig.data[0].y) == 20
    assert fig.data[0].customdata.sum() == len(distances)


def test_the_cumulative_view_rises_from_nothing_to_all():
    lines = error_distances(STEPS, unit="steps", view="cumulative").data
    for line in lines:
        assert line.y[0] == 0
        assert line.y[-1] == pytest.approx(1)
        assert (np.diff(line.y) >= 0).all()
        assert (np.diff(line.x) >= 0).all()


def test_a_setting_without_mistakes_is_drawn_empty():
    fig = error_distances({"ce": ([1, 2], [3, 1]), "emd2": ([], [])}, unit="steps")
    assert fig.data[1].y.sum() == 0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="choose bars or cumulative"):
        error_distances(STEPS, unit="steps", view="pie")
    with pytest.raises(ValueError, match="emd2: "):
        error_distances({"emd2": ([1, 2], [1])}, unit="steps")


def test_every_seed_is_a_point_and_their_mean_carries_the_interval():
    fig = accuracy_cost(
        {"ce": [0.3, 0.4], "emd2": [0.5]},
        {"ce": [1.2, 1.0], "emd2": [0.9]},
        unit="steps",
        intervals={"ce": ((0.2, 0.45), (0.8, 1.5))},
    )
    seeds, mean, single = fig.data
    assert seeds.x.tolist() == [0.3, 0.4]
    assert mean.x[0] == pytest.approx(0.35)
    assert mean.x[0] + mean.error_x.array[0] == pytest.approx(0.45)
    assert mean.y[0] - mean.error_y.arrayminus[0] == pytest.approx(0.8)
    assert single.error_x.array is None
    assert "lower is better" in fig.layout.yaxis.title.text


def test_per_class_severity_has_a_column_a_loss_and_marks_few_mistakes():
    names = ["cat", "dog", "truck"]
    values = {"ce": [1.0, np.nan, 2.0], "emd2": [0.5, 1.0, 1.5]}
    fig = per_class(values, names, behind={"ce": [100, 0, 5], "emd2": [30, 30, 30]}, unit="steps", order=[2, 0, 1])
    assert [a.text for a in fig.layout.annotations] == ["ce", "emd2", "severity of the mistakes (steps)"]
    first = fig.data[0]
    assert list(first.y) == ["truck", "cat", "dog"]
    assert first.x[:2].tolist() == [2.0, 1.0]
    assert [s.endswith("-open") for s in first.marker.symbol] == [True, False, True]
    assert fig.layout.yaxis.categoryarray[-1] == "truck"  # drawn on top
    assert fig.layout.xaxis.range == fig.layout.xaxis2.range


def test_wide_intervals_of_few_seeds_do_not_squeeze_the_points():
    accuracy, cost = {"ce": [0.30, 0.32], "emd2": [0.34, 0.36]}, {"ce": [1.2, 1.1], "emd2": [1.0, 1.05]}
    wide = dict.fromkeys(accuracy, ((-3.0, 4.0), (-9.0, 9.0)))
    narrow = dict.fromkeys(accuracy, ((0.29, 0.37), (0.99, 1.21)))
    for intervals, most in ((wide, 3.2), (narrow, 1.6), (None, 1.2)):
        layout = accuracy_cost(accuracy, cost, unit="steps", intervals=intervals).layout
        for axis, points in ((layout.xaxis, accuracy), (layout.yaxis, cost)):
            every = np.concatenate(list(points.values()))
            assert axis.range[0] < every.min()
            assert axis.range[1] > every.max()
            assert axis.range[1] - axis.range[0] <= most * np.ptp(every) + 1e-9


def test_the_title_stands_above_the_headings():
    bare, titled = (
        per_class({"ce@x:a=1": [1.0]}, ["cat"], behind={"ce@x:a=1": [1]}, unit="steps", title=t) for t in ("", "t")
    )
    assert titled.layout.title.pad.b >= 24 + 16 * bare.layout.annotations[0].text.count("<br>")
