"""Before training: how much of cross entropy's accuracy will SimLoss keep with this matrix?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simviz.matrices.anatomy import perplexity, uninformed_prediction
from simviz.matrices.core import ClassMatrix

FALLS = 0.5
COSTLY = 0.36
NAMED = 4


@dataclass(frozen=True)
class Forecast:
    """What SimLoss is expected to do with a similarity.

    Attributes
    ----------
    classes : int
        C.
    drawn_to : float
        To how many classes a network that knows nothing yet is drawn, 1 ... C: exp entropy of
        `anatomy.uninformed_prediction`.
    hubs : str
        The largest column sums by name, and their mean; a sentence's part.
    most : str
        The classes that the uninformed network is drawn to most.
    """

    classes: int
    drawn_to: float
    hubs: str
    most: str

    @property
    def costly(self) -> bool:
        """Whether more than half of cross entropy's accuracy is expected to be lost."""
        return self.drawn_to < COSTLY * self.classes

    @property
    def warning(self) -> str | None:
        """A sentence to show before training; None where accuracy is expected to fall by little."""
        if self.drawn_to >= FALLS * self.classes:
            return None
        if self.costly:
            expected = "expect less than half of cross entropy's accuracy, on a few classes"
        else:
            expected = "expect predictions to gather on few classes, and accuracy to fall"
        return (
            f"SimLoss pays a bonus for probability on classes with large column sums, here {self.hubs}. A network that "
            f"cannot tell the classes apart yet is drawn to about {self.drawn_to:.0f} of {self.classes} classes "
            f"({self.most} most of all): {expected}. "
            "Keep fewer pairs (a smaller keep or r, a larger lower_bound), or compare with normalize=columns."
        )


def forecast(similarity: ClassMatrix, normalize: str = "none") -> Forecast:
    """What to expect of SimLoss with this similarity, before any training.

    Before a network can tell the classes apart, SimLoss draws it to the constant prediction argmin_p -1/C sum_y
    log (S p)_y. With S the identity that is every class alike; where S has hubs it is few classes, and a network that
    has gathered on them finds back late or never. The share of the classes it is drawn to, exp entropy / C, comes
    near the share of cross entropy's accuracy that is kept: more than half was lost below 0.36.

    Parameters
    ----------
    similarity : ClassMatrix
        Of C classes, as `losses.SimLoss` takes it.
    normalize : {"none", "columns"}
        As in `losses.SimLoss`.

    Raises
    ------
    ValueError
        For a distance.

    Source
    ------
    Ours; held against trained networks by ``benchmarks/forecast.py``.

    >>> from simviz import matrices
    >>> round(forecast(matrices.class_order(10, r=0.0)).drawn_to, 4)
    10.0
    """
    if similarity.kind != "similarity":
        raise ValueError("a forecast is made from a similarity, and this matrix is a distance; pass to_similarity()")
    values = similarity.values.astype(np.float64)
    sums = values.sum(axis=0)
    if normalize == "columns":
        values = values / sums
    drawn = uninformed_prediction(values)
    largest = np.argsort(-sums, kind="stable")[:NAMED]
    hubs = ", ".join(f"{similarity.names[i]} ({sums[i]:.1f})" for i in largest)
    most = ", ".join(similarity.names[i] for i in np.argsort(-drawn, kind="stable")[:NAMED])
    return Forecast(len(similarity), float(perplexity(drawn)), f"{hubs}; the mean is {sums.mean():.1f}", most)
