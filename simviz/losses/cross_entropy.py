"""Cross entropy, the loss that knows nothing of how classes relate."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import check_number, check_range, check_reduction, check_shapes, full_precision, widened
from simviz.losses.registry import register


def cross_entropy(
    outputs: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log p_y, p = softmax(outputs): `torch.nn.functional.cross_entropy`, in float32 inside autocast.

    Shapes and options as in `CrossEntropyLoss`.

    >>> round(cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).exp().item(), 4)
    2.0
    """
    check_reduction(reduction)
    soft = target.is_floating_point()
    if outputs.ndim > 1:
        check_shapes(outputs, target, outputs.shape[1], soft, weight)
    with full_precision(outputs):
        wide = widened(outputs)
        if not soft:
            check_range(torch.where(target == ignore_index, 0, target), outputs.shape[min(1, outputs.ndim - 1)])
        return F.cross_entropy(
            wide,
            target.to(wide.dtype) if soft else target.long(),
            None if weight is None else weight.to(wide),
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )


@register
class CrossEntropyLoss(ClassLoss):
    """Cross entropy, with label smoothing: PyTorch's own.

    .. math:: L(z, y) = -\\log p_y, \\quad p = softmax(z)

    **When to use it.** The baseline beside every other loss; all mistakes cost the same.

    Parameters
    ----------
    label_smoothing : float in [0, 1]
        The share of the target spread evenly over all classes (Szegedy et al., Rethinking the
        Inception Architecture, CVPR 2016, section 7).
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Examples
    --------
    >>> round(CrossEntropyLoss()(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).exp().item(), 4)
    2.0
    """

    name = "ce"
    title = "Cross entropy"
    convex = True

    def __init__(self, label_smoothing: float = 0.0, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0, 1)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(outputs, target, label_smoothing=self.label_smoothing, **self.options)
