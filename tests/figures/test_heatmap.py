import base64
import io

import numpy as np
import pytest
from PIL import Image

from simviz.figures.heatmap import CELL_LIMIT, FULL_LAYER, TEXT_LIMIT, Scale, heatmap

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


def test_many_classes_leave_empty_cells_out_of_the_click_layer():
    count = FULL_LAYER + 1
    values = np.zeros((count, count))
    values[3, 5] = 2
    layer = heatmap(values, names(count), Scale("n"), hover=lambda i, j: "").data[1]
    assert [list(c) for c in layer.customdata] == [[3, 5]]


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
        ({"order": [0, 0]}, "not a permutation of 0 ... 1"),
        ({"groups": ["a"]}, "groups has 1 entries for 2 names"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, message):
    values = change.pop("values", np.eye(2))
    with pytest.raises(ValueError, match=message):
        heatmap(values, names(2), Scale("s"), **change)
