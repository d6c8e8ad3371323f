"""CORAL: ordered classes as thresholds that share one output."""

from __future__ import annotations

from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values
from simviz.losses.contract import reduced_loss, widened
from simviz.losses.registry import register
from simviz.matrices.core import ClassMatrix


def coral_loss(
    outputs: Tensor,
    target: Tensor,
    rank: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_k [y > k] log s_k + [y <= k] log(1 - s_k), s = sigmoid(outputs), over the C - 1 thresholds.

    Shapes and options as in `CORALLoss`; `rank` (C,) is each class's place in the order, by default
    its index.

    >>> round(coral_loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)  # two thresholds, each a coin flip
    4.0
    """

    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        check_rank(rank, z)
        place = index if rank is None else rank[index]
        return ClosedForm(_nll, _nll_and_gradient)(z, place)

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        check_rank(rank, z)
        ordered = t if rank is None else t[:, rank.argsort()]
        above = ordered.flip(1).cumsum(1).flip(1)  # above[k] = P(y >= k)
        return _thresholds_nll(z, above[:, 1:], above[:, :1])

    return reduced_loss(
        outputs,
        target,
        index_loss,
        soft_loss,
        num_classes=outputs.shape[min(1, outputs.ndim - 1)] + 1,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def check_rank(rank: Tensor | None, outputs: Tensor) -> None:
    """ValueError unless there is one rank for each class."""
    if rank is not None and len(rank) != outputs.shape[1] + 1:
        raise ValueError(
            f"outputs have {outputs.shape[1]} thresholds, for {outputs.shape[1] + 1} classes, but there are "
            f"{len(rank)} positions"
        )


def _thresholds_nll(z: Tensor, above: Tensor, total: Tensor | float = 1.0) -> Tensor:
    """Binary cross entropy of each threshold, summed: `above` is P(y > k), `total` the mass of the target."""
    return -(above * F.logsigmoid(z) + (total - above) * F.logsigmoid(-z)).sum(1)


def is_above(place: Tensor, z: Tensor) -> Tensor:
    """[y > k] for each threshold k: (M, C - 1)."""
    return place[:, None] > torch.arange(z.shape[1], device=z.device)


def _nll(z: Tensor, place: Tensor) -> Tensor:
    return -F.logsigmoid(torch.where(is_above(place, z), z, -z)).sum(1)


def _nll_and_gradient(factor: float, z: Tensor, place: Tensor) -> Values:
    """The loss and its gradient sigmoid(z_k) - [y > k]."""
    above = is_above(place, z)
    losses = -F.logsigmoid(torch.where(above, z, -z)).sum(1)
    return losses, z.sigmoid().sub_(above.to(z.dtype)).mul_(factor)


def threshold_log_probabilities(outputs: Tensor, rank: Tensor | None = None) -> Tensor:
    """Log-probabilities (N, C, ...) from the logits (N, C - 1, ...) of P(y > k).

    The running minimum over k comes first, because differences of independent thresholds can be
    negative. A class whose probability is 0 gets about -87, not -inf.

    >>> threshold_log_probabilities(torch.tensor([[1.0, -1.0]])).exp()
    tensor([[0.2689, 0.4621, 0.2689]])
    """
    above = widened(outputs).movedim(1, -1).cummin(-1).values
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), exact in both tails
    gap = (above[..., :-1] - above[..., 1:]).clamp(min=torch.finfo(above.dtype).tiny)
    between = F.logsigmoid(above[..., :-1]) + F.logsigmoid(-above[..., 1:]) + (-(-gap).expm1()).log()
    log_p = torch.cat([F.logsigmoid(-above[..., :1]), between, F.logsigmoid(above[..., -1:])], -1)
    return (log_p if rank is None else log_p[..., rank]).movedim(-1, 1)


class ThresholdLoss(ClassLoss):
    """What CORAL, CORN and OR-CNN share: C - 1 outputs for classes on a line.

    Parameters
    ----------
    positions : array or tensor (C,), optional
        Where each class lies; by default the classes are in order.
    """

    ordered = True
    rank: Tensor | None

    def __init__(self, positions: Any = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        rank = None
        if positions is not None:
            places = torch.as_tensor(positions, dtype=torch.float64)
            if places.ndim != 1 or not places.isfinite().all() or len(places.unique()) != len(places):
                raise ValueError(
                    f"positions are {positions!r}; finite distinct numbers, one for each class, are needed"
                )
            rank = places.argsort().argsort()
        in_order = rank is None or torch.equal(rank, torch.arange(len(rank)))
        self.register_buffer("rank", None if in_order else rank)

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        if classes.circular:
            raise ValueError(
                f"{cls.name} splits a line in two, and these classes lie on a circle; emd2 or dldl take them"
            )
        return {"positions": classes.positions}

    def head(self, features: int, num_classes: int) -> nn.Module:
        self.check_classes(num_classes)
        return nn.Linear(features, num_classes - 1)

    def check_classes(self, num_classes: int) -> None:
        """ValueError where there is nothing to put a threshold between."""
        if num_classes < 2:
            raise ValueError(f"{self.name} needs at least 2 classes, not {num_classes}")

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        return threshold_log_probabilities(outputs, self.rank)


class CoralHead(nn.Module):
    """One output without bias plus C - 1 learned biases: (N, features) to (N, C - 1).

    The biases start in falling order, spread over (0, 1], as in the authors' code.
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1, bias=False)
        self.bias = nn.Parameter(torch.arange(num_classes - 1, 0, -1) / (num_classes - 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features) + self.bias


@register
class CORALLoss(ThresholdLoss):
    """CORAL: is the class above each threshold? One score for all thresholds, one bias for each.

    .. math:: L(z, y) = -\\sum_{k=0}^{C-2} [y > k] \\log \\sigma(z_k) + [y \\le k] \\log(1 - \\sigma(z_k))

    The outputs are C - 1 logits of P(y > k), from `head`. At its optimum the biases fall, so that the
    thresholds agree; until then `log_probabilities` takes the running minimum.

    **When to use it.** Ordered classes where a rank is what matters, and one direction in feature space
    (older, larger) explains it. Usually decoded by the median.

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
    Cao, Mirjalili, Raschka, Rank Consistent Ordinal Regression, Pattern Recognition Letters 2020,
    equation 4 with importance weights of 1.

    Examples
    --------
    >>> loss = CORALLoss()
    >>> head = loss.head(5, num_classes=3)
    >>> tuple(head(torch.zeros(1, 5)).shape)
    (1, 2)
    >>> round(loss(torch.zeros(1, 2), torch.tensor([1])).exp().item(), 4)
    4.0
    """

    name = "coral"
    title = "CORAL"
    convex = True

    def head(self, features: int, num_classes: int) -> nn.Module:
        self.check_classes(num_classes)
        return CoralHead(features, num_classes)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return coral_loss(outputs, target, self.rank, **self.options)
