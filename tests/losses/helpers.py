"""One small task on which every loss can be built, and slow float64 references."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from simviz import ClassMatrix, ClassSet, losses

BUILT_IN = losses.available()
C = 5
CLASSES = ClassSet(
    ["a", "b", "c", "d", "e"],
    positions=[4.0, 0.0, 1.0, 9.0, 6.0],  # deliberately not in the order of the indices
    groups=[("x", "p"), ("x", "p"), ("x", "q"), ("y", "p"), ("y", "p")],
)
THRESHOLDS = ("coral", "corn", "or_cnn")


def random_distance(seed: int = 0, count: int = C) -> ClassMatrix:
    """Asymmetric, with entries up to 1 and a diagonal of 0."""
    values = np.random.default_rng(seed).uniform(0.2, 1, (count, count))
    np.fill_diagonal(values, 0)
    return ClassMatrix([*"abcdefghij"[:count]], values, "distance")


def make(name: str, classes: ClassSet = CLASSES, **options) -> losses.ClassLoss:
    """The loss in float64, with a random matrix by class name; the self-guided one past its first epoch."""
    cls = losses.get(name)
    matrix = None if cls.matrix is None else random_distance()
    loss = cls.from_classes(classes, matrix, **options).double()
    if name == "self_guided":
        features = torch.from_numpy(np.random.default_rng(1).uniform(0, 1, (C, 3)))
        ignored, loss.ignore_index = loss.ignore_index, -100  # an ignored class would have no mean
        loss.observe(features, torch.tensor([classes.index(n) for n in CLASSES]))
        loss.end_epoch()
        loss.ignore_index = ignored
        loss.double()
    return loss


def width(loss: losses.ClassLoss, count: int = C) -> int:
    """How many outputs the loss takes for `count` classes."""
    return loss.head(2, count)(torch.zeros(1, 2)).shape[1]


def batch(loss: losses.ClassLoss, size: int = 6, seed: int = 0, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    """Random outputs in float64, and targets in which every class occurs."""
    generator = torch.Generator().manual_seed(seed)
    outputs = scale * torch.randn(size, width(loss), generator=generator, dtype=torch.float64)
    return outputs, (torch.randperm(size, generator=generator) % C)


def soft_targets(size: int, seed: int = 0, count: int = C) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 99)
    return torch.rand(size, count, generator=generator, dtype=torch.float64).pow(3).softmax(1)


def gradient(loss, outputs: Tensor, target: Tensor) -> Tensor:
    """The gradient of the summed loss by the outputs."""
    outputs = outputs.detach().clone().requires_grad_()
    loss(outputs, target).sum().backward()
    assert outputs.grad is not None
    return outputs.grad


def logits(*probabilities: float) -> Tensor:
    """One row of float64 logits whose softmax is what is given."""
    return torch.tensor([probabilities], dtype=torch.float64).log()
