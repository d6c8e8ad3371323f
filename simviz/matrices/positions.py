"""Distance from the positions of ordered classes."""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix, checked_number


def positions(classes: ClassSet, power: float = 1.0) -> ClassMatrix:
    """D_ij = |x_i - x_j|^power in the units of the positions, the shorter way round where there is a period.

    Parameters
    ----------
    classes : ClassSet with positions
    power : float, 0 < power <= 16

    Returns
    -------
    ClassMatrix of kind "distance"

    Raises
    ------
    ValueError
        If the classes have no positions, or power is out of range.
    """
    if classes.positions is None:
        raise ValueError(
            f"the {len(classes)} classes ({classes.names[0]!r}, ...) have no positions; "
            "add them, e.g. ClassSet(names, positions=[8, 35, 75]), or use groups or words"
        )
    power = checked_number(power, "power", 0, 16, above=True)
    x = np.asarray(classes.positions, dtype=np.float64)
    gaps = np.abs(x[:, None] - x[None, :])
    if classes.period is not None:
        gaps = np.minimum(gaps, classes.period - gaps)
    recipe = {"matrix": "positions", "power": power, "period": classes.period}
    return ClassMatrix(classes, gaps**power, "distance", recipe=recipe)
