"""Random prediction problems for the evaluation tests: one seed, one complete experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet
from simviz.evaluation import Ruler

seeds = st.integers(0, 2**32 - 1)


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def distance_ruler(classes: ClassSet, values: np.ndarray, name: str = "planted") -> Ruler:
    return Ruler(ClassMatrix(classes, values, "distance"), name, "units")


@dataclass
class Case:
    """Predictions that are right now and then; some classes may occur in no target."""

    log_p: np.ndarray
    target: np.ndarray
    classes: ClassSet
    ruler: Ruler
    similarity: ClassMatrix

    @property
    def p(self) -> np.ndarray:
        return np.exp(self.log_p)

    @property
    def x(self) -> np.ndarray:
        return np.array(self.classes.positions)


def relations(problem: Case) -> dict[str, Any]:
    """What any decoder may ask for, as arguments of `decode` and `metrics`."""
    return {"classes": problem.classes, "ruler": problem.ruler, "similarity": problem.similarity}


def case(seed: int, *, n: int | None = None, period: float | None = None, even: bool = False) -> Case:
    """C classes in shuffled order on a line or a circle, in groups; D and S are random and asymmetric."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 12))
    n = int(rng.integers(1, 40)) if n is None else n
    target = rng.integers(0, rng.integers(1, count + 1), n)
    z = rng.normal(0, 1.5, (n, count))
    z[np.arange(n), target] += rng.uniform(0, 3)
    x = rng.permutation(count).astype(float)
    if not even:
        x = rng.permutation(np.cumsum(rng.uniform(0.1, 2, count)))
    if period is not None:
        x = np.sort(rng.choice(int(period * 4), count, replace=False) / 4)
        x = rng.permutation(x)
    classes = ClassSet(
        [f"c{i}" for i in range(count)],
        positions=x.tolist(),
        period=period,
        groups=[f"g{rng.integers(0, 3)}" for _ in range(count)],
    )
    distance = rng.uniform(0.1, 5, (count, count)) * (1 - np.eye(count))
    similarity = ClassMatrix(classes, np.where(np.eye(count), 1, rng.uniform(0, 0.9, (count, count))))
    return Case(log_softmax(z), target, classes, distance_ruler(classes, distance), similarity)


def shuffled(problem: Case, seed: int) -> tuple[Case, np.ndarray]:
    """The same problem with classes renumbered; `order[new] = old`."""
    order = np.random.default_rng(seed).permutation(len(problem.classes))
    classes = problem.classes.subset([problem.classes.names[i] for i in order])
    ruler = Ruler(problem.ruler.matrix.aligned(classes), "planted", "units")
    similarity = problem.similarity.aligned(classes)
    return Case(problem.log_p[:, order], np.argsort(order)[problem.target], classes, ruler, similarity), order
