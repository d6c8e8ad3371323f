import numpy as np
import ot
import pytest
import torch
from geomloss import ot as geomloss_ot
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import losses
from simviz.losses.sinkhorn import NEAR, sinkhorn_loss

from .helpers import C, batch, gradient, logits, make, random_distance, soft_targets

D = random_distance(3).values.astype(float)
D = (D + D.T) / 2
TRANSPORT = np.ascontiguousarray(D)


def test_by_hand():
    """All of a one-hot target goes to its class: 0.3 over a distance of 1 and 0.2 over 2, whatever the sharpness."""
    line = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]], dtype=torch.float64)
    value = losses.SinkhornLoss(line)(logits(0.5, 0.3, 0.2), torch.tensor([0]))
    assert value.item() == pytest.approx(0.7)


@pytest.mark.parametrize("sharpness", [0.1, 1, 10])
def test_it_is_pot_s_transport_cost(sharpness):
    outputs, _ = batch(make("ce"), 4)
    soft = soft_targets(4)
    got = losses.SinkhornLoss(torch.tensor(D), sharpness, iterations=200, reduction="none")(outputs, soft)
    for p, t, value in zip(outputs.softmax(1).numpy(), soft.numpy(), got.tolist(), strict=True):
        plan = ot.sinkhorn(p, t, TRANSPORT, reg=1 / sharpness, method="sinkhorn_log", stopThr=1e-12, numItermax=5000)
        assert value == pytest.approx((plan * TRANSPORT).sum(), rel=1e-6)


def test_it_is_geomloss_s_transport_cost():
    outputs, _ = batch(make("ce"), 1)
    soft = soft_targets(1)
    plan = geomloss_ot.solve(torch.tensor(D), reg=0.2, a=outputs.softmax(1)[0], b=soft[0], max_iter=500).plan
    got = losses.SinkhornLoss(torch.tensor(D), sharpness=5, iterations=300)(outputs, soft)
    assert got.item() == pytest.approx((plan * torch.tensor(D)).sum().item(), rel=1e-3)


def test_it_approaches_the_earth_mover_s_distance():
    outputs, _ = batch(make("ce"), 4)
    soft = soft_targets(4)
    got = losses.SinkhornLoss(torch.tensor(D), 200, iterations=1000, reduction="none")(outputs, soft)
    for p, t, value in zip(outputs.softmax(1).numpy(), soft.numpy(), got.tolist(), strict=True):
        assert value == pytest.approx(ot.emd2(p, t, TRANSPORT), abs=1e-3)


def test_its_iterations_find_the_expected_cost_of_one_hot_targets():
    outputs, target = batch(make("ce"))
    hot = torch.eye(C, dtype=torch.float64)[target]
    expected = losses.ExpectedCostLoss(torch.tensor(D))
    for sharpness in (0.1, 10):
        loss = losses.SinkhornLoss(torch.tensor(D), sharpness)
        torch.testing.assert_close(loss(outputs, hot), expected(outputs, target))
        torch.testing.assert_close(loss(outputs, target), expected(outputs, target))


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_bins_without_mass_give_no_nan(scale):
    outputs = scale * torch.tensor([[1.0, -1.0, 0.0, 1.0, 0.5]] * 3)
    targets = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 1.0], [0.1, 0, 0.2, 0.7, 0]])
    loss = losses.SinkhornLoss(torch.tensor(D), iterations=20)
    assert loss(outputs, targets).isfinite()
    assert gradient(loss, outputs, targets).isfinite().all()


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.01, 1.0),
    st.sampled_from([1.0, 30.0, 1e4]),
    st.integers(0, 10_000),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_by_products_it_is_the_same_as_by_logarithms(share, scale, seed, dtype):
    """A transform of torch.func takes the logarithms, plain calls the products, up to the sharpness where they end."""
    random = torch.Generator().manual_seed(seed)
    outputs = scale * torch.randn(6, C, generator=random, dtype=torch.float64)
    targets = torch.rand(6, C, generator=random, dtype=torch.float64).square() * (
        torch.rand(6, C, generator=random) < 0.6
    )
    targets[:, 0] += 0.05
    outputs, targets = outputs.to(dtype), (targets / targets.sum(1, keepdim=True)).to(dtype)
    distance = torch.tensor(D, dtype=dtype)
    options = {"sharpness": share * NEAR / float(distance.max()), "iterations": 25, "reduction": "sum"}

    def value(z, t=targets):
        return sinkhorn_loss(z, t, distance, **options)

    products = gradient(value, outputs, targets)
    logarithms, expected = torch.func.grad_and_value(value)(outputs)
    scale_of = {torch.float32: 2e-4, torch.float64: 1e-9}[dtype]
    torch.testing.assert_close(value(outputs), expected, rtol=scale_of, atol=scale_of)
    torch.testing.assert_close(products, logarithms, rtol=0, atol=scale_of * max(1.0, float(logarithms.abs().max())))
