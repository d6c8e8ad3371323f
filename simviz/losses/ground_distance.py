"""Cross entropy plus a squared EMD with an arbitrary ground distance."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values, exponentials, safe
from simviz.losses.contract import (
    MatrixLike,
    as_number,
    check_number,
    matrix_tensor,
    mixed_rows,
    pick,
    reduced_loss,
    rows_of,
)
from simviz.losses.registry import register

NORMALIZATIONS = ("rank", "max", "none")


def ground_distance_loss(
    outputs: Tensor,
    target: Tensor,
    distance: Tensor,
    *,
    lam: float = 1.0,
    exponent: float = 1.0,
    bias: float = -0.5,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log p_y + lam * sum_i p_i^2 (D_yi^exponent + bias), p = softmax(outputs).

    Shapes and options as in `GroundDistanceLoss`; `distance` (C, C) is taken as it is: normalize it
    with `normalized_distance`.

    >>> D = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> round(ground_distance_loss(torch.tensor([[99.0, 0.0]]), torch.tensor([0]), D).item(), 4)
    -0.5
    """
    return penalized_cross_entropy(
        outputs, target, distance**exponent + bias, lam, weight=weight, ignore_index=ignore_index, reduction=reduction
    )


def penalized_cross_entropy(outputs: Tensor, target: Tensor, cost: Tensor, lam: float | Tensor, **options) -> Tensor:
    """-log p_y + lam * sum_i p_i^2 cost_yi, where cost (C, C) is D^exponent + bias."""

    def plain(z: Tensor, index: Tensor, cost: Tensor) -> Tensor:
        log_p = z.log_softmax(1)
        return lam * (log_p.exp().square() * rows_of(cost, z, index)).sum(1) - pick(log_p, index)

    def fast(factor: float, z: Tensor, index: Tensor, cost: Tensor) -> Values:
        """By z_j: p_j - [j = y] + 2 lam (s_j - p_j r), with s_j = p_j^2 cost_yj and r = sum_j s_j."""
        powers, sums = exponentials(z)
        p = powers.mul_(sums.reciprocal_())
        p_y = pick(p, index)
        nll = -(p_y.log() if safe(p_y) else pick(z.log_softmax(1), index))
        shares = rows_of(cost, z, index).mul_(p).mul_(p)
        strength = float(lam)
        regularizer = shares.sum(1).mul_(strength)
        kept = torch.rsub(regularizer, 1, alpha=2).mul_(factor)
        gradient = p.mul_(kept[:, None]).add_(shares, alpha=2 * strength * factor)
        return nll + regularizer, gradient.scatter_add_(1, index[:, None], torch.full_like(p_y, -factor)[:, None])

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        log_p = z.log_softmax(1)
        return (lam * log_p.exp().square() * mixed_rows(cost, z, t) - t * log_p).sum(1)

    return reduced_loss(outputs, target, ClosedForm(plain, fast, cost), soft_loss, **options)


def normalized_distance(distance: Tensor, normalize: str = "rank") -> Tensor:
    """A ground distance brought to [0, 1].

    Parameters
    ----------
    distance : (C, C)
    normalize : {"rank", "max", "none"}
        "rank": each row becomes 0 (its own class), 1/(C-1), ..., 1; equal distances share their mean
        rank. "max": divided by the largest entry.

    Raises
    ------
    ValueError
        An unknown normalization.

    >>> normalized_distance(torch.tensor([[0.0, 7.0, 3.0], [7.0, 0.0, 9.0], [3.0, 9.0, 0.0]]))[0]
    tensor([0.0000, 1.0000, 0.5000])
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize is {normalize!r}; it is 'rank', 'max' or 'none'")
    if normalize == "none" or len(distance) == 1:
        return distance
    if normalize == "max":
        return distance / distance.max().clamp(min=torch.finfo(distance.dtype).tiny)
    # its own class stands first even among others at distance 0
    values = distance.clone().fill_diagonal_(-1)
    ordered = values.sort(1).values
    below = torch.searchsorted(ordered, values)
    upto = torch.searchsorted(ordered, values, right=True)
    return ((below + upto - 1) / 2 / (len(distance) - 1)).to(distance.dtype)


@register
class GroundDistanceLoss(ClassLoss):
    """Cross entropy plus the squared EMD regularizer of Hou et al. for any ground distance.

    .. math:: L(z, y) = -\\log p_y + \\lambda \\sum_i p_i^2 (D_{yi}^\\omega + \\mu), \\quad p = softmax(z)

    With lam > 0 its smallest value, lam * mu, is reached at the right one-hot. XEMD1 of the paper is
    exponent 1, bias -0.5; XEMD2 is exponent 2, bias -0.25.

    **When to use it.** Classes with a meaningful distance, where accuracy must not suffer: cross
    entropy stays in charge, and leftover probability moves to near classes.

    Parameters
    ----------
    distance : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a diagonal of 0. Row = true class.
    lam : float >= 0
        Weight of the regularizer.
    exponent : float > 0
        omega.
    bias : float <= 0
        mu: a reward for probability on near classes. A positive one would make the uniform
        distribution better than the truth, and is refused.
    normalize : {"rank", "max", "none"}
        See `normalized_distance`; the bias means something only where D reaches from 0 to 1.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Raises
    ------
    ValueError
        A similarity in place of a distance; a bad entry or option.

    Source
    ------
    Hou, Yu, Samaras, Squared Earth Mover's Distance-based Loss, arXiv:1611.05916, section 3.2. That mu
    is negative is read from hints in it and in public code.

    Examples
    --------
    >>> loss = GroundDistanceLoss(torch.tensor([[0.0, 7.0], [7.0, 0.0]]))
    >>> round(loss(torch.tensor([[99.0, 0.0]]), torch.tensor([0])).item(), 4)
    -0.5
    """

    name = "ground_distance"
    title = "Squared EMD with a ground distance"
    matrix = "distance"
    cost: Tensor

    def __init__(
        self,
        distance: MatrixLike,
        lam: float = 1.0,
        exponent: float = 1.0,
        bias: float = -0.5,
        normalize: str = "rank",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.lam, self.exponent, self.bias = checked_regularizer(lam, exponent, bias)
        values = matrix_tensor(distance, "distance", "GroundDistanceLoss")
        self.register_buffer("cost", normalized_distance(values, normalize) ** self.exponent + self.bias)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return penalized_cross_entropy(outputs, target, self.cost, self.lam, **self.options)


def checked_regularizer(lam: float, exponent: float, bias: float) -> tuple[float, float, float]:
    """lam, exponent and bias as floats; ValueError names the one that is out of its range."""
    reward = as_number(bias)
    if not reward <= 0 or reward == float("-inf"):
        raise ValueError(
            f"bias is {bias!r}; it must be 0 or negative (a reward for near classes): with a positive one the "
            "uniform distribution beats the truth"
        )
    return check_number("lam", lam, 0), check_number("exponent", exponent, 0, open_low=True), reward
