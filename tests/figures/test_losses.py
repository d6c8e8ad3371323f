import numpy as np
import pytest

from simviz.figures import losses, style


def test_prediction_marks_the_roles_and_is_in_percent():
    fig = losses.prediction(["cat", "<b>dog</b>"], [0.7, 0.3], {"cat": "true"})
    bar = fig.data[0]
    assert list(bar.y) == ["cat (true)", "&lt;b&gt;dog&lt;/b&gt;"]
    assert np.allclose(bar.x, [70, 30])


def test_of_many_classes_the_largest_and_those_with_a_role_are_drawn():
    p = np.arange(1, 41) / np.arange(1, 41).sum()
    names = [f"c{i}" for i in range(40)]
    fig = losses.prediction(names, p, {"c0": "true"})
    assert list(fig.data[0].y) == ["c0 (true)", *names[29:]]


def test_gradient_bars_have_the_losses_colour_and_the_common_axis():
    fig = losses.gradient_bars(["cat", "dog"], [-0.4, 0.4], "simloss@words", limit=1.0)
    assert list(fig.data[0].x) == [-0.4, 0.4]
    assert fig.data[0].marker.color == style.color("simloss")
    assert fig.layout.xaxis.range == pytest.approx((-1.4, 1.4))
    assert bool(fig.data[0].texttemplate)  # the number stands beside a bar too short to see
    many = losses.gradient_bars([f"c{i}" for i in range(30)], np.linspace(0, 1, 30), "ce", limit=1.0, keep=0)
    assert many.data[0].y[0] == "c0"
    assert "12 of 30" in many.layout.xaxis.title.text


def test_members_of_one_family_differ_in_their_line_on_a_path():
    courses = {"simloss": [0, 1], "forward": [1, 2], "ce": [0, 3]}
    fig = losses.paths(courses, true="cat", end="dog", limits=(0, 3), unit="loss")
    looks = [(line.line.color, line.line.dash) for line in fig.data]
    assert len(set(looks)) == 3
    assert looks[0][0] == looks[1][0]
    assert list(fig.data[2].x) == [0, 100]
    assert "cat" in fig.layout.title.text
    assert "dog" in fig.layout.title.text
