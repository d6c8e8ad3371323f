"""Class-distance-weighted cross entropy, also known as ordinal log loss."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values, exponentials, safe
from simviz.losses.contract import MatrixLike, check_number, matrix_tensor, mixed_rows, reduced_loss, rows_of
from simviz.losses.registry import register


def cdw_ce(
    outputs: Tensor,
    target: Tensor,
    distance: Tensor,
    *,
    alpha: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_c D_yc^alpha log(1 - p_c), p = softmax(outputs).

    Shapes and options as in `CDWCELoss`; `distance` (C, C) is taken as it is.

    >>> D = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> round(cdw_ce(torch.zeros(1, 2), torch.tensor([1]), D).div(2).exp().item(), 4)
    2.0
    """
    cost = distance if alpha == 1 else distance**alpha
    return reduced_loss(
        outputs,
        target,
        ClosedForm(_nll, _nll_and_gradient, cost),
        lambda z, t: -(log_complement(z) * mixed_rows(cost, z, t)).sum(1),
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _nll(z: Tensor, index: Tensor, cost: Tensor) -> Tensor:
    return -(log_complement(z) * rows_of(cost, z, index)).sum(1)


def _nll_and_gradient(factor: float, z: Tensor, index: Tensor, cost: Tensor) -> Values | None:
    """The loss and its gradient p_j (a_j - sum_c p_c a_c), a_c = cost_yc / (1 - p_c).

    With the odds o_j = p_j / (1 - p_j) the loss is sum_c cost_yc log(1 + o_c). Of a row at most one p is above 1/2. Its
    1 - p is the sum of the others, and so that no digits are lost it goes through the sums over a row as 0, and its
    share is added.
    """
    powers, sums = exponentials(z)
    others, costs = sums - powers, rows_of(cost, z, index)
    odds = torch.div(powers, others, out=others)
    some_sure = bool(odds.numel()) and not float(odds.amax()) < 1
    if some_sure:
        sure = (odds.amax(1) < 1).logical_not_().nonzero().squeeze(1)
        top_power, top = powers.index_select(0, sure).max(1)
        powers[sure, top] = odds[sure, top] = 0
        rest, cost_top = powers.index_select(0, sure).sum(1) / sums[sure, 0], costs[sure, top]
        if not safe(rest):
            return None
    logs = odds.log1p()
    losses = (costs * logs).sum(1) if factor == 1 else torch.dot(costs.view(-1), logs.view(-1))
    pulls = costs.mul_(odds.mul_(factor))
    pulled = pulls.sum(1, keepdim=True)
    if some_sure:
        of_top, p_top = cost_top * factor - pulled[sure, 0], top_power / sums[sure, 0]
        pulled[sure, 0] += p_top * cost_top * factor / rest
        in_top = rest.log() * cost_top
        losses = losses.index_add(0, sure, in_top, alpha=-1) if factor == 1 else losses - in_top.sum()
    gradient = pulls.addcmul_(powers, pulled.div_(sums), value=-1)
    if some_sure:
        gradient[sure, top] = p_top * of_top
    return losses, gradient


def log_complement(outputs: Tensor) -> Tensor:
    """log(1 - p_c) of every class, (M, C); finite and exact also where p_c rounds to 1.

    >>> round(log_complement(torch.tensor([[1e4, 0.0]]))[0, 0].item(), 4)
    -10000.0
    """
    if outputs.shape[1] == 1:  # the only class: there is no other, and its distance is 0
        return torch.zeros_like(outputs) * outputs
    log_p = outputs.log_softmax(1)
    # only the largest p can be near 1; there 1 - p is the sum of the others
    top = torch.arange(outputs.shape[1], device=outputs.device) == outputs.argmax(1, keepdim=True)
    others = torch.where(top, -torch.inf, log_p).logsumexp(1, keepdim=True)
    return torch.where(top, others, torch.log1p(-torch.where(top, 0, log_p.exp())))


@register
class CDWCELoss(ClassLoss):
    """Class-distance-weighted cross entropy: every wrong class pushed down by its distance.

    .. math:: L(z, y) = -\\sum_c D_{yc}^\\alpha \\log(1 - p_c), \\quad p = softmax(z)

    **When to use it.** When confident far mistakes must be punished without bound (the squared EMD and
    the expected cost are bounded). The larger D and alpha, the larger the loss: tune the learning rate.

    Parameters
    ----------
    distance : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a diagonal of 0. Row = true class.
    alpha : float > 0
        The power of the distance.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        A similarity in place of a distance; a bad entry or option.

    Source
    ------
    Polat et al., Class Distance Weighted Cross-Entropy Loss, MIUA 2022, equation 2; Castagnos et al.,
    A Simple Log-based Loss Function for Ordinal Text Classification, COLING 2022, equation 2.

    Examples
    --------
    >>> loss = CDWCELoss(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    >>> round(loss(torch.zeros(1, 2), torch.tensor([1])).div(2).exp().item(), 4)
    2.0
    """

    name = "cdw_ce"
    title = "Class-distance-weighted CE"
    matrix = "distance"
    cost: Tensor

    def __init__(self, distance: MatrixLike, alpha: float = 1.0, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.alpha = check_number("alpha", alpha, 0, open_low=True)
        self.register_buffer("cost", matrix_tensor(distance, "distance", "CDWCELoss") ** self.alpha)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return cdw_ce(outputs, target, self.cost, **self.options)
