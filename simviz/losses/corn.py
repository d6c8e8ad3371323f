"""CORN: ordered classes as a chain of conditional thresholds."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from simviz.losses.closed_form import ClosedForm, Values
from simviz.losses.contract import reduced_loss, widened
from simviz.losses.coral import ThresholdLoss, check_rank, is_above
from simviz.losses.registry import register


def corn_loss(
    outputs: Tensor,
    target: Tensor,
    rank: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log P(y), P(y > k | y >= k) = sigmoid(outputs_k), for index targets.

    Shapes and options as in `CORNLoss`; `rank` (C,) is each class's place in the order, by default
    its index.

    >>> round(corn_loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    4.0
    """
    if target.is_floating_point():
        raise ValueError(
            "corn takes class indices, not soft targets: each of its tasks is trained on the samples that "
            "reach it; coral and or_cnn take soft targets"
        )

    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        check_rank(rank, z)
        return ClosedForm(_nll, _nll_and_gradient)(z, index if rank is None else rank[index])

    return reduced_loss(
        outputs,
        target,
        index_loss,
        num_classes=outputs.shape[min(1, outputs.ndim - 1)] + 1,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _nll(z: Tensor, place: Tensor) -> Tensor:
    """The tasks k <= y, which the sample reaches."""
    reached = is_above(place + 1, z)
    return -torch.where(reached, F.logsigmoid(torch.where(is_above(place, z), z, -z)), 0).sum(1)


def _nll_and_gradient(factor: float, z: Tensor, place: Tensor) -> Values:
    """The loss and its gradient sigmoid(z_k) - [y > k] for the tasks k <= y."""
    losses = _nll(z, place)
    gradient = z.sigmoid().sub_(is_above(place, z).to(z.dtype)).mul_(is_above(place + 1, z))
    return losses, gradient.mul_(factor)


def corn_log_probabilities(outputs: Tensor, rank: Tensor | None = None) -> Tensor:
    """Log-probabilities (N, C, ...) from the logits (N, C - 1, ...) of P(y > k | y >= k).

    >>> corn_log_probabilities(torch.zeros(1, 2)).exp()
    tensor([[0.5000, 0.2500, 0.2500]])
    """
    z = widened(outputs).movedim(1, -1)
    passed = F.pad(F.logsigmoid(z).cumsum(-1), (1, 0))  # log P(y >= k)
    log_p = passed + F.pad(F.logsigmoid(-z), (0, 1))
    return (log_p if rank is None else log_p[..., rank]).movedim(-1, 1)


@register
class CORNLoss(ThresholdLoss):
    """CORN: given that the class reaches k, is it above k? The conditionals multiply to probabilities.

    .. math:: L(z, y) = -\\log P(y), \\quad P(y) = (1 - \\sigma(z_y)) \\prod_{k<y} \\sigma(z_k)

    with the first factor 1 for the last class. The outputs are C - 1 logits of P(y > k | y >= k), from
    `head`, a plain linear layer.

    **When to use it.** Ordered classes; unlike CORAL its probabilities are consistent without sharing
    weights. It is a proper scoring rule of the class, so it knows of the order only by its form.

    Parameters
    ----------
    positions : array or tensor (C,), optional
        Where each class lies; only their order counts. By default the classes are in order.
    weight, ignore_index, reduction
        As in `ClassLoss`, and so are the shapes, with outputs (N, C - 1) or (N, C - 1, d1, ...). Index
        targets only.

    Raises
    ------
    ValueError
        A soft target; positions that coincide; from_classes: classes without order, or on a circle.

    Source
    ------
    Shi, Cao, Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
    Probabilities, Pattern Analysis and Applications 2023, equation 5. They divide by the number of
    (sample, task) pairs, we by the number of samples.

    Examples
    --------
    >>> round(CORNLoss()(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    4.0
    """

    name = "corn"
    title = "CORN"
    convex = True

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        return corn_log_probabilities(outputs, self.rank)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return corn_loss(outputs, target, self.rank, **self.options)
