"""Cross entropy against labels softened by a distance between classes (SORD)."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import MatrixLike, check_number, matrix_tensor, mixed_rows, reduced_loss, rows_of
from simviz.losses.registry import register


def soft_label_loss(
    outputs: Tensor,
    target: Tensor,
    labels: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_c t_c log p_c with the row t = labels[y], p = softmax(outputs).

    Shapes and options as in `SoftLabelsLoss`; `labels` (C, C) is taken as it is: `soft_labels` makes it.

    >>> labels = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    >>> round(soft_label_loss(torch.zeros(1, 2), torch.tensor([1]), labels).exp().item(), 4)
    2.0
    """
    return reduced_loss(
        outputs,
        target,
        lambda z, index: -torch.linalg.vecdot(z.log_softmax(1), rows_of(labels, z, index)),
        lambda z, t: -(z.log_softmax(1) * mixed_rows(labels, z, t)).sum(1),
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def soft_labels(distance: Tensor, beta: float) -> Tensor:
    """Each row of exp(-beta D), divided by its sum: (C, C).

    >>> soft_labels(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), beta=0.0)
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    labels = (-beta * distance).softmax(1)
    # numbers too small for full precision would make every product with them many times slower
    return torch.where(labels < torch.finfo(labels.dtype).tiny, 0, labels)


@register
class SoftLabelsLoss(ClassLoss):
    """Cross entropy against soft labels that fall off with the distance from the true class (SORD).

    .. math:: L(z, y) = -\\sum_c t_c \\log p_c, \\quad t_c = e^{-\\beta D_{yc}} / \\sum_k e^{-\\beta D_{yk}}

    **When to use it.** The simplest loss that knows about distances, a good first try: proper, never
    bounded, no slower than cross entropy. Its optimum is the soft label, so probabilities are not
    calibrated; the argmax is not harmed where D has a unique zero in each row.

    Parameters
    ----------
    distance : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a diagonal of 0. Row = true class.
    beta : float >= 0
        Sharpness, in units of 1 / D: towards infinity it becomes cross entropy. Halve it where D is twice as large.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        A similarity in place of a distance; a bad entry or option.

    Source
    ------
    Diaz, Marathe, Soft Labels for Ordinal Regression, CVPR 2019, equation 1; Bertinetto et al., Making
    Better Mistakes, CVPR 2020, section 3.2.

    Examples
    --------
    >>> loss = SoftLabelsLoss(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> round(loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    2.0
    """

    name = "soft_labels"
    title = "Soft labels (SORD)"
    convex = True
    matrix = "distance"
    labels: Tensor

    def __init__(self, distance: MatrixLike, beta: float = 5.0, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.beta = check_number("beta", beta, 0)
        self.register_buffer("labels", soft_labels(matrix_tensor(distance, "distance", "SoftLabelsLoss"), self.beta))

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return soft_label_loss(outputs, target, self.labels, **self.options)
