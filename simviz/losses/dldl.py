"""Deep label distribution learning: divergence from a Gaussian around the true position."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import check_number, mixed_rows, reduced_loss, rows_of
from simviz.losses.registry import register
from simviz.matrices.core import ClassMatrix


def dldl_loss(
    outputs: Tensor,
    target: Tensor,
    labels: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """sum_c t_c log(t_c / p_c) with the row t = labels[y], p = softmax(outputs).

    Shapes and options as in `DLDLLoss`; `labels` (C, C) is taken as it is: `gaussian_labels` makes it.

    >>> round(dldl_loss(torch.zeros(1, 2), torch.tensor([1]), torch.eye(2)).exp().item(), 4)
    2.0
    """
    options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    return _divergence(outputs, target, labels, negative_entropy(labels), **options)


def negative_entropy(labels: Tensor) -> Tensor:
    """sum_c t_c log t_c of each row.

    >>> negative_entropy(torch.eye(2))
    tensor([0., 0.])
    """
    return labels.xlogy(labels).sum(1)


def _divergence(outputs: Tensor, target: Tensor, labels: Tensor, negentropy: Tensor, **options: Any) -> Tensor:
    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        rows = rows_of(labels, z, index)
        return negentropy.to(z.dtype).index_select(0, index) - torch.linalg.vecdot(rows, z.log_softmax(1))

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        return t @ negentropy.to(z.dtype) - (mixed_rows(labels, z, t) * z.log_softmax(1)).sum(1)

    return reduced_loss(outputs, target, index_loss, soft_loss, **options)


def gaussian_labels(positions: Tensor, sigma: float, period: float | None = None) -> Tensor:
    """Rows proportional to exp(-d^2 / (2 sigma^2)), d the distance between positions, on a circle if there is one.

    >>> gaussian_labels(torch.tensor([0.0, 1.0, 2.0]), sigma=1e-3)[1]
    tensor([0., 1., 0.])
    """
    distance = (positions[:, None] - positions).abs()
    if period is not None:
        distance = torch.minimum(distance, period - distance)
    return (-(distance**2) / (2 * sigma**2)).softmax(1)


@register
class DLDLLoss(ClassLoss):
    """Deep label distribution learning for ordered classes.

    .. math:: L(z, y) = KL(t \\| p), \\quad t_c \\propto e^{-(x_c - x_y)^2 / (2 \\sigma^2)}, \\; p = softmax(z)

    **When to use it.** Ordered classes with fuzzy labels, such as apparent ages: sigma is how far a label may be off.

    Parameters
    ----------
    positions : array or tensor (C,)
        Where each class lies; distinct and finite.
    sigma : float > 0, optional
        Width of the Gaussian, in the units of the positions. By default the mean gap between neighbours.
    period : float, optional
        The length of the circle, if the positions lie on one; longer than their range.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        Positions that coincide, are not finite or not one for each class; a sigma that is not positive; a period
        that the positions do not fit into.

    Source
    ------
    Gao et al., Deep Label Distribution Learning with Label Ambiguity, IEEE TIP 2017, equations 2 and 5.
    The Gaussian on a circle is ours.

    Examples
    --------
    >>> round(DLDLLoss([0.0, 10.0], sigma=0.1)(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    2.0
    """

    name = "dldl"
    title = "Label distribution (DLDL)"
    convex = True
    ordered = True
    labels: Tensor
    negentropy: Tensor

    def __init__(
        self, positions: Any, sigma: float | None = None, period: float | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        scale = torch.as_tensor(positions, dtype=torch.float64)
        if scale.ndim != 1 or not scale.isfinite().all() or len(scale.unique()) != len(scale) or not len(scale):
            raise ValueError(f"positions are {positions!r}; finite distinct numbers, one for each class, are needed")
        reach = float(scale.max() - scale.min())
        if period is not None and not check_number("period", period, 0) > reach:
            raise ValueError(f"period is {period!r}; it must exceed the positions' range, {reach:g}")
        if sigma is None:
            sigma = reach / (len(scale) - 1) if reach else 1.0
        self.sigma = check_number("sigma", sigma, 0, open_low=True)
        labels = gaussian_labels(scale, self.sigma, period)
        self.register_buffer("labels", labels.float())
        self.register_buffer("negentropy", negative_entropy(labels).float(), persistent=False)

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        return {"positions": classes.positions, "period": classes.period}

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return _divergence(outputs, target, self.labels, self.negentropy, **self.options)
