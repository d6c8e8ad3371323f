import numpy as np
import pytest
import torch
from dlordinal.losses import CDWCELoss

from simviz import ClassSet, losses, matrices

from .helpers import C, batch, gradient, logits, make

ORDER = matrices.positions(ClassSet([*"abcde"], positions=range(C)))


def test_by_hand():
    D = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    loss = losses.CDWCELoss(D, alpha=2).double()
    expected = -(np.log(0.5) + 4 * np.log(0.7))
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([0])).item() == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.5, 1, 3])
def test_it_is_dlordinal_s_where_that_does_not_overflow(alpha):
    outputs, target = batch(make("ce"))
    got = losses.CDWCELoss(ORDER, alpha).double()(outputs, target)
    assert got.item() == pytest.approx(CDWCELoss(C, alpha)(outputs, target).item(), rel=1e-6)


@pytest.mark.parametrize("gap", [30.0, 300.0])
def test_a_confident_mistake_costs_its_logit_gap_times_the_distance(gap):
    outputs = torch.tensor([[0.0, 0.0, 0.0, 0.0, gap]])
    loss = losses.CDWCELoss(ORDER)
    assert loss(outputs, torch.tensor([0])).item() == pytest.approx(4 * (gap - np.log(4)), rel=1e-5)
    close = torch.testing.assert_close
    close(gradient(loss, outputs, torch.tensor([0])), torch.tensor([[-1.0, -1, -1, -1, 4]]))
