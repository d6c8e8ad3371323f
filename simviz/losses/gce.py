"""Generalized cross entropy, between cross entropy and the mean absolute error."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import check_number, pick, reduced_loss
from simviz.losses.registry import register


def generalized_cross_entropy(
    outputs: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """(1 - p_y^q) / q, p = softmax(outputs).

    Shapes and options as in `GCELoss`.

    >>> import torch
    >>> round(generalized_cross_entropy(torch.zeros(1, 4), torch.tensor([0]), q=1.0).item(), 4)
    0.75
    """
    return reduced_loss(
        outputs,
        target,
        lambda z, index: -(q * pick(z.log_softmax(1), index)).expm1() / q,
        lambda z, t: -(t * (q * z.log_softmax(1)).expm1()).sum(1) / q,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


@register
class GCELoss(ClassLoss):
    """Generalized cross entropy: robust to noisy labels.

    .. math:: L(z, y) = (1 - p_y^q) / q, \\quad p = softmax(z)

    Towards q = 0 it is cross entropy, at q = 1 the mean absolute error (halved).

    **When to use it.** A control that knows nothing of how classes relate but, like many losses here,
    is bounded: a gain that it shows too is not due to the matrix.

    Parameters
    ----------
    q : float in (0, 1]
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        q out of its range.

    Source
    ------
    Zhang, Sabuncu, Generalized Cross Entropy Loss, NeurIPS 2018, equation 6.

    Examples
    --------
    >>> import torch
    >>> round(GCELoss(q=1.0)(torch.zeros(1, 4), torch.tensor([0])).item(), 4)
    0.75
    """

    name = "gce"
    title = "Generalized CE"

    def __init__(self, q: float = 0.7, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.q = check_number("q", q, 0, 1, open_low=True)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return generalized_cross_entropy(outputs, target, q=self.q, **self.options)
