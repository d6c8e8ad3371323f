"""OR-CNN: ordered classes as independent thresholds."""

from __future__ import annotations

from torch import Tensor

from simviz.losses.coral import ThresholdLoss, coral_loss
from simviz.losses.registry import register


def or_cnn_loss(
    outputs: Tensor,
    target: Tensor,
    rank: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_k [y > k] log s_k + [y <= k] log(1 - s_k): the formula of `coral_loss`, for independent outputs.

    >>> import torch
    >>> round(or_cnn_loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    4.0
    """
    return coral_loss(outputs, target, rank, weight=weight, ignore_index=ignore_index, reduction=reduction)


@register
class ORCNNLoss(ThresholdLoss):
    """OR-CNN: is the class above each threshold? One linear output for each threshold.

    .. math:: L(z, y) = -\\sum_{k=0}^{C-2} [y > k] \\log \\sigma(z_k) + [y \\le k] \\log(1 - \\sigma(z_k))

    The outputs are C - 1 logits of P(y > k), from `head`, a plain linear layer. The thresholds may
    disagree, P(y > k) rising with k; `log_probabilities` takes the running minimum.

    **When to use it.** Ordered classes whose steps look different from each other; with few samples a
    class, `CORALLoss`, which shares the weights.

    Parameters
    ----------
    positions : array or tensor (C,), optional
        Where each class lies; only their order counts. By default the classes are in order.
    weight, ignore_index, reduction
        As in `ClassLoss`, and so are the shapes, with outputs (N, C - 1) or (N, C - 1, d1, ...).

    Raises
    ------
    ValueError
        Positions that coincide; from_classes: classes without order, or on a circle.

    Source
    ------
    Niu et al., Ordinal Regression with Multiple Output CNN for Age Estimation, CVPR 2016, equation 3
    with importance weights of 1.

    Examples
    --------
    >>> import torch
    >>> round(ORCNNLoss()(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    4.0
    """

    name = "or_cnn"
    title = "OR-CNN"
    convex = True

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return or_cnn_loss(outputs, target, self.rank, **self.options)
