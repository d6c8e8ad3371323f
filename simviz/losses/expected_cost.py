"""The expected cost of a prediction under a ground distance."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
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

    >>> round(expected_cost(torch.zeros(1, 2), torch.tensor([1]), torch.tensor([[0.0, 3.0], [3.0, 0.0]])).item(), 4)
    1.5
    """
    return reduced_loss(
        outputs,
        target,
        lambda z, index: torch.linalg.vecdot(z.softmax(1), rows_of(distance, z, index)),
        lambda z, t: (z.softmax(1) * mixed_rows(distance, z, t)).sum(1),
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


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
