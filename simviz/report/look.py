"""How the matrices of a report are drawn: what `simviz report` and the confusion page let one choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.evaluation.collapse import Nodes
from simviz.figures.confusion import Normalize
from simviz.matrices import ClassMatrix, anatomy

ORDERS = ("index", "name", "group", "similarity", "confusion")


@dataclass(frozen=True)
class Look:
    """One way to draw all matrices and differences.

    Attributes
    ----------
    normalize, hide_diagonal, log : as in `figures.confusion.confusion`
    order : one of `ORDERS`
    level : of the groups whose classes are put together, as in `evaluation.collapse.collapse`; 0 for none
    """

    normalize: Normalize = "true"
    order: str = "index"
    level: int = 0
    hide_diagonal: bool = False
    log: bool = False

    def options(self) -> list[str]:
        """The words that ask `simviz report` for it; none for what is at its default."""
        words = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                words += [f"--{field.name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return words


PLAIN = Look()


def ordered(
    by: str,
    nodes: Nodes,
    *,
    classes: ClassSet,
    total: ArrayLike,
    near: Callable[[], Ruler],
    leaves: Callable[[ClassMatrix], list[int]] = anatomy.leaf_order,
    confused: Callable[..., list[int]] = evaluation.confusion_order,
) -> list[int]:
    """The row that is drawn at each place.

    Parameters
    ----------
    by : one of `ORDERS`; "group" is the order of the list where the classes have none
    total : array_like (K, K), the counts of all matrices together, for "confusion"
    near : gives the distance by which like classes stand side by side, for "similarity"
    leaves, confused : a page's own, which remember what they gave

    Raises
    ------
    ValueError
        For another order.
    """
    if by not in ORDERS:
        raise ValueError(f"there is no order {by!r} of the classes; it is one of {', '.join(ORDERS)}")
    rows = range(len(nodes))
    if by == "name":
        return sorted(rows, key=lambda i: nodes.names[i].lower())
    if by == "group" and classes.groups is not None:
        depth = len(classes.groups[0])
        return sorted(rows, key=lambda i: nodes.paths[i][:depth])
    if by == "confusion":
        return confused(total)
    if by != "similarity":
        return list(rows)
    ruler = near()
    if len(nodes) == len(classes):
        return leaves(ruler.matrix)
    mean = nodes.mean(ruler.distance_for(classes))
    np.fill_diagonal(mean, 0)
    return leaves(ClassMatrix(list(nodes.names), mean, "distance"))


def likeness(classes: ClassSet, ruler: Ruler) -> Ruler:
    """The distance by which like classes are put side by side: that of their names, where these have no order."""
    if classes.ordered:
        return ruler
    try:
        return evaluation.ruler(classes, "words")
    except (ValueError, OSError, ImportError):  # a name without a vector, or no vectors at all
        return ruler
