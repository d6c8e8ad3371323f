import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, leaves_list, linkage

from simviz.figures import distance

NAMES = ["cat", "<i>dog</i>", "truck", "bus"]
TREE = linkage([1.0, 4, 4, 4, 4, 2], "average")


def test_the_course_shades_the_warm_up_and_marks_the_epoch():
    fig = distance.course([1, 2, 3, 4], {"words": [0.1, 0.2, None, 0.4], "groups": [0, 0, 0, 0.5]}, warmup=2, epoch=3)
    assert [t.name for t in fig.data] == ["words", "groups"]
    assert list(fig.data[0].y) == [0.1, 0.2, None, 0.4]
    box = next(s for s in fig.layout.shapes if s.type == "rect")
    assert (box.x0, box.x1) == (0.5, 2.5)
    assert any(s.type == "line" and s.x0 == s.x1 == 3 for s in fig.layout.shapes)
    assert "warm-up" in fig.layout.annotations[0].text
    assert not distance.course([1, 2], {"words": [0, 1]}).layout.annotations


def test_trees_face_each_other_and_every_class_is_tied_to_itself():
    other = linkage([4.0, 1, 4, 4, 2, 4], "average")
    fig = distance.trees(TREE, other, NAMES, ("learned", "words"))
    left, right, lines = fig.data[1], fig.data[3], fig.data[4]
    assert "&lt;i&gt;dog&lt;/i&gt;" in [text.strip() for text in left.text]
    pairs = np.array(lines.y, dtype=float).reshape(-1)
    pairs = pairs[~np.isnan(pairs)].reshape(-1, 2).astype(int)
    assert len(pairs) == 4
    assert all(left.text[a] == right.text[b] for a, b in pairs)
    heights = np.array(fig.data[0].x, dtype=float)
    assert np.nanmin(heights) == -distance.TRUNK - distance.TREE  # the root, scaled
    assert np.nanmax(heights) == -distance.TRUNK


@given(st.integers(3, 12), st.integers(0, 10**6))
def test_a_turned_tree_is_the_same_tree_and_faces_itself_without_a_crossing(count, seed):
    rng = np.random.default_rng(seed)
    values = np.round(rng.random(count * (count - 1) // 2), 1)
    tree = linkage(values, "average")
    turned = distance.facing(tree, rng.permutation(count))
    assert np.array_equal(cophenet(turned), cophenet(tree))
    order = leaves_list(tree)
    assert np.array_equal(leaves_list(distance.facing(turned, order)), order)


def test_an_arrow_runs_from_each_start_to_each_end():
    start, end = np.zeros((4, 2)), np.arange(8.0).reshape(4, 2)
    fig = distance.moves(start, end, NAMES, ["animal", "animal", "vehicle", "vehicle"])
    assert [t.name for t in fig.data if t.showlegend is not False] == ["animal", "vehicle"]
    assert fig.data[0].marker.symbol == "arrow"
    assert list(fig.data[0].x[:2]) == [0, 0]
    assert list(fig.data[2].x[:2]) == [0, 4]
    assert list(fig.data[3].y) == [5, 7]
    assert "&lt;i&gt;" in fig.data[1].text[1]
