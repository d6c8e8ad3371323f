"""What a file says the last layer was fed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simviz.evaluation.foreign.files import MAX_VALUES
from simviz.evaluation.foreign.table import Source


def features(source: Source, names: Sequence[str]) -> NDArray[np.float16]:
    """The features of every sample, (N, F), in the precision in which runs of our own keep them.

    Parameters
    ----------
    names : columns of one feature each, or the one block of all

    Raises
    ------
    ValueError
        For more than `MAX_VALUES`, or one that is no number, not finite or above 65,504.
    """
    block, values = source.several(names)
    count, width = values.shape
    if values.size > MAX_VALUES:
        raise ValueError(f"{source.name} has {count:,} x {width:,} features; at most {MAX_VALUES:,} are read")
    with np.errstate(over="ignore"):
        found = values.astype(np.float16)
    if not (fits := np.isfinite(found)).all():
        row, column = np.argwhere(~fits)[0]
        raise ValueError(
            f"row {row + 1} of the features {block or names[column]!r} in {source.name} is {values[row, column]}; a "
            "feature is a number, at most 65,504"
        )
    return found
