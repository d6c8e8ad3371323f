import numpy as np
import pytest
import torch
import torch.nn.functional as F

from simviz import losses

from .helpers import C, batch, make

# coral-pytorch is its oracle in test_coral.py


def test_by_hand():
    outputs = torch.tensor([[0.3, 0.4]], dtype=torch.float64).logit()
    assert losses.ORCNNLoss()(outputs, torch.tensor([1])).item() == pytest.approx(-np.log(0.3 * 0.6))


def test_it_is_a_binary_cross_entropy_for_each_threshold():
    loss = make("or_cnn")
    outputs, target = batch(loss)
    place = torch.tensor([2, 0, 1, 4, 3])[target]  # positions 4, 0, 1, 9, 6
    above = torch.stack([place > k for k in range(C - 1)], 1).double()
    binary = F.binary_cross_entropy_with_logits(outputs, above, reduction="none").sum(1).mean()
    torch.testing.assert_close(loss(outputs, target), binary)


def test_its_head_has_a_direction_for_each_threshold():
    head = losses.ORCNNLoss().head(7, C)
    assert sum(p.numel() for p in head.parameters()) == (7 + 1) * (C - 1)
