"""Distance in the tree of groups."""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix


def groups(classes: ClassSet) -> ClassMatrix:
    """D_ij = height of the lowest common ancestor: 0 the class itself, 1 the same group, 2 another group, and so on.

    With groups of several levels, from coarse to fine, two classes are as far apart as the number of levels at
    which they part, plus one. A group counts as the same only if all groups above it are. D is an ultrametric.

    Parameters
    ----------
    classes : ClassSet with groups

    Returns
    -------
    ClassMatrix of kind "distance"

    Raises
    ------
    ValueError
        If the classes have no groups.
    """
    if classes.groups is None:
        raise ValueError(
            f"the {len(classes)} classes ({classes.names[0]!r}, ...) have no groups; "
            "add them, e.g. ClassSet(names, groups=['flower', 'flower', 'vehicle']), or use words"
        )
    distance = np.ones((len(classes), len(classes)))
    depth = len(classes.groups[0])
    for level in range(1, depth + 1):
        ids: dict[tuple[str, ...], int] = {}
        branch = np.array([ids.setdefault(path[:level], len(ids)) for path in classes.groups])
        distance += branch[:, None] != branch[None, :]
    np.fill_diagonal(distance, 0)
    return ClassMatrix(classes, distance, "distance", recipe={"matrix": "groups", "levels": depth})
