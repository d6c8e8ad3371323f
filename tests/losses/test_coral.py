import numpy as np
import pytest
import torch
from coral_pytorch.dataset import levels_from_labelbatch
from coral_pytorch.losses import coral_loss
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, losses

from .helpers import C, batch, make

close = torch.testing.assert_close


def test_by_hand():
    outputs = torch.tensor([[0.8, 0.4]], dtype=torch.float64).logit()
    loss = losses.CORALLoss()
    for y, s in [(0, 0.2 * 0.6), (1, 0.8 * 0.6), (2, 0.8 * 0.4)]:
        assert loss(outputs, torch.tensor([y])).item() == pytest.approx(-np.log(s))
    assert loss.log_probabilities(outputs).exp()[0].tolist() == pytest.approx([0.2, 0.4, 0.4])


@given(seed=st.integers(0, 10**6))
def test_it_is_coral_pytorch_s(seed):
    outputs, target = batch(make("coral"), seed=seed)
    levels = levels_from_labelbatch(target, C).double()
    close(losses.CORALLoss()(outputs, target), coral_loss(outputs, levels))
    close(losses.ORCNNLoss()(outputs, target), coral_loss(outputs, levels))


def test_disagreeing_thresholds_are_settled_by_the_running_minimum():
    above = torch.tensor([[0.6, 0.9, 0.3]], dtype=torch.float64)
    log_p = losses.CORALLoss().log_probabilities(above.logit())
    assert log_p.isfinite().all()
    assert log_p.exp()[0].tolist() == pytest.approx([0.4, 0, 0.3, 0.3], abs=1e-12)


def test_probabilities_keep_their_digits_in_the_tails():
    log_p = losses.CORALLoss().log_probabilities(torch.tensor([[-50.0, -51.0]]))
    assert log_p[0, 1].item() == pytest.approx(-50 + np.log1p(-np.exp(-1)), rel=1e-6)


def test_its_head_shares_one_direction():
    head = losses.CORALLoss().head(7, C)
    outputs = head(torch.randn(10, 7))
    assert outputs.shape == (10, C - 1)
    close(outputs - outputs[:1], (outputs - outputs[:1])[:, :1].expand(-1, C - 1))
    assert sum(p.numel() for p in head.parameters()) == 7 + C - 1


def test_training_finds_the_order():
    torch.manual_seed(0)
    x = torch.rand(300, 1)
    y = (x[:, 0] * C).long()
    loss = losses.build("coral", ClassSet([*"abcde"], positions=range(C)))
    head = loss.head(1, C)
    optimizer = torch.optim.Adam(head.parameters(), 0.3)
    for _ in range(200):
        optimizer.zero_grad()
        loss(head(x), y).backward()
        optimizer.step()
    assert (loss.log_probabilities(head(x)).argmax(1) == y).float().mean() > 0.95


@pytest.mark.parametrize("name", ["coral", "corn", "or_cnn"])
def test_what_thresholds_refuse(name):
    with pytest.raises(ValueError, match=f"{name} splits a line in two"):
        losses.build(name, ClassSet([*"abc"], positions=range(3), period=3))
    with pytest.raises(ValueError, match=f"{name} needs classes in an order"):
        losses.build(name, ClassSet([*"abc"]))
    with pytest.raises(ValueError, match="at least 2 classes"):
        losses.get(name)().head(4, 1)
    with pytest.raises(ValueError, match="distinct"):
        losses.get(name)([0, 0, 1])
