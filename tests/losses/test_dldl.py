import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import rel_entr
from scipy.stats import norm

from simviz import ClassSet, losses

from .helpers import C, batch, gradient, logits, make

POSITIONS = [4.0, 0.0, 1.0, 9.0, 6.0]


def test_by_hand():
    outputs = logits(0.2, 0.5, 0.3)
    # exp(-d^2 / 2s^2) = 1/2 at d = 1 and 1/16 at d = 2: the label of class 0 is 16/25, 8/25, 1/25
    loss = losses.DLDLLoss([0, 1, 2], sigma=1 / np.sqrt(2 * np.log(2))).double()
    label = np.array([16, 8, 1]) / 25
    expected = (label * np.log(label / [0.2, 0.5, 0.3])).sum()
    assert loss(outputs, torch.tensor([0])).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_it_is_the_divergence_from_a_gaussian(sigma):
    loss = losses.DLDLLoss(POSITIONS, sigma, reduction="none").double()
    outputs, target = batch(make("ce"))
    for p, y, value in zip(outputs.softmax(1).numpy(), target.tolist(), loss(outputs, target).tolist(), strict=True):
        label = norm.pdf(POSITIONS, POSITIONS[y], sigma)
        assert value == pytest.approx(rel_entr(label / label.sum(), p).sum(), abs=1e-6)


def test_its_least_value_is_0_at_the_gaussian():
    loss = losses.DLDLLoss(POSITIONS).double()
    at = loss.labels.clamp(min=1e-30).log()
    assert loss(at, torch.arange(C)).item() == pytest.approx(0, abs=1e-7)
    assert gradient(loss, at, torch.arange(C)).abs().max() < 1e-7


def test_with_a_narrow_gaussian_it_is_cross_entropy():
    outputs, target = batch(make("ce"))
    torch.testing.assert_close(losses.DLDLLoss(POSITIONS, 1e-3)(outputs, target), F.cross_entropy(outputs, target))


def test_on_a_circle_both_neighbors_weigh_the_same():
    loss = losses.build("dldl:sigma=2", ClassSet([*"abcde"], positions=range(C), period=C))
    assert torch.equal(loss.labels[0, 1], loss.labels[0, 4])
    assert torch.equal(loss.labels[3], loss.labels[0].roll(3))


def test_classes_without_order_are_refused():
    with pytest.raises(ValueError, match="dldl needs classes in an order"):
        losses.build("dldl", ClassSet(["a", "b"]))
    with pytest.raises(ValueError, match="sigma is 0"):
        losses.DLDLLoss([0, 1], sigma=0)
    with pytest.raises(ValueError, match="finite"):
        losses.DLDLLoss([0, np.inf])


@pytest.mark.parametrize(
    ("positions", "period", "why"),
    [([0, 5, 30], 10, "period is 10"), ([0, 5, 5], None, "distinct"), ([0, 5, float("inf")], None, "finite")],
)
def test_positions_that_are_no_scale_are_refused(positions, period, why):
    with pytest.raises(ValueError, match=why):
        losses.DLDLLoss(positions, period=period)
