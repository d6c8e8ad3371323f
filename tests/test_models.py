from __future__ import annotations

import pytest
import torch
from torch import nn

from simviz import models


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_the_age_network_has_the_papers_parameter_count():
    backbone = models.build("age", (3, 60, 60))
    assert parameters(backbone) + parameters(nn.Linear(backbone.features, 90)) == 448_650


def test_lenet_has_the_papers_layers():
    backbone = models.build("lenet", (3, 32, 32))
    convolutions = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.kernel_size) for m in convolutions] == [(6, (5, 5)), (16, (5, 5))]
    assert [m.out_features for m in backbone.modules() if isinstance(m, nn.Linear)] == [120, 84]
    assert backbone.features == 84


@pytest.mark.parametrize(
    ("name", "pixels"), [("lenet", 28), ("convnet", 20), ("age", 64), ("resnet18", 32), ("mobilenet_v3_small", 32)]
)
def test_features_are_as_many_as_promised(name, pixels):
    backbone = models.build(name, (3, pixels, pixels)).eval()
    assert backbone(torch.randn(2, 3, pixels, pixels)).shape == (2, backbone.features)


def test_images_too_small_are_refused_with_the_smallest_size():
    with pytest.raises(ValueError, match="at least 54 pixels"):
        models.build("age", (3, 32, 32))


def test_an_unknown_model_is_named_with_ours():
    with pytest.raises(ValueError, match=r"'lenett'.*lenet, age, convnet, resnet18"):
        models.build("lenett", (3, 32, 32))
