import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, matrices

from .strategies import SEEDS, permuted


@st.composite
def trees(draw):
    depth = draw(st.integers(1, 3))
    path = st.lists(st.sampled_from("xyz"), min_size=depth, max_size=depth).map(tuple)
    paths = draw(st.lists(path, min_size=1, max_size=8))
    return ClassSet([f"c{i}" for i in range(len(paths))], groups=paths)


@given(trees())
def test_distance_is_the_height_of_the_first_common_ancestor(classes):
    matrix = matrices.groups(classes)
    for i, a in enumerate(classes.groups):
        for j, b in enumerate(classes.groups):
            # climb from the leaf: its own node is the whole path and the class's name
            up_a, up_b = (
                [(*a, i), *(a[:k] for k in range(len(a), -1, -1))],
                [(*b, j), *(b[:k] for k in range(len(b), -1, -1))],
            )
            height = next(h for h, (m, n) in enumerate(zip(up_a, up_b, strict=True)) if m == n)
            assert matrix.values[i, j] == height


@given(trees())
def test_the_tree_is_an_ultrametric(classes):
    d = matrices.groups(classes).values
    for j in range(len(d)):
        assert (d <= d[:, j, None].clip(min=d[None, j, :])).all()


@given(trees(), SEEDS)
def test_names_carry_the_distance_wherever_they_stand(classes, seed):
    assert matrices.groups(permuted(classes, seed)).aligned(classes) == matrices.groups(classes)


def test_one_level_has_zero_one_two_and_equal_names_below_other_groups_differ():
    flat = ClassSet(["rose", "tulip", "truck"], groups=["flower", "flower", "vehicle"])
    assert matrices.groups(flat).values[0].tolist() == [0, 1, 2]
    deep = ClassSet(["a", "b"], groups=[("plant", "small"), ("animal", "small")])
    assert matrices.groups(deep).values[0, 1] == 3


def test_classes_without_groups_are_told_how_to_get_some():
    with pytest.raises(ValueError, match=r"have no groups; add them, e\.g\. ClassSet\(names, groups="):
        matrices.groups(ClassSet(["rose", "tulip"]))
