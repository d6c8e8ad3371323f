import numpy as np
import ot
import pytest
import torch

from simviz import losses

from .helpers import C, batch, logits, make, random_distance


def test_by_hand():
    D = torch.tensor([[0.0, 1, 4], [1, 0, 2], [4, 2, 0]])
    assert losses.ExpectedCostLoss(D).double()(logits(0.2, 0.5, 0.3), torch.tensor([0])).item() == pytest.approx(1.7)


def test_it_is_the_earth_mover_s_distance_to_the_true_class():
    outputs, target = batch(make("ce"))
    D = random_distance().values.astype(float)
    got = losses.ExpectedCostLoss(torch.tensor(D), reduction="none")(outputs, target)
    for p, y, value in zip(outputs.softmax(1).numpy(), target.tolist(), got.tolist(), strict=True):
        assert value == pytest.approx(ot.emd2(p, np.eye(C)[y], np.ascontiguousarray(D.T)))
