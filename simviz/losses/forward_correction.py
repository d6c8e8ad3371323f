"""Forward correction: cross entropy of the labels that a noisy labeler would give."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import MatrixLike, matrix_tensor
from simviz.losses.registry import register
from simviz.losses.simloss import sim_loss


def forward_correction(
    outputs: Tensor,
    target: Tensor,
    transition: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log (T^T p)_y, p = softmax(outputs).

    Shapes and options as in `ForwardCorrectionLoss`; `transition` (C, C) is taken as it is.

    >>> import torch
    >>> T = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    >>> round(forward_correction(torch.tensor([[99.0, 0.0]]), torch.tensor([1]), T).neg().exp().item(), 4)
    0.25
    """
    return sim_loss(outputs, target, transition.T, weight=weight, ignore_index=ignore_index, reduction=reduction)


@register
class ForwardCorrectionLoss(ClassLoss):
    """Forward correction for noisy labels.

    .. math:: L(z, y) = -\\log (T^T p)_y, \\quad T_{ij} = P(label\\ j \\mid class\\ i), \\; p = softmax(z)

    It is SimLoss with S = T^T, whose columns sum to one; for a symmetric similarity it is therefore
    ``SimLoss(S, normalize="columns")``.

    **When to use it.** When labels are wrong in a known way; p then estimates the clean class. Also the
    control for SimLoss: the same blur without the bonus for hubs.

    Parameters
    ----------
    transition : ClassMatrix (similarity), array or tensor (C, C)
        Finite, not negative, with a positive diagonal. Row = true class; each row is divided by its sum.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target needs memory for
        N C C numbers.

    Raises
    ------
    ValueError
        A distance in place of a similarity; a bad entry.

    Source
    ------
    Patrini et al., Making Deep Neural Networks Robust to Label Noise, CVPR 2017, theorem 2.

    Examples
    --------
    >>> import torch
    >>> loss = ForwardCorrectionLoss(torch.tensor([[3.0, 1.0], [1.0, 1.0]]))
    >>> round(loss(torch.tensor([[99.0, 0.0]]), torch.tensor([1])).neg().exp().item(), 4)
    0.25
    """

    name = "forward"
    title = "Forward correction"
    matrix = "similarity"
    similarity: Tensor

    def __init__(self, transition: MatrixLike, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        values = matrix_tensor(transition, "similarity", "ForwardCorrectionLoss")
        self.register_buffer("similarity", (values / values.sum(1, keepdim=True)).T.contiguous())

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return sim_loss(outputs, target, self.similarity, **self.options)
