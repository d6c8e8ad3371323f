"""The tree of classes that group CE and HXE share: nodes, their weights and their probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from simviz.classes import group_path
from simviz.losses.closed_form import ClosedForm, Values, exponentials, safe
from simviz.losses.contract import reduced_loss


def node_nll(outputs: Tensor, target: Tensor, nodes: Tensor, coefficients: Sequence[float], **options: Any) -> Tensor:
    """-sum_l coefficient_l log P(node_l), summed over the levels of `nodes` (L, C)."""

    def nll(log_p: Tensor, own: Tensor) -> Tensor:
        """log_p (..., C), own (L, ...) the nodes of the true class."""
        total = torch.zeros_like(log_p[..., 0])
        for coefficient, level, node in zip(coefficients, nodes, own, strict=True):
            inside = node[..., None] == level
            total = total - coefficient * torch.where(inside, log_p, -torch.inf).logsumexp(-1)
        return total

    def plain(z: Tensor, index: Tensor, nodes: Tensor) -> Tensor:
        return nll(z.log_softmax(1), nodes[:, index])

    def fast(factor: float, z: Tensor, index: Tensor, nodes: Tensor) -> Values | None:
        """By z_j: sum_l coefficient_l (p_j - [j in node_l] p_j / P(node_l))."""
        powers, sums = exponentials(z)
        losses, inside = torch.zeros_like(sums), torch.zeros_like(powers)
        for coefficient, level, node in zip(coefficients, nodes, nodes[:, index], strict=True):
            shares = powers * (node[:, None] == level)
            mass = shares.sum(1, keepdim=True).div_(sums)
            if not safe(mass):
                return None
            inside.addcmul_(shares, coefficient / (mass * sums))
            losses -= mass.log_().mul_(coefficient)
        gradient = powers.mul_(sum(coefficients) / sums).sub_(inside).mul_(factor)
        return losses.squeeze(1), gradient

    def index_loss(z: Tensor, index: Tensor) -> Tensor:
        _check_width(nodes, z)
        return ClosedForm(plain, fast, nodes)(z, index)

    def soft_loss(z: Tensor, t: Tensor) -> Tensor:
        _check_width(nodes, z)
        return (t * nll(z.log_softmax(1)[:, None, :], nodes[:, None, :])).sum(1)

    return reduced_loss(outputs, target, index_loss, soft_loss, **options)


def _check_width(nodes: Tensor, outputs: Tensor) -> None:
    if nodes.shape[1] != outputs.shape[1]:
        raise ValueError(f"the tree has {nodes.shape[1]} classes, but the outputs have {outputs.shape[1]}")


def level_weights(levels: int, alpha: float) -> list[float]:
    """w_l proportional to exp(-alpha l), l = 0 at the classes; they sum to 1.

    >>> level_weights(2, 0.0)
    [0.5, 0.5]
    """
    weights = [math.exp(-alpha * level) for level in range(levels)]
    return [w / sum(weights) for w in weights]


def tree_nodes(groups: Sequence[str | Sequence[str]]) -> Tensor:
    """The node of each class at each level, int64 (L, C): classes first, the coarsest groups last.

    Parameters
    ----------
    groups : sequence, length C
        Of each class, its group or its groups from coarse to fine, as in `ClassSet`.

    Raises
    ------
    ValueError
        No class, classes of different depth, or a group that is no name.

    >>> tree_nodes(["pet", "pet", "car"])
    tensor([[0, 1, 2],
            [0, 0, 1]])
    """
    paths = [group_path(i, group) for i, group in enumerate(groups)]
    if len({len(p) for p in paths}) != 1:
        raise ValueError("groups must name, for every class, its group or equally many groups from coarse to fine")
    levels = [list(range(len(paths)))]
    for depth in range(len(paths[0]), 0, -1):
        # a node is its whole path: equal names under different parents are different nodes
        known: dict[tuple[str, ...], int] = {}
        levels.append([known.setdefault(p[:depth], len(known)) for p in paths])
    return torch.tensor(levels)
