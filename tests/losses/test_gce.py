import pytest
import torch
import torch.nn.functional as F

from simviz import losses

from .helpers import C, batch, logits, make


def test_by_hand():
    outputs = logits(0.25, 0.5, 0.25)
    assert losses.GCELoss(q=0.5)(outputs, torch.tensor([0])).item() == pytest.approx((1 - 0.5) / 0.5)


def test_it_lies_between_cross_entropy_and_half_the_absolute_error():
    outputs, target = batch(make("ce"))
    hot = torch.eye(C, dtype=torch.float64)[target]
    absolute = (outputs.softmax(1) - hot).abs().sum(1).mean() / 2
    torch.testing.assert_close(losses.GCELoss(q=1)(outputs, target), absolute)
    torch.testing.assert_close(
        losses.GCELoss(q=1e-7)(outputs, target), F.cross_entropy(outputs, target), rtol=1e-5, atol=0
    )


def test_q_is_checked():
    for q in (0, 1.1, -1):
        with pytest.raises(ValueError, match="q is"):
            losses.GCELoss(q=q)
