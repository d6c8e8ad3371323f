"""What a model says of one picture: its classes, what each would cost, and the decision of every decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.decoders import apply_temperature, decode
from simviz.evaluation.probabilities import checked_log_probabilities, chunks
from simviz.evaluation.ruler import Ruler
from simviz.matrices import ClassMatrix


@dataclass(frozen=True)
class Answer:
    """One model on one picture.

    Attributes
    ----------
    probability : float64 (C,), p, which sums to 1
    cost : float64 (C,), in units of the ruler
        What each class would cost if it were the answer: cost_c = sum_k q_k D_kc, where q = p, softened by the
        temperature if there is one. It is what the decoder min_cost minimises.
    decisions : decoder -> class, of the decoders that apply
    """

    probability: NDArray[np.float64]
    cost: NDArray[np.float64]
    decisions: dict[str, int]

    def top(self, count: int) -> NDArray[np.int64]:
        """The most probable classes, best first; ties go to the lowest index."""
        return np.argsort(-self.probability, kind="stable")[:count]


def answer(
    log_probabilities: ArrayLike,
    *,
    classes: ClassSet,
    ruler: Ruler,
    temperature: float | None = None,
    similarity: ClassMatrix | ArrayLike | None = None,
) -> Answer:
    """The answer behind one row of log-probabilities.

    Parameters
    ----------
    log_probabilities : float16, float32 or float64, shape (C,)
    classes, ruler
    temperature : float, optional
        Softens p for min_cost and for the costs, see `fit_temperature`; the other decoders read p as it is.
    similarity : ClassMatrix or array_like (C, C), optional
        The S that p was trained with; adds the decoder blurred.

    Raises
    ------
    ValueError
        As `decode` does: for a bad row, classes the ruler lacks, or a bad similarity.

    Examples
    --------
    >>> import numpy as np
    >>> from simviz import ClassSet, evaluation
    >>> zoo = ClassSet(["cat", "dog", "bus"], groups=["animal", "animal", "vehicle"])
    >>> said = answer(np.log([0.3, 0.3, 0.4]), classes=zoo, ruler=evaluation.ruler(zoo))
    >>> said.cost.round(1).tolist(), said.decisions
    ([1.1, 1.1, 1.2], {'argmax': 2, 'min_cost': 0})
    """
    row = checked_log_probabilities(np.asarray(log_probabilities)[None], len(classes)).astype(np.float64)
    probability = next(chunks(row)).p[0]
    likely = row if temperature is None else apply_temperature(row, temperature)
    cost = next(chunks(likely)).p[0] @ ruler.distance_for(classes)
    decoders = ("argmax", "min_cost") + (("median", "expectation") if classes.ordered else ())
    if similarity is not None:
        decoders += ("blurred",)
    decisions = {
        name: int(
            decode(
                row,
                name,
                classes=classes,
                ruler=ruler,
                temperature=temperature if name == "min_cost" else None,
                similarity=similarity,
            )[0]
        )
        for name in decoders
    }
    return Answer(probability, cost, decisions)
