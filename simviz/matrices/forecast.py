"""Before training: how much of cross entropy's accuracy will SimLoss keep with this matrix?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simviz.matrices.anatomy import perplexity, uninformed_prediction
from simviz.matrices.core import ClassMatrix

FALLS = 0.65
COSTLY = 0.23
HUBS = 0.5
NAMED = 4


@dataclass(frozen=True)
class Forecast:
    """What SimLoss is expected to do with a similarity.

    Attributes
    ----------
    classes : int
        C.
    told_apart : float
        How many classes, 1 ... C, SimLoss pays for telling apart: C for the identity, 1 where all entries are equal.
    drawn_to : float
        To how many classes a network that knows nothing yet is drawn, 1 ... C: exp entropy of
        `anatomy.uninformed_prediction`.
    hubs : str
        The largest column sums by name, and their mean; a sentence's part.
    most : str
        The classes that the uninformed network is drawn to most.
    """

    classes: int
    told_apart: float
    drawn_to: float
    hubs: str
    most: str

    @property
    def costly(self) -> bool:
        """Whether more than half of cross entropy's accuracy is expected to be lost.

        A network that is drawn to few classes has to leave them before it can tell the others apart: the square root of
        the share it is drawn to counts too. Of two classes one that knows nothing is right half of the time.
        """
        return self.classes > 2 and self.score < COSTLY

    @property
    def score(self) -> float:
        """What `costly` cuts, 0 ... 1: (told_apart - 1) / (C - 1) * sqrt(drawn_to / C)."""
        share = (self.told_apart - 1) / (self.classes - 1)
        return share * math.sqrt(self.drawn_to / self.classes)

    @property
    def gathers(self) -> bool:
        """Whether an uninformed network is drawn to hubs: to fewer than half of the classes."""
        return self.drawn_to < HUBS * self.classes

    @property
    def warning(self) -> str | None:
        """Sentences to show before training; None where accuracy is expected to fall by little."""
        if not self.costly and self.told_apart >= FALLS * self.classes:
            return None
        expected = "less than half of cross entropy's accuracy" if self.costly else "accuracy to fall"
        why = (
            f"SimLoss pays for telling about {self.told_apart:.0f} of the {self.classes} classes apart: "
            f"expect {expected}. "
        )
        if self.gathers:
            why += (
                f"It pays a bonus for probability on classes with large column sums, here {self.hubs}, and a "
                f"network that knows nothing yet is drawn to about {self.drawn_to:.0f} of them ({self.most} most of "
                "all); compare with normalize=columns. "
            )
        return why + "A narrower matrix keeps more accuracy: a smaller keep or r, a larger lower_bound."


def forecast(similarity: ClassMatrix, normalize: str = "none") -> Forecast:
    """What to expect of SimLoss with this similarity, before any training.

    How much lower the loss of the right answers is than that of the best constant answer p*
    (`anatomy.uninformed_prediction`), where a network stands that cannot tell the classes apart yet, is what SimLoss
    pays for telling them apart. As a number of classes it is

        exp(1/C sum_y log (S_yy / (S p*)_y))

    which is C for cross entropy. Both a wide S and hubs lower it, and in the same short training the accuracy falls
    with it, and with hubs more than with width: `Forecast.score` multiplies how far it is from 1 to C by the root of
    the share of classes in exp entropy of p*, and below 0.23 it is called costly. Of the 63 matrices of
    ``benchmarks/forecast.py`` 28 lost more than half of the accuracy; of these 26 are flagged, and 3 of the other 35,
    which kept 50 to 59 %. The root and the cut were chosen on these; chosen anew without the matrix that is judged, 25
    and 4. CIFAR-100 by GloVe, LeNet, which chose nothing: at .91 C 94 % of the accuracy was kept, at .53 C 70 %, at
    .14 C 28 %.

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
    Ours.

    >>> from simviz import matrices
    >>> round(forecast(matrices.class_order(10, r=0.0)).told_apart, 4)
    10.0
    """
    if similarity.kind != "similarity":
        raise ValueError("a forecast is made from a similarity, and this matrix is a distance; pass to_similarity()")
    values = similarity.values.astype(np.float64)
    sums, count = values.sum(axis=0), len(values)
    if normalize == "columns":
        values = values / sums
    drawn = uninformed_prediction(values)
    gain = np.log(values.diagonal() / (values @ drawn)).mean()
    largest = np.argsort(-sums, kind="stable")[:NAMED]
    hubs = ", ".join(f"{similarity.names[i]} ({sums[i]:.1f})" for i in largest)
    return Forecast(
        count,
        float(np.exp(gain)),
        float(perplexity(drawn)),
        f"{hubs}; the mean is {sums.mean():.1f}",
        ", ".join(similarity.names[i] for i in np.argsort(-drawn, kind="stable")[:NAMED]),
    )
