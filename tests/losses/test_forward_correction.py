import numpy as np
import pytest
import torch

from simviz import losses

from .helpers import C, gradient, logits, random_distance

# that it is SimLoss with unit columns stands in test_simloss.py


def test_by_hand():
    T = torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.7, 0], [0, 0.5, 0.5]])
    loss = losses.ForwardCorrectionLoss(T).double()
    # label 1: 0.1 * 0.2 + 0.7 * 0.5 + 0.5 * 0.3
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([1])).item() == pytest.approx(-np.log(0.52), rel=1e-6)


def test_noisy_labels_lead_to_the_clean_posterior():
    transition = 3 * torch.eye(C, dtype=torch.float64) + 1 - torch.tensor(random_distance().values)
    transition /= transition.sum(1, keepdim=True)
    clean = torch.rand(1, C, dtype=torch.float64).softmax(1)
    loss = losses.ForwardCorrectionLoss(transition)
    assert gradient(loss, clean.log(), clean @ transition).abs().max() < 1e-12
