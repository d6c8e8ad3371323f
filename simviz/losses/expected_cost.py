"""The expected cost of a prediction under a ground distance."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values
from simviz.losses.contract import MatrixLike, matrix_tensor, mixed_rows, reduced_loss, rows_of
from simviz.losses.registry import register


def expected_cost(
    outputs: Tensor,
    target: Tensor,
    distance: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """sum_i p_i D_yi, p = softmax(outputs).

    Shapes and options as in `ExpectedCostLoss`; `distance` (C, C) is taken as it is.

    >>> import torch
    >>> round(expected_cost(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([[0.0, 3.0], [3.0, 0.0]])).item(), 4)
    1.5
    """
    return reduced_loss(
        outputs,
        target,
        ClosedForm(_cost, _cost_and_gradient, distance),
        lambda z, t: (z.softmax(1) * mixed_rows(distance, z, t)).sum(1),
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _cost(z: Tensor, index: Tensor, distance: Tensor) -> Tensor:
    return (z.softmax(1) * rows_of(distance, z, index)).sum(1)


def _cost_and_gradient(factor: float, z: Tensor, index: Tensor, distance: Tensor) -> Values:
    """The loss and its gradient p_j (D_yj - loss)."""
    p = z.softmax(1)
    costs = rows_of(distance, z, index).mul_(p)
    losses = costs.sum(1)
    return losses, costs.addcmul_(p, losses[:, None], value=-1).mul_(factor)


@register
class ExpectedCostLoss(ClassLoss):
    """The expected cost of guessing by the predicted probabilities.

    .. math:: L(z, y) = \\sum_i p_i D_{yi}, \\quad p = softmax(z)

    For one true class it is the earth mover's distance under D exactly: there is one feasible plan.

    **When to use it.** When the cost of mistakes itself is to be minimized, on easy data or after
    pre-training. It is linear in p, so the optimum is a point mass on the cheapest class, and its
    gradient vanishes for confident mistakes.

    Parameters
    ----------
    distance : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a diagonal of 0. Row = true class.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        A similarity in place of a distance; a bad entry.

    Source
    ------
    Cost-sensitive learning, Elkan, IJCAI 2001, equation 1.

    Examples
    --------
    >>> import torch
    >>> round(ExpectedCostLoss(torch.tensor([[0.0, 3.0], [3.0, 0.0]]))(torch.zeros(1, 2), torch.tensor([1])).item(), 4)
    1.5
    """

    name = "expected_cost"
    title = "Expected cost"
    matrix = "distance"
    distance: Tensor

    def __init__(self, distance: MatrixLike, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.register_buffer("distance", matrix_tensor(distance, "distance", "ExpectedCostLoss"))

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return expected_cost(outputs, target, self.distance, **self.options)
