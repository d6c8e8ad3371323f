import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from simviz.figures.heatmap import (
    CELL_LIMIT,
    FULL_LAYER,
    IMAGE_BLOCKS,
    LAYER_POINTS,
    TEXT_LIMIT,
    WINDOW,
    Scale,
    heatmap,
    window,
)

rng = np.random.default_rng(0)


def names(count):
    return [f"class {i}" for i in range(count)]


def draw(count, **kwargs):
    values = rng.random((count, count)).astype(np.float32)
    return values, heatmap(values, names(count), Scale("share"), **kwargs)


def test_rows_stay_rows_in_any_order():
    order = rng.permutation(7)
    values, fig = draw(7, order=order)
    assert np.array_equal(fig.data[0].z, values[np.ix_(order, order)])
    assert list(fig.data[0].y) == [f"class {i}" for i in order]
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the first row on top


@pytest.mark.parametrize(("count", "text"), [(TEXT_LIMIT, True), (TEXT_LIMIT + 1, False), (CELL_LIMIT, False)])
def test_numbers_stand_in_the_cells_up_to_twenty_classes_only(count, text):
    _, fig = draw(count)
    assert fig.data[0].type == "heatmap"
    assert bool(fig.data[0].texttemplate) == text
    assert fig.data[0].z.dtype == np.float32


def test_beyond_two_hundred_classes_it_is_one_picture_with_a_color_bar():
    values, fig = draw(CELL_LIMIT + 1)
    picture, bar = fig.data
    assert picture.type == "image"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.source.split(",")[1]))))
    assert pixels.shape == (*values.shape, 4)
    brightest, darkest = (np.unravel_index(f(values), values.shape) for f in (np.argmax, np.argmin))
    assert pixels[brightest][:3].sum() > pixels[darkest][:3].sum()
    assert bar.marker.colorbar.title.text == "share"
    assert len(fig.to_json()) < 400_000


def test_beyond_two_hundred_classes_the_axes_name_some_of_them_at_their_places():
    layout = draw(300)[1].layout
    assert 20 <= len(layout.xaxis.tickvals) <= 40
    assert all(
        text == f"class {place}" for place, text in zip(layout.yaxis.tickvals, layout.yaxis.ticktext, strict=True)
    )


def test_a_click_carries_true_and_predicted_whatever_the_order():
    order = [2, 0, 1]
    values = np.arange(9.0).reshape(3, 3)
    fig = heatmap(values, names(3), Scale("n"), order=order, hover=lambda i, j: f"{i} as {j}")
    layer = fig.data[1]
    assert fig.data[0].hoverinfo == "skip"
    for (true, predicted), x, y, text in zip(layer.customdata, layer.x, layer.y, layer.text, strict=True):
        assert (y, x) == (f"class {true}", f"class {predicted}")
        assert text == f"{true} as {predicted}"
    assert len(layer.x) == 9
    assert layer.marker.opacity == layer.selected.marker.opacity == layer.unselected.marker.opacity == 0
    assert fig.layout.hoverdistance == -1


@pytest.mark.parametrize("count", [21, FULL_LAYER])
def test_every_cell_has_its_own_point_so_that_the_nearest_is_the_one_under_the_pointer(count):
    fig = heatmap(np.eye(count), names(count), Scale("n"), hover=lambda i, j: "")
    layer = fig.data[1]
    assert sorted(map(tuple, layer.customdata)) == [(i, j) for i in range(count) for j in range(count)]
    assert layer.marker.maxdisplayed == 1, "thousands of invisible shapes would be drawn"


def test_of_very_many_classes_the_empty_cells_have_no_point_and_no_neighbour_answers_for_them():
    count = FULL_LAYER + 1
    values = np.zeros((count, count))
    values[3, 5] = 2
    fig = heatmap(values, names(count), Scale("n"), hover=lambda i, j: "")
    assert [list(c) for c in fig.data[1].customdata] == [[3, 5]]
    assert 0 < fig.layout.hoverdistance <= 2


def test_of_very_many_cells_the_largest_can_be_clicked():
    count = CELL_LIMIT
    values = rng.standard_normal((count, count))
    fig = heatmap(values, names(count), Scale("d", diverging=True), hover=lambda i, j: f"{i} as {j}")
    layer = fig.data[1]
    inside = np.zeros((count, count), dtype=bool)
    inside[tuple(np.array(layer.customdata, dtype=int).T)] = True
    assert inside.sum() == len(layer.x) == LAYER_POINTS
    assert np.abs(values[inside]).min() > np.abs(values[~inside]).max()
    assert 0 < fig.layout.hoverdistance <= 2


def test_lines_separate_groups_in_the_drawn_order():
    fig = draw(4, groups=["a", "b", "a", "b"], order=[0, 2, 1, 3])[1]
    assert {(s.x0, s.x1) for s in fig.layout.shapes} == {(1.5, 1.5), (-0.5, 3.5)}


def test_the_chosen_cell_is_framed_where_it_is_drawn():
    fig = draw(4, order=[3, 2, 1, 0], chosen=(0, 2))[1]
    assert (fig.layout.shapes[0].x0, fig.layout.shapes[0].y0) == (0.5, 2.5)


def test_a_log_scale_leaves_zero_empty_and_labels_plain_numbers():
    values = np.array([[0.0, 1.0], [10.0, 100.0]])
    fig = heatmap(values, names(2), Scale("images", log=True, format=",.0f"))
    assert np.isnan(fig.data[0].z[0, 0])
    assert fig.data[0].z[1].tolist() == pytest.approx([1, 2])
    assert [list(row) for row in fig.data[0].text] == [["", "1"], ["10", "100"]]
    assert list(fig.data[0].colorbar.ticktext) == ["1", "10", "100"]


def test_markup_in_a_class_name_is_shown_and_not_run():
    fig = heatmap(np.eye(2), ["<b>x</b>", "a&b"], Scale("s"), hover=lambda i, j: "t")
    assert list(fig.data[0].x) == ["&lt;b&gt;x&lt;/b&gt;", "a&amp;b"]
    assert "<b>" not in fig.to_json()


def test_two_long_names_that_shorten_alike_stay_two_columns():
    long = ["x" * 20 + "1" + "y" * 20, "x" * 20 + "2" + "y" * 20]
    fig = heatmap(np.eye(2), long, Scale("s"))
    assert len(set(fig.data[0].x)) == len(set(fig.layout.xaxis.categoryarray)) == 2
    assert len(set(fig.layout.xaxis.labelalias.values())) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.ones((2, 3))}, "values is 2 x 3 for 2 names"),
        ({"order": [0, 0]}, "an index in 0 ... 1; got"),
        ({"order": [0, 2]}, "an index in 0 ... 1; got"),
        ({"columns": []}, "an index in 0 ... 1; got"),
        ({"groups": ["a"]}, "groups has 1 entries for 2 names"),
        ({"quiet": np.zeros((2, 2))}, "quiet is float64 of shape"),
        ({"quiet": np.zeros((3, 3), bool)}, r"give booleans of shape \(2, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, message):
    values = change.pop("values", np.eye(2))
    with pytest.raises(ValueError, match=message):
        heatmap(values, names(2), Scale("s"), **change)


def test_some_rows_and_columns_are_the_same_cells():
    values, fig = draw(9, order=[4, 2, 7], columns=[1, 4], hover=lambda i, j: f"{i} as {j}", chosen=(2, 4))
    assert np.array_equal(fig.data[0].z, values[np.ix_([4, 2, 7], [1, 4])])
    assert (list(fig.data[0].y), list(fig.data[0].x)) == (["class 4", "class 2", "class 7"], ["class 1", "class 4"])
    for (true, predicted), x, y in zip(fig.data[1].customdata, fig.data[1].x, fig.data[1].y, strict=True):
        assert (y, x) == (f"class {true}", f"class {predicted}")
    assert [(s.x0, s.y0) for s in fig.layout.shapes] == [(0.5, 0.5)]
    assert not draw(9, order=[4, 2, 7], columns=[1, 4], chosen=(5, 4))[1].layout.shapes  # not in view


def test_lines_between_groups_follow_rows_and_columns_apart():
    fig = draw(4, groups=["a", "a", "b", "b"], order=[0, 1, 2], columns=[1, 3])[1]
    down = [(s.y0, s.x0, s.x1) for s in fig.layout.shapes if s.y0 == s.y1]
    across = [(s.x0, s.y0, s.y1) for s in fig.layout.shapes if s.x0 == s.x1]
    assert (down, across) == ([(1.5, -0.5, 1.5)], [(0.5, -0.5, 2.5)])


@given(st.integers(1, 300), st.data())
def test_a_window_holds_its_class_in_the_drawn_order(count, data):
    places = data.draw(st.permutations(range(count)))
    at = data.draw(st.sampled_from(places))
    shown = window(places, at)
    start = places.index(shown[0])
    assert at in shown
    assert shown == places[start : start + WINDOW]
    assert len(shown) == min(count, WINDOW)


def test_quiet_cells_are_grey_and_keep_their_numbers():
    quiet = np.array([[False, True], [True, False]])
    values = np.array([[0.0, 0.5], [-0.5, 1.0]])
    bright, pale = heatmap(values, names(2), Scale("d", diverging=True), quiet=quiet).data
    assert np.isnan(bright.z[quiet]).all()
    assert np.isnan(pale.z[~quiet]).all()
    assert pale.z[quiet].tolist() == [0.5, -0.5]
    assert pale.texttemplate == bright.texttemplate != None  # noqa: E711
    for _, color in pale.colorscale:
        assert color[1:3] == color[3:5] == color[5:7]
    assert len(heatmap(values, names(2), Scale("d"), quiet=np.zeros((2, 2), bool)).data) == 1


def test_each_number_of_a_difference_stands_once_and_none_where_nothing_changed():
    values = np.array([[0.0, 0.5], [-0.5, 1.0]])
    quiet = np.array([[True, True], [False, False]])
    scale = Scale("d", diverging=True, format="+.1f")
    bright, pale, _ = heatmap(values, names(2), scale, quiet=quiet, hover=lambda i, j: "").data
    assert [list(row) for row in bright.text] == [["", ""], ["-0.5", "+1.0"]]
    assert [list(row) for row in pale.text] == [["", "+0.5"], ["", ""]]


def decoded(figure):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(figure.data[0].source.split(",")[1]))))


def test_quiet_cells_of_an_image_are_grey():
    count = CELL_LIMIT + 1
    values = rng.normal(size=(count, count))
    values[5, 5] = np.nan
    quiet = rng.random((count, count)) < 0.5
    drawn = decoded(heatmap(values, names(count), Scale("d", diverging=True), quiet=quiet))
    grey = (drawn[..., 0] == drawn[..., 1]) & (drawn[..., 1] == drawn[..., 2])
    assert grey[quiet & np.isfinite(values)].all()
    assert drawn[5, 5, 3] == 0
    assert (~grey[~quiet]).mean() > 0.9


def test_over_an_image_a_point_stands_for_the_largest_cell_of_its_block():
    count = 1000
    values = np.eye(count)
    values[3, 5], values[4, 6], values[990, 20] = 0.2, -0.7, 0.1
    fig = heatmap(values, names(count), Scale("share"), hover=lambda i, j: f"{i} as {j}")
    layer = fig.data[-1]
    assert len(layer.x) == IMAGE_BLOCKS**2, "an empty block would else be taken for its neighbour"
    assert [990, 20] in map(list, layer.customdata)
    at = [list(c) for c in layer.customdata].index([4, 6])
    assert "largest of 2 here<br>4 as 6" in layer.text[at]
    assert (layer.x[at], layer.y[at]) == (19.5, 19.5)  # in the middle of the block
    full = heatmap(rng.random((count, count)), names(count), Scale("share"), hover=lambda i, j: f"{i} as {j}")
    assert len(full.data[-1].x) <= IMAGE_BLOCKS**2


def test_a_thousand_classes_stay_small_on_the_wire():
    count = 1000
    values = np.eye(count) * 0.7
    rows = rng.integers(0, count, 15_000)
    values[rows, rng.integers(0, count, 15_000)] += 0.02
    drawn = heatmap(values, names(count), Scale("share"), hover=lambda i, j: f"{names(count)[i]} as {j}: 12 images")
    assert len(drawn.to_json()) < 600_000
