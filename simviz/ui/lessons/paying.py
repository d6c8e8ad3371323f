"""What the losses themselves say about a written-down answer, for the steps that need no run. Loads torch."""

from __future__ import annotations

import numpy as np

from simviz.classes import ClassSet
from simviz.ui import cache
from simviz.ui.views.losses import Case, preset

SAME = 1e-6  # two values of a loss that differ by less than this share are one


def near_and_far(name: str, classes: ClassSet, part: str, true: str, near: str, far: str) -> tuple[float, float]:
    """A loss where the mass lies on the near class, and where it lies on the far one.

    Both as the page of losses writes them down: 80 % there, 15 % on the true class, a little on all.
    """
    from simviz.losses import probe

    matrix = cache.matrix(part, classes)
    case = Case(classes, matrix, part, *(classes.index(c) for c in (true, near, far)))
    answers = probe.mixed(np.stack([preset(guess, case) for guess in ("near miss", "far miss")]))
    found = probe.values(probe.build(name, classes, matrix), answers, case.true)
    return float(found[0]), float(found[1])


def same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * max(1.0, abs(one))
