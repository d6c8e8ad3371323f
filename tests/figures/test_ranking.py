import numpy as np
import pytest

from simviz.figures.ranking import top_distances

CURVES = {"ce": [1.0, 1.2, 1.3], "emd2": [0.9, 0.8, 1.3]}


def test_a_line_a_setting_over_k_and_the_chosen_k_is_marked():
    fig = top_distances(CURVES, unit="tree levels", k=2, title="ruler groups")
    assert [line.name for line in fig.data] == list(CURVES)
    assert fig.data[1].x.tolist() == [1, 2, 3]
    assert np.array_equal(fig.data[1].y, CURVES["emd2"])
    assert fig.data[0].line.color != fig.data[1].line.color
    (mark,) = fig.layout.shapes
    assert mark.x0 == mark.x1 == 2
    assert "tree levels" in fig.layout.yaxis.title.text
    assert fig.layout.title.text == "ruler groups"


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_beyond_the_curves_is_named(k):
    with pytest.raises(ValueError, match=f"k is {k}; the curves reach from 1 to 3"):
        top_distances(CURVES, unit="steps", k=k)


def test_names_are_shown_and_never_run():
    assert top_distances({"<b>x</b>": [1.0]}, unit="<i>", k=1).data[0].name == "&lt;b&gt;x&lt;/b&gt;"
