"""Squared earth mover's distance between distributions over ordered classes."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import check_number, reduced_loss
from simviz.losses.registry import register
from simviz.matrices.core import ClassMatrix


def squared_emd(
    outputs: Tensor,
    target: Tensor,
    positions: Tensor | None = None,
    period: float | None = None,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """sum_i gap_i (P_i - T_i)^2 over the classes in the order of their positions.

    Shapes and options as in `SquaredEMDLoss`; `positions` (C,) are distinct.

    >>> round(squared_emd(torch.zeros(1, 4), torch.tensor([0])).item(), 4)
    0.875
    """
    if positions is None:
        positions = torch.arange(float(outputs.shape[min(1, outputs.ndim - 1)]), device=outputs.device)
    order = positions.argsort()
    scale = positions[order]
    gaps = scale.diff()
    if period is not None:
        gaps = torch.cat([gaps, (scale[0] + period - scale[-1])[None]])
    options: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    return _ordered_emd(outputs, target, order, gaps, period is not None, **options)


def _ordered_emd(
    outputs: Tensor, target: Tensor, order: Tensor | None, gaps: Tensor, circular: bool, **options: Any
) -> Tensor:
    """The loss from the order (None: as they are) and the gaps (C - 1, or C on a circle)."""
    rank = None if order is None else order.argsort()
    width = len(gaps)

    def loss(z: Tensor, cumulated: Tensor) -> Tensor:
        p = z.softmax(1) if order is None else z.softmax(1)[:, order]
        difference = p.cumsum(1)[:, :width] - cumulated
        weights = gaps.to(z.dtype)
        if circular:  # the best constant flow around the circle, so that no cut is special
            difference = difference - (difference @ weights / weights.sum())[:, None]
        return difference.square() @ weights

    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        place = index if rank is None else rank[index]
        return loss(z, (place[:, None] <= torch.arange(width, device=z.device)).to(z.dtype))

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        return loss(z, (t if order is None else t[:, order]).cumsum(1)[:, :width])

    return reduced_loss(outputs, target, index_loss, soft_loss, additive=False, **options)


@register
class SquaredEMDLoss(ClassLoss):
    """Squared earth mover's distance for ordered classes, also known as the ranked probability score.

    .. math:: L(z, t) = \\sum_i g_i (P_i - T_i)^2, \\quad P_i = \\sum_{j \\le i} p_j, \\; p = softmax(z)

    over the classes sorted by position, g_i the gap from position i to the next (1 without
    positions). On a circle, with d_i = P_i - T_i and the gap from the last to the first:
    sum_i g_i (d_i - mean_g d)^2, which does not depend on where the circle is cut.

    It is the sum over classes, not their mean, and it is not the squared Wasserstein-2 distance.

    **When to use it.** Ordered classes (ages, grades, counts), where a near miss should cost less than
    a far one. A proper scoring rule, but bounded: a confident mistake far away hardly learns.

    Parameters
    ----------
    positions : array or tensor (C,), optional
        Where each class lies, in any order; distinct and finite.
    period : float, optional
        The length of the circle, longer than the positions' range.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target is cumulated.

    Raises
    ------
    ValueError
        Positions that coincide, a period without positions or shorter than they reach.

    Source
    ------
    Hou, Yu, Samaras, Squared Earth Mover's Distance-based Loss, arXiv:1611.05916, equation 5, with gaps.
    Circular form: ours; the minimum of the weighted sum over the constant of Rabin, Delon, Gousseau,
    Transportation distances on the circle, JMIV 2011.

    Examples
    --------
    >>> round(SquaredEMDLoss()(torch.zeros(1, 4), torch.tensor([0])).item(), 4)
    0.875
    """

    name = "emd2"
    title = "Squared EMD"
    ordered = True
    gaps: Tensor
    order: Tensor | None

    def __init__(self, positions: Any = None, period: float | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.circular = period is not None
        if positions is None:
            if period is not None:
                raise ValueError(f"period is {period!r} but there are no positions; give both")
            self.register_buffer("order", None)
            self.register_buffer("gaps", None)
            return
        scale, order = torch.as_tensor(positions, dtype=torch.float64).sort()
        gaps = scale.diff()
        if scale.ndim != 1 or not scale.isfinite().all() or not (gaps > 0).all():
            raise ValueError(f"positions are {positions!r}; finite distinct numbers, one for each class, are needed")
        if period is not None:
            rest = check_number("period", period, 0) - float(scale[-1] - scale[0])
            if rest <= 0:
                raise ValueError(f"period is {period!r}; it must exceed the positions' range, {scale[-1] - scale[0]:g}")
            gaps = torch.cat([gaps, gaps.new_tensor([rest])])
        as_they_are = torch.equal(order, torch.arange(len(order)))
        self.register_buffer("order", None if as_they_are else order)
        self.register_buffer("gaps", gaps.float())

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        return {"positions": classes.positions, "period": classes.period}

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        if self.gaps is None:
            return squared_emd(outputs, target, **self.options)
        width = outputs.shape[min(1, outputs.ndim - 1)]
        if len(self.gaps) + (not self.circular) != width:
            raise ValueError(
                f"outputs have {width} classes, but there are {len(self.gaps) + (not self.circular)} positions"
            )
        return _ordered_emd(outputs, target, self.order, self.gaps, self.circular, **self.options)
