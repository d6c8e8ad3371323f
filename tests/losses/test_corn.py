import numpy as np
import pytest
import torch
from coral_pytorch.losses import corn_loss
from hypothesis import given
from hypothesis import strategies as st

from simviz import losses

from .helpers import C, batch, make, soft_targets


def test_by_hand():
    outputs = torch.tensor([[0.8, 0.4]], dtype=torch.float64).logit()
    p = [0.2, 0.8 * 0.6, 0.8 * 0.4]
    assert losses.CORNLoss().log_probabilities(outputs).exp()[0].tolist() == pytest.approx(p)
    for y in range(3):
        assert losses.CORNLoss()(outputs, torch.tensor([y])).item() == pytest.approx(-np.log(p[y]))


@given(seed=st.integers(0, 10**6))
def test_it_is_coral_pytorch_s_up_to_what_the_mean_divides_by(seed):
    outputs, target = batch(make("corn"), seed=seed)
    pairs = sum(min(y + 1, C - 1) for y in target.tolist())
    peer = corn_loss(outputs, target, C) * pairs
    torch.testing.assert_close(losses.CORNLoss(reduction="sum")(outputs, target), peer)


def test_soft_targets_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="corn takes class indices, not soft targets"):
        losses.CORNLoss()(torch.zeros(2, C - 1), soft_targets(2))
