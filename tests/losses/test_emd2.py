import numpy as np
import pytest
import torch
from dlordinal.losses import EMDLoss
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from simviz import ClassSet, losses

from .helpers import C, batch, logits, make, soft_targets

close = torch.testing.assert_close
SEEDS = st.integers(0, 10**6)


def test_by_hand():
    outputs = logits(0.2, 0.5, 0.3)
    # P = 0.2, 0.7, 1; T = 0, 1, 1
    assert losses.SquaredEMDLoss()(outputs, torch.tensor([1])).item() == pytest.approx(0.2**2 + 0.3**2)
    # gaps 10 and 30
    uneven = losses.SquaredEMDLoss([0, 10, 40])
    assert uneven(outputs, torch.tensor([1])).item() == pytest.approx(10 * 0.2**2 + 30 * 0.3**2)
    # classes 2, 0, 1 by position: P = 0.3, 0.5; T = 0, 0
    moved = losses.SquaredEMDLoss([1, 2, 0])
    assert moved(outputs, torch.tensor([1])).item() == pytest.approx(0.3**2 + 0.5**2)
    # a circle of three: d = 0.2, -0.3, 0 around its mean -0.1 / 3
    circle = losses.SquaredEMDLoss([0, 1, 2], period=3)
    assert circle(outputs, torch.tensor([1])).item() == pytest.approx(0.13 - 0.01 / 3)


@given(seed=SEEDS)
def test_it_is_the_ranked_probability_score(seed):
    outputs, target = batch(make("ce"), seed=seed)
    p = outputs.softmax(1).numpy()
    score = 0.0
    for row, y in zip(p, target.tolist(), strict=True):
        for k in range(C):
            score += (row[: k + 1].sum() - (y <= k)) ** 2
    close(losses.SquaredEMDLoss()(outputs, target).item(), score / len(p))
    close(losses.SquaredEMDLoss()(outputs, target), EMDLoss(C)(outputs, target))


@given(seed=SEEDS)
def test_a_soft_target_is_cumulated(seed):
    outputs, _ = batch(make("ce"), seed=seed)
    soft = soft_targets(len(outputs), seed)
    close(losses.SquaredEMDLoss()(outputs, soft), EMDLoss(C)(outputs, soft))
    assert losses.SquaredEMDLoss()(soft.log(), soft).item() == pytest.approx(0, abs=1e-12)


@given(seed=SEEDS, cut=st.floats(0, 12), soft=st.booleans())
def test_on_a_circle_the_cut_does_not_matter(seed, cut, soft):
    positions = np.array([0.0, 1.0, 4.0, 9.0, 11.0])
    outputs, target = batch(make("ce"), seed=seed)
    target = soft_targets(len(outputs), seed) if soft else target
    turned = (positions + cut) % 12
    close(
        losses.SquaredEMDLoss(positions, period=12)(outputs, target),
        losses.SquaredEMDLoss(turned, period=12)(outputs, target),
        rtol=1e-5,
        atol=1e-5,
    )


def test_on_a_circle_the_flow_is_the_cheapest():
    outputs, target = batch(make("ce"), 1)
    gaps = np.array([1.0, 3.0, 5.0, 2.0, 1.0])
    d = np.cumsum(outputs.softmax(1)[0].numpy() - np.eye(C)[target[0]])
    best = minimize_scalar(lambda flow: gaps @ (d - flow) ** 2).fun
    assert losses.SquaredEMDLoss([0, 1, 4, 9, 11], period=12)(outputs, target).item() == pytest.approx(best)


def test_a_circle_of_equal_steps_knows_no_end():
    loss = losses.SquaredEMDLoss(np.arange(C), period=C, reduction="none")
    near = 50 * torch.eye(C)[[1, 4, 2]]  # predicted 1, 4 (a step back over the cut) and 2 for class 0
    one, back, two = loss(near, torch.tensor([0, 0, 0])).tolist()
    assert one == pytest.approx(back)
    assert one < two


def test_the_function_is_the_module():
    outputs, target = batch(make("ce"))
    positions = torch.tensor([4.0, 0.0, 1.0, 9.0, 6.0])
    close(losses.squared_emd(outputs, target), losses.SquaredEMDLoss()(outputs, target))
    for period in (None, 10.0):
        module = losses.SquaredEMDLoss(positions, period)
        close(losses.squared_emd(outputs, target, positions, period), module(outputs, target))


def test_what_is_refused():
    with pytest.raises(ValueError, match="emd2 needs classes in an order, and these have no positions"):
        losses.build("emd2", ClassSet(["cat", "dog"]))
    for positions, period, words in [
        ([0, 1, 1], None, "distinct"),
        ([0, np.nan, 1], None, "finite"),
        ([0, 5, 9], 9, "exceed the positions' range, 9"),
        (None, 9, "no positions"),
    ]:
        with pytest.raises(ValueError, match=words):
            losses.SquaredEMDLoss(positions, period)


def test_without_positions_a_batch_may_be_empty():
    outputs, target = torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)
    assert losses.SquaredEMDLoss(reduction="sum")(outputs, target) == 0
    assert losses.SquaredEMDLoss()(outputs, target).isnan()
    assert losses.SquaredEMDLoss(reduction="none")(outputs[..., None], target[:, None]).shape == (0, 1)
