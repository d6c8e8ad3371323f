"""Squared earth mover's distance between distributions over ordered classes."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values
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
    options: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    if positions is None:
        return _ordered_emd(outputs, target, None, None, False, **options)
    order = positions.argsort()
    gaps = positions[order].diff()
    last = gaps.new_zeros(1) if period is None else (period - gaps.sum())[None]
    return _ordered_emd(outputs, target, order, torch.cat([gaps, last]), period is not None, **options)


def _ordered_emd(
    outputs: Tensor, target: Tensor, order: Tensor | None, gaps: Tensor | None, circular: bool, **options: Any
) -> Tensor:
    """The loss from the order of the classes (None: as they are) and the gap (C,) after each (None: 1).

    The last gap is 0 on a line, where P and T have both become 1.
    """

    def gaps_for(z: Tensor) -> Tensor:
        if gaps is None:
            return z.new_ones(z.shape[1])
        if len(gaps) != z.shape[1]:
            raise ValueError(f"outputs have {z.shape[1]} classes, but there are {len(gaps)} positions")
        return gaps.to(z.dtype)

    def arranged(values: Tensor) -> Tensor:
        return values if order is None else values.index_select(1, order)

    def difference(p: Tensor, index: Tensor) -> Tensor:
        """P - T: one cumulated sum, since the one-hot target is subtracted before it."""
        return p.scatter_add(1, index[:, None], torch.full_like(p[:, :1], -1)).cumsum(1)

    def level(d: Tensor, weights: Tensor) -> Tensor:
        """On a circle, the flow around it that costs least is taken off, so that no cut is special."""
        return d - (d @ weights / weights.sum())[:, None] if circular else d

    def plain(z: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        p = z.softmax(1)
        return level(difference(p, index), weights).square() @ weights

    def fast(factor: float, z: Tensor, index: Tensor, weights: Tensor) -> Values:
        p = z.softmax(1)
        d = level(difference(p, index), weights)
        weighted = d if gaps is None else d * weights
        # by p_j it is 2 sum_{i >= j} g_i d_i; a constant for all j drops out in the softmax
        slope = weighted.cumsum(1).sub_(weighted)
        losses = d.mul_(weighted).sum(1)
        middle = torch.linalg.vecdot(slope, p).mul_(2 * factor)
        return losses, torch.add(middle[:, None], slope, alpha=-2 * factor, out=slope).mul_(p)

    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        weights = gaps_for(z)
        place = index if order is None else order.argsort()[index]
        return ClosedForm(plain, fast, weights)(arranged(z), place)

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        weights = gaps_for(z)
        return level((arranged(z).softmax(1) - arranged(t)).cumsum(1), weights).square() @ weights

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
    gaps: Tensor | None
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
        rest = 0.0
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
        return _ordered_emd(outputs, target, self.order, self.gaps, self.circular, **self.options)
