"""Similarity from the order of the classes."""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix, checked_number


def class_order(classes: ClassSet | int, r: float = 0.8) -> ClassMatrix:
    """S_ij = r^|i - j|, i and j the ranks of the classes (SimLoss, Kobs et al. 2020, ages).

    Parameters
    ----------
    classes : ClassSet or int
        An int n names the classes "0" to "n-1". With positions the rank is that of the position, and
        with a period |i - j| is counted the shorter way round; without positions it is the index.
    r : float, 0 <= r < 1
        0 gives the identity, that is plain cross entropy.

    Returns
    -------
    ClassMatrix of kind "similarity"

    Raises
    ------
    ValueError
        If r is outside [0, 1) or the number of classes is not positive.
    """
    if not isinstance(classes, ClassSet):
        if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 1:
            raise ValueError(f"classes is {classes!r}; give a ClassSet or a positive number of classes")
        classes = ClassSet([str(i) for i in range(classes)])
    r = checked_number(r, "r", 0, 1, below=True)
    ranks = np.arange(len(classes))
    if classes.positions is not None:
        ranks = np.argsort(np.argsort(classes.positions))
    steps = np.abs(ranks[:, None] - ranks[None, :])
    if classes.circular:
        steps = np.minimum(steps, len(classes) - steps)
    recipe = {"matrix": "order", "r": r, "by": "position" if classes.ordered else "index"}
    return ClassMatrix(classes, np.power(float(r), steps), "similarity", recipe=recipe)
