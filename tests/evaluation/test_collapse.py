from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet
from simviz.evaluation.collapse import collapse, group_names

ZOO = ClassSet(
    ["lion", "cat", "dog", "truck", "bus"],
    groups=[("animal", "feline"), ("animal", "feline"), ("animal", "canine"), ("vehicle", "road"), ("vehicle", "road")],
)


@st.composite
def collapsed(draw):
    """Classes in groups of one to three levels, a level, some opened groups, and a table of counts."""
    count, depth = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    label = st.sampled_from("xyz")
    paths = draw(st.lists(st.tuples(*[label] * depth), min_size=count, max_size=count))
    classes = ClassSet([f"c{i}" for i in range(count)], groups=paths)
    opened = draw(st.sets(st.sampled_from(sorted(group_names(classes)))))
    table = np.random.default_rng(draw(st.integers(0, 999))).integers(0, 40, (count, count))
    return classes, draw(st.integers(0, depth)), opened, table


@given(collapsed())
def test_totals_are_those_of_the_classes_whatever_is_collapsed(case):
    classes, level, opened, table = case
    nodes = collapse(classes, level, opened)
    small = nodes.sum(table)
    assert small.shape == (len(nodes),) * 2
    assert small.sum() == table.sum()
    for axis in (0, 1):
        of_classes = np.bincount(nodes.row, table.sum(axis=axis), len(nodes))
        assert np.array_equal(small.sum(axis=axis), of_classes)
    assert np.trace(small) >= np.trace(table)  # what is confused inside a group lies on its diagonal


@given(collapsed())
def test_every_row_is_a_class_or_a_group_that_is_not_opened(case):
    classes, level, opened, _ = case
    nodes = collapse(classes, level, opened)
    assert len(set(nodes.names)) == len(nodes) == len(nodes.paths)
    depth = len(classes.groups[0])
    for i, (name, groups) in enumerate(zip(classes.names, classes.groups, strict=True)):
        path = nodes.paths[nodes.row[i]]
        if len(path) > depth:
            assert (path, nodes.names[nodes.row[i]]) == ((*groups, name), name)
            assert level == 0 or all(groups[:k] in opened for k in range(level, depth + 1))
        else:
            assert path == groups[: len(path)] not in opened
            assert all(groups[:k] in opened for k in range(level, len(path)))


@pytest.mark.parametrize(
    ("level", "opened", "names"),
    [
        (0, [("animal",)], ("lion", "cat", "dog", "truck", "bus")),
        (1, [], ("animal (all 3)", "vehicle (all 2)")),
        (2, [], ("animal / feline (all 2)", "animal / canine (all 1)", "vehicle / road (all 2)")),
        (1, [("animal",)], ("animal / feline (all 2)", "animal / canine (all 1)", "vehicle (all 2)")),
        (1, [("animal",), ("animal", "feline")], ("lion", "cat", "animal / canine (all 1)", "vehicle (all 2)")),
        (1, [("animal", "feline")], ("animal (all 3)", "vehicle (all 2)")),
    ],
)
def test_a_group_opens_one_level_at_a_time(level, opened, names):
    assert collapse(ZOO, level, opened).names == names


def test_a_block_is_the_sum_or_the_mean_of_its_cells():
    nodes = collapse(ZOO, 1, [("vehicle",), ("vehicle", "road")])
    table = np.arange(25.0).reshape(5, 5)
    assert nodes.names == ("animal (all 3)", "truck", "bus")
    assert nodes.sum(table)[0].tolist() == [table[:3, :3].sum(), table[:3, 3].sum(), table[:3, 4].sum()]
    assert nodes.mean(table)[0].tolist() == [table[:3, :3].mean(), table[:3, 3].mean(), table[:3, 4].mean()]


def test_a_group_is_never_called_what_a_class_is_called():
    classes = ClassSet(["animal (all 2)", "dog"], groups=["animal", "animal"])
    assert group_names(classes) == {("animal",): "animal (all 2)′"}


def test_a_level_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="level is 3; these classes have 2 levels"):
        collapse(ZOO, 3)
    with pytest.raises(ValueError, match="level is 1; these classes have 0 levels"):
        collapse(ClassSet(["a", "b"]), 1)
    with pytest.raises(ValueError, match=r"shape \(2, 2\) for 5 classes"):
        collapse(ZOO).sum(np.eye(2))
