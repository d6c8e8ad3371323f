import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from simviz import losses

from .helpers import logits, soft_targets


@given(seed=st.integers(0, 10**6), smoothing=st.floats(0, 1))
def test_it_is_torch_s_own(seed, smoothing):
    outputs = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed))
    target, weight = torch.tensor([0, 4, -100, 2]), torch.rand(5)
    got = losses.CrossEntropyLoss(smoothing, weight=weight)(outputs, target)
    assert torch.equal(got, F.cross_entropy(outputs, target, weight, label_smoothing=smoothing))
    soft = soft_targets(4).float()
    assert torch.equal(losses.CrossEntropyLoss()(outputs, soft), F.cross_entropy(outputs, soft))


def test_by_hand():
    loss = losses.CrossEntropyLoss()
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([1])).exp().item() == pytest.approx(2)
