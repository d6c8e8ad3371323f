import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dlordinal.losses import SORDLoss
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, losses, matrices

from .helpers import C, batch, gradient, logits, make, random_distance

close = torch.testing.assert_close


def test_by_hand():
    D = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    # beta = ln 2: the label of class 0 is 4/7, 2/7, 1/7
    loss = losses.SoftLabelsLoss(D, beta=np.log(2)).double()
    expected = -(4 * np.log(0.2) + 2 * np.log(0.5) + np.log(0.3)) / 7
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([0])).item() == pytest.approx(expected)


@given(seed=st.integers(0, 10**6))
def test_with_a_huge_beta_it_is_cross_entropy(seed):
    outputs, target = batch(make("ce"), seed=seed)
    close(losses.SoftLabelsLoss(random_distance(seed), beta=1e4)(outputs, target), F.cross_entropy(outputs, target))


def test_its_optimum_is_the_soft_label():
    loss = losses.SoftLabelsLoss(random_distance()).double()
    assert gradient(loss, loss.labels.log(), torch.arange(C)).abs().max() < 1e-8


def test_on_ordered_classes_it_is_sord():
    outputs, target = batch(make("ce"))
    loss = losses.SoftLabelsLoss(matrices.positions(ClassSet([*"abcde"], positions=range(C))), beta=1.5).double()
    peer = SORDLoss(alpha=1.5, num_classes=C, train_targets=target)
    close(loss(outputs, target).float(), peer(outputs, target).float())
