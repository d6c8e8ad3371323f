"""Pictures of refitted heads."""

import numpy as np
import pytest

from simviz.figures import live


def test_the_trail_fades_towards_its_beginning_and_names_are_escaped():
    trail = [(f"<b>{i}", 0.5 + i / 100, 1 - i / 100) for i in range(10)]
    fig = live.plane(trail, {"CE": (0.4, 1.2), "CE + min_cost": (0.39, 1.1)}, unit="tree levels")
    way = fig.data[-1]
    assert list(way.x) == [x for _, x, _ in trail]
    assert list(way.marker.opacity) == sorted(way.marker.opacity)
    assert way.marker.opacity[-1] == 1
    assert way.customdata[0] == "&lt;b&gt;0"
    assert [t.name for t in fig.data] == ["CE", "CE + min_cost", "the slider's last 10 positions"]
    assert fig.data[0].marker.symbol != fig.data[1].marker.symbol
    assert "tree levels" in fig.layout.yaxis.title.text


def test_the_front_runs_from_left_to_right_through_its_points():
    points = [(0.6, 1.0), (0.4, 0.7), (0.5, 0.8)]
    fig = live.plane([("ce", 0.5, 0.9)], {}, unit="u", curves={"simloss@words": ([0.4, 0.6], [0.7, 1.0])}, front=points)
    front = next(t for t in fig.data if t.name == "none is better in both")
    assert np.array_equal(np.column_stack([front.x, front.y]), np.array(sorted(points)))
    assert fig.data[0].name == "simloss@words"
    assert fig.data[-1].name == "the slider"


@pytest.mark.parametrize("metrics", [("accuracy", "mean_cost"), ("accuracy", "mean_cost", "distinct_classes")])
def test_a_panel_a_metric_with_the_slider_and_the_controls(metrics):
    values = {s: ([0.0, 0.5, 1.0], {m: [1.0, 2.0, 3.0] for m in metrics}) for s in ("simloss@words", "simloss@groups")}
    fig = live.curves(values, {"CE": {"accuracy": 1.5, "mean_cost": None}}, parameter="keep", at=0.25)
    assert len(fig.data) == 2 * len(metrics) + 1  # the control is drawn where its value is known
    assert [t.showlegend for t in fig.data].count(True) == 3
    assert [shape.x0 for shape in fig.layout.shapes] == [0.25] * len(metrics)
    level = next(t for t in fig.data if t.name == "CE")
    assert (list(level.x), list(level.y)) == ([0.0, 1.0], [1.5, 1.5])
    assert fig.data[0].line.dash != fig.data[1].line.dash
