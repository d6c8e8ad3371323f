import numpy as np
import pytest
import torch
import torch.nn.functional as F

from simviz import losses

from .helpers import batch, logits, make


def test_by_hand():
    loss = losses.GroupCELoss(["pet", "pet", "car"], alpha=np.log(3)).double()  # weights 3/4 and 1/4
    expected = -0.75 * np.log(0.2) - 0.25 * np.log(0.7)
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([0])).item() == pytest.approx(expected)


def test_with_a_large_alpha_it_is_cross_entropy():
    outputs, target = batch(make("ce"))
    torch.testing.assert_close(make("group_ce", alpha=50)(outputs, target), F.cross_entropy(outputs, target))


def test_it_is_simloss_with_blocks_and_cross_entropy():
    outputs, target = batch(make("ce"))
    same = torch.tensor([[1.0, 1, 1, 0, 0]] * 3 + [[0.0, 0, 0, 1, 1]] * 2)
    loss = losses.GroupCELoss([*"xxxyy"], alpha=0)
    both = (F.cross_entropy(outputs, target) + losses.SimLoss(same)(outputs, target)) / 2
    torch.testing.assert_close(loss(outputs, target), both)
