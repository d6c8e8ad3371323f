import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simviz.evaluation import normalise
from simviz.figures.confusion import confusion, difference, multiple

counts = st.integers(1, 8).flatmap(lambda c: arrays(np.int64, (c, c), elements=st.integers(0, 50)))
NAMES = ["cat", "dog", "truck"]
TABLE = np.array([[8, 2, 0], [5, 5, 0], [0, 0, 0]])


@given(counts)
def test_shares_sum_to_one_wherever_there_are_images(table):
    by_true = normalise(table, "true").sum(axis=1)
    assert np.allclose(by_true, table.sum(axis=1) > 0)
    assert np.allclose(normalise(table, "predicted").sum(axis=0), table.sum(axis=0) > 0)
    assert np.isclose(normalise(table, "all").sum(), table.sum() > 0)
    assert np.array_equal(normalise(table, "counts"), table)


def test_rows_are_true_classes_and_say_so():
    fig = confusion(TABLE, NAMES)
    assert fig.data[0].z[0].tolist() == pytest.approx([0.8, 0.2, 0])
    assert fig.layout.yaxis.title.text == "true class"
    assert fig.layout.xaxis.title.text == "predicted class"
    assert "share of the true class" in fig.data[0].colorbar.title.text
    text = dict(zip(map(tuple, fig.data[1].customdata), fig.data[1].text, strict=True))
    assert text[(0, 1)] == "true: cat<br>predicted: dog<br>2 images (20.0% of 10)"
    assert text[(2, 2)] == "true: truck<br>predicted: truck<br>0 images"


def test_a_hidden_diagonal_is_out_of_picture_colors_and_click_layer():
    fig = confusion(TABLE, NAMES, normalize="counts", hide_diagonal=True)
    assert np.isnan(np.diag(fig.data[0].z)).all()
    assert fig.data[0].zmax == 5
    assert all(i != j for i, j in fig.data[1].customdata)
    assert TABLE[0, 0] == 8  # the argument is left as it was


def test_small_multiples_share_their_range():
    figs = [confusion(t, NAMES, limits=(0, 1)) for t in (TABLE, TABLE.T)]
    assert {(f.data[0].zmin, f.data[0].zmax) for f in figs} == {(0, 1)}


@given(counts)
def test_a_difference_is_antisymmetric_and_centred_on_zero(table):
    names = [str(i) for i in range(len(table))]
    there = difference(table, table.T, names, hide_diagonal=False).data[0]
    back = difference(table.T, table, names, hide_diagonal=False).data[0]
    assert np.allclose(there.z, -np.asarray(back.z))
    assert there.zmin == -there.zmax
    assert there.zmax >= np.abs(there.z).max() - 1e-6


def test_blue_is_rarer_in_b():
    fig = difference(TABLE, np.array([[10, 0, 0], [5, 5, 0], [0, 0, 0]]), NAMES, labels=("ce", "<simloss>"))
    assert fig.data[0].z[0, 1] == pytest.approx(0.2)
    blue = fig.data[0].colorscale[-1][1]
    assert int(blue[5:7], 16) > int(blue[1:3], 16)
    assert any("&lt;simloss&gt;: 0.00%" in t for t in fig.data[1].text)


@pytest.mark.parametrize(
    ("table", "normalize", "message"),
    [
        (np.ones((2, 3)), "true", "2 x 3; it must be square"),
        (-np.ones((2, 2)), "true", "negative"),
        (np.eye(2), "rows", "it is one of counts, true, predicted, all"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(table, normalize, message):
    with pytest.raises(ValueError, match=message):
        normalise(table, normalize)


def test_a_difference_between_other_classes_is_refused():
    with pytest.raises(ValueError, match="A has 2 classes and B 3"):
        difference(np.eye(2), np.eye(3), NAMES)


@pytest.mark.parametrize("count", [3, 201])
def test_one_of_several_is_the_same_picture_with_a_bare_colour_bar(count):
    names = [str(i) for i in range(count)]
    fig = multiple(confusion(np.eye(count, dtype=int), names, title="ce"), height=300)
    assert fig.layout.height == 300
    assert fig.layout.xaxis.title.text is None
    bars = [t.colorbar if t.type == "heatmap" else t.marker.colorbar for t in fig.data if t.type != "image"]
    assert bars[0].thickness == 8
    assert all(b.title.text is None for b in bars)


def test_means_over_seeds_keep_a_decimal():
    fig = confusion(TABLE / 2, NAMES, normalize="counts")
    assert fig.data[0].texttemplate == "%{z:,.1f}"
    assert any("2.5 images" in t for t in fig.data[1].text)
    change = difference(TABLE / 2, TABLE, NAMES, normalize="counts")
    assert any("A - B: -2.5" in t for t in change.data[1].text)


def test_logarithmic_colours_share_their_range():
    figs = [confusion(t, NAMES, log=True, normalize="counts", limits=(1, 100)) for t in (TABLE, TABLE.T)]
    assert {(f.data[0].zmin, f.data[0].zmax) for f in figs} == {(0, 2)}


def test_one_of_several_has_one_colour_bar():
    fig = multiple(confusion(np.eye(30), [f"c{i}" for i in range(30)]))
    assert fig.data[0].colorbar.thickness == 8
    layers = [t for t in fig.data if t.type == "scatter"]
    assert layers
    assert all("colorbar" not in t.marker.to_plotly_json() for t in layers)


def test_harm_is_distance_times_change():
    distance = np.array([[0, 1, 4], [1, 0, 4], [4, 4, 0]])
    other = np.array([[8, 0, 2], [5, 5, 0], [0, 0, 0]])
    fig = difference(TABLE, other, NAMES, normalize="true", harm=(TABLE * distance, other * distance), unit="steps")
    assert fig.data[0].z[0, 1:].tolist() == pytest.approx([0.2, -0.8])
    assert np.allclose(
        np.nan_to_num(fig.data[0].z), distance * (normalise(TABLE, "true") - normalise(other, "true")), atol=1e-6
    )
    assert "harm: distance (steps)" in fig.data[0].colorbar.title.text.replace("<br>", " ")
    text = dict(zip(map(tuple, fig.data[1].customdata), fig.data[1].text, strict=True))
    assert text[(0, 2)].endswith("A - B: -20.00%<br>harm, A - B: -0.80 steps")


def test_a_difference_says_what_its_caller_knows_of_a_cell():
    fig = difference(TABLE, TABLE.T, NAMES, note=lambda i, j: f"<{i}, {j}>", limit=0.5, quiet=np.ones((3, 3), bool))
    assert all(
        text.endswith(f"<br>&lt;{i}, {j}&gt;")
        for (i, j), text in zip(fig.data[-1].customdata, fig.data[-1].text, strict=True)
    )
    assert [(t.zmin, t.zmax) for t in fig.data[:2]] == [(-0.5, 0.5)] * 2
    assert np.isnan(fig.data[0].z).all()


def test_a_picture_that_is_not_clicked_holds_no_layer_and_answers_with_its_values():
    fig = confusion(TABLE, NAMES, clickable=False)
    assert [trace.type for trace in fig.data] == ["heatmap"]
    assert fig.data[0].hoverinfo is None
    assert "share of the true class" in fig.data[0].hovertemplate
    assert np.array_equal(fig.data[0].z, confusion(TABLE, NAMES).data[0].z)
