"""The earth mover's distance between distributions, smoothed by entropy (Sinkhorn)."""

from __future__ import annotations

from typing import Any, Unpack

from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import eager
from simviz.losses.contract import (
    MatrixLike,
    check_number,
    check_size,
    check_whole,
    matrix_tensor,
    reduced_loss,
    rows_of,
)
from simviz.losses.registry import register

NEAR = 30.0  # of sharpness times the longest distance: float32 holds the factors up to there


def sinkhorn_loss(
    outputs: Tensor,
    target: Tensor,
    distance: Tensor,
    *,
    sharpness: float = 10.0,
    iterations: int = 50,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """<P, D> of the entropic transport plan P from softmax(outputs) to the target.

    Shapes and options as in `SinkhornLoss`; `distance` (C, C) is taken as it is.

    >>> import torch
    >>> D = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
    >>> round(sinkhorn_loss(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), D).item(), 4)
    1.5
    """
    options: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}

    def index_loss(z: Tensor, index: Tensor) -> Tensor:  # all mass goes to one class: nothing to solve
        return (z.softmax(1) * rows_of(distance, z, index)).sum(1)

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        check_size(distance, z)
        cost = distance.to(z.dtype).T  # from the predicted class (row) to the true one (column)
        # a value is looked at only where nothing must wait for it or trace it
        near = z.device.type == "cpu" and eager() and sharpness * float(cost.max()) <= NEAR
        return (_by_products if near else _by_logarithms)(z, t, cost, sharpness, iterations)

    return reduced_loss(outputs, target, index_loss, soft_loss, additive=False, **options)


def _by_products(z: Tensor, t: Tensor, cost: Tensor, sharpness: float, iterations: int) -> Tensor:
    """Matrix products with exp(-sharpness D): N C numbers an iteration. No number leaves e^+-NEAR times C."""
    p, kernel = z.softmax(1), (-sharpness * cost).exp()
    v = t
    for _ in range(iterations):
        u = p / (v @ kernel.T)
        v = t / (u @ kernel)
    u = p / (v @ kernel.T)
    return (u * (v @ (kernel * cost).T)).sum(1)


def _by_logarithms(z: Tensor, t: Tensor, cost: Tensor, sharpness: float, iterations: int) -> Tensor:
    """The same for any sharpness: N C C numbers an iteration."""
    kernel = -sharpness * cost
    across = kernel.T.contiguous()  # sums along rows in memory are quicker than along columns
    log_p, log_t = z.log_softmax(1), t.log()
    # log_t is -inf at bins without mass, and so is g there: exp(g) = 0 with a gradient of 0
    g = log_t
    for _ in range(iterations):
        f = log_p - (kernel + g[:, None, :]).logsumexp(2)
        g = log_t - (across + f[:, None, :]).logsumexp(2)
    f = log_p - (kernel + g[:, None, :]).logsumexp(2)
    return ((f[:, :, None] + kernel + g[:, None, :]).exp() * cost).sum((1, 2))


@register
class SinkhornLoss(ClassLoss):
    """The cost of the entropic transport plan between prediction and target.

    .. math:: L(z, t) = \\langle P, D \\rangle, \\quad P = diag(u) e^{-\\lambda D} diag(v),
              \\; P 1 = p, \\; P^T 1 = t

    computed with a fixed number of iterations, by matrix products where :math:`e^{-\\lambda D}` keeps its
    digits (:math:`\\lambda \\max D \\le 30`, not on a GPU, under a compiler or a transform), else in the log domain.

    **When to use it.** For soft targets (several raters, mixed images) under any ground distance. For
    one-hot and index targets it is the expected cost exactly, whatever lambda.

    Parameters
    ----------
    distance : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a diagonal of 0. Row = true class.
    sharpness : float > 0
        lambda, usually 0.1, 1 or 10; POT's ``reg`` is 1 / lambda. The larger it is, the closer to the
        earth mover's distance, and the more iterations it needs.
    iterations : int >= 1
        Sinkhorn iterations; each takes N C numbers of memory for the gradient, in the log domain N C C.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target sums to one.

    Raises
    ------
    ValueError
        A similarity in place of a distance; a bad entry or option.

    Source
    ------
    Cuturi, Sinkhorn Distances, NeurIPS 2013, algorithm 1; Frogner et al., Learning with a Wasserstein
    Loss, NeurIPS 2015.

    Examples
    --------
    >>> import torch
    >>> loss = SinkhornLoss(torch.tensor([[0.0, 3.0], [3.0, 0.0]]))
    >>> round(loss(torch.zeros(1, 2), torch.tensor([1])).item(), 4)
    1.5
    """

    name = "sinkhorn"
    title = "Sinkhorn EMD"
    matrix = "distance"
    distance: Tensor

    def __init__(
        self, distance: MatrixLike, sharpness: float = 10.0, iterations: int = 50, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self.sharpness = check_number("sharpness", sharpness, 0, open_low=True)
        self.iterations = check_whole("iterations", iterations, 1)
        self.register_buffer("distance", matrix_tensor(distance, "distance", "SinkhornLoss"))

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return sinkhorn_loss(
            outputs, target, self.distance, sharpness=self.sharpness, iterations=self.iterations, **self.options
        )
