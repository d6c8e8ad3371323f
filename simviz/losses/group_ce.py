"""Cross entropy of the class and of its groups together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from torch import Tensor

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.contract import check_number
from simviz.losses.registry import register
from simviz.losses.tree import level_weights, node_nll, tree_nodes
from simviz.matrices.core import ClassMatrix


def group_ce(
    outputs: Tensor,
    target: Tensor,
    nodes: Tensor,
    *,
    alpha: float = 0.5,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_l w_l log P(node_l), P a node's summed probability, node_0 the class y.

    Shapes and options as in `GroupCELoss`; `nodes` (L, C) as in `hxe`.

    >>> import torch
    >>> nodes = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])
    >>> round(group_ce(torch.zeros(1, 4), torch.tensor([0]), nodes, alpha=0.0).exp().item(), 4)  # sqrt(4 * 2)
    2.8284
    """
    weights = level_weights(len(nodes), alpha)
    return node_nll(outputs, target, nodes, weights, weight=weight, ignore_index=ignore_index, reduction=reduction)


@register
class GroupCELoss(ClassLoss):
    """Cross entropy at every level of the tree of classes: the class, its group, its larger group.

    .. math:: L(z, y) = -\\sum_{l=0}^{h-1} w_l \\log P(node_l), \\quad w_l \\propto e^{-\\alpha l}, \\; \\sum_l w_l = 1

    node_0 is the true class, node_1 its group and so on; P is a node's summed probability. For a large
    alpha it is cross entropy. It is `HXELoss` with the weights summed up from the class: the group's
    step down always counts at least as much as the class's.

    **When to use it.** When the group must be right first, and the class inside it second.

    Parameters
    ----------
    groups : sequence, length C
        Of each class, its group or its groups from coarse to fine, as in `ClassSet`.
    alpha : float >= 0
        How fast the weights fall from the class to the coarsest group; 0 weighs all levels the same.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target needs memory for
        N C C numbers.

    Raises
    ------
    ValueError
        Classes of different depth; a bad alpha; from_classes: classes without groups.

    Source
    ------
    Ours in this form; the sum of fine and coarse cross entropy is common, for example as a baseline in
    Bertinetto et al., Making Better Mistakes, CVPR 2020.

    Examples
    --------
    >>> import torch
    >>> loss = GroupCELoss(["pet", "pet", "car", "car"], alpha=0.0)
    >>> round(loss(torch.zeros(1, 4), torch.tensor([0])).exp().item(), 4)
    2.8284
    """

    name = "group_ce"
    title = "Group CE"
    grouped = True
    nodes: Tensor

    def __init__(self, groups: Sequence[str | Sequence[str]], alpha: float = 0.5, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.alpha = check_number("alpha", alpha, 0)
        self.register_buffer("nodes", tree_nodes(groups))

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        return {"groups": classes.groups}

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return group_ce(outputs, target, self.nodes, alpha=self.alpha, **self.options)
