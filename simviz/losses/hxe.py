"""Hierarchical cross entropy (HXE): the cross entropy of each step down the tree of classes."""

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


def hxe(
    outputs: Tensor,
    target: Tensor,
    nodes: Tensor,
    *,
    alpha: float = 0.5,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-sum_l w_l log (P(node_l) / P(node_{l+1})), P a node's summed probability, node_0 the class y.

    Shapes and options as in `HXELoss`; `nodes` (L, C) holds the node of each class at each level, from
    the classes themselves to the coarsest groups (`tree_nodes` makes it).

    >>> import torch
    >>> round(hxe(torch.zeros(1, 4), torch.tensor([0]), torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]])).exp().item(), 4)
    2.0
    """
    steps = level_weights(len(nodes), alpha)
    # log P(node_l) stands in two neighbouring steps
    coefficients = [w - before for w, before in zip(steps, [0.0, *steps[:-1]], strict=True)]
    return node_nll(outputs, target, nodes, coefficients, weight=weight, ignore_index=ignore_index, reduction=reduction)


@register
class HXELoss(ClassLoss):
    """Hierarchical cross entropy: the steps down the tree of classes, the lowest weighted most.

    .. math:: L(z, y) = -\\sum_{l=0}^{h-1} w_l \\log \\frac{P(node_l)}{P(node_{l+1})},
              \\quad w_l \\propto e^{-\\alpha l}, \\; \\sum_l w_l = 1

    node_0 is the true class, node_h the root, P a node's summed probability. With alpha = 0 it is
    cross entropy divided by h.

    **When to use it.** Classes in groups of any depth, and mistakes inside a group are better. Larger
    alpha cares more for the class inside its group; negative is not allowed.

    Parameters
    ----------
    groups : sequence, length C
        Of each class, its group or its groups from coarse to fine, as in `ClassSet`.
    alpha : float >= 0
        How fast the weights fall from the class to the root.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target needs memory for
        N C C numbers.

    Raises
    ------
    ValueError
        Classes of different depth; a bad alpha; from_classes: classes without groups.

    Source
    ------
    Bertinetto et al., Making Better Mistakes, CVPR 2020, equations 3 and 4; that the weights sum to
    one is ours.

    Examples
    --------
    >>> import torch
    >>> round(HXELoss(["pet", "pet", "car", "car"])(torch.zeros(1, 4), torch.tensor([0])).exp().item(), 4)
    2.0
    """

    name = "hxe"
    title = "Hierarchical CE (HXE)"
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
        return hxe(outputs, target, self.nodes, alpha=self.alpha, **self.options)
