import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, losses

from .helpers import CLASSES, C, batch, logits, make


def brute_force(p: np.ndarray, y: int, alpha: float) -> float:
    """Walking down the tree of CLASSES from its root, step by step."""
    paths = [(*g, n) for g, n in zip(CLASSES.groups, CLASSES.names, strict=True)]
    depth = len(paths[0])
    weights = np.exp(-alpha * np.arange(depth))
    total = 0.0
    for step in range(depth):
        inside = [p[c] for c in range(C) if paths[c][: step + 1] == paths[y][: step + 1]]
        parent = [p[c] for c in range(C) if paths[c][:step] == paths[y][:step]]
        total -= weights[depth - 1 - step] / weights.sum() * np.log(sum(inside) / sum(parent))
    return total


def test_by_hand():
    loss = losses.HXELoss(["pet", "pet", "car"], alpha=np.log(3)).double()  # weights 3/4 and 1/4
    # P(pet) = 0.7: 3/4 log(0.7 / 0.2) + 1/4 log(1 / 0.7)
    expected = 0.75 * np.log(0.7 / 0.2) + 0.25 * np.log(1 / 0.7)
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([0])).item() == pytest.approx(expected)


@given(seed=st.integers(0, 10**6), alpha=st.floats(0, 5))
def test_it_is_the_walk_down_the_tree(seed, alpha):
    loss = make("hxe", alpha=alpha, reduction="none")
    outputs, target = batch(loss, seed=seed)
    for row, y, value in zip(outputs.softmax(1).numpy(), target.tolist(), loss(outputs, target).tolist(), strict=True):
        assert value == pytest.approx(brute_force(row, y, alpha))


def test_with_equal_weights_it_is_a_share_of_cross_entropy():
    outputs, target = batch(make("ce"))
    torch.testing.assert_close(make("hxe", alpha=0)(outputs, target), F.cross_entropy(outputs, target) / 3)


def test_equal_names_under_different_parents_are_different_nodes():
    assert losses.tree_nodes(CLASSES.groups).tolist() == [[0, 1, 2, 3, 4], [0, 0, 1, 2, 2], [0, 0, 0, 1, 1]]


@pytest.mark.parametrize("name", ["hxe", "group_ce"])
def test_classes_without_groups_are_refused_in_a_sentence(name):
    with pytest.raises(ValueError, match=f"{name} needs classes in groups, and these have none"):
        losses.build(name, ClassSet(["a", "b"]))
    with pytest.raises(ValueError, match="equally many groups"):
        losses.get(name)(["x", ("x", "y")])
    with pytest.raises(ValueError, match="the group of class 0 is 1; give a name, or names from coarse to fine"):
        losses.get(name)([1, 2])
