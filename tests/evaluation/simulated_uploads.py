"""Prediction files of simulated models whose true gain is known. Also used by benchmarks/gain.py and gain_layers.py.

Twelve classes in an order, in four groups of three; what a model sees of a sample is its class and its group under
normal noise, so the posterior is known exactly. Kinds of model, and the ruler they are measured by:

calibrated     reports the posterior                                                              groups: few change
overconfident  reports it with logits three times too large                                       positions: many do
clustered      ten samples a unit, of one class, half of their noise in common; logits twice too large     positions
lopsided       has a logit too much or too little for each class: no temperature repairs that                 groups
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simviz import ClassSet, evaluation
from simviz.evaluation import decode

from .evaluation_cases import log_softmax

CLASSES = ClassSet([f"c{i}" for i in range(12)], groups=[f"g{i // 3}" for i in range(12)], positions=range(12))
GROUPS, POSITIONS = (evaluation.ruler(CLASSES, name) for name in ("groups", "positions"))
RULERS = {"calibrated": GROUPS, "overconfident": POSITIONS, "clustered": POSITIONS, "lopsided": GROUPS}
MEANS = 1.0 * np.eye(12) + 0.7 * np.kron(np.eye(4), np.ones((3, 3)))
PER_UNIT = 10
FACTORS = {"overconfident": 3.0, "clustered": 2.0}
TILT = np.linspace(-1.5, 1.5, 12)[np.random.default_rng(7).permutation(12)]
TEMPERATURES = np.geomspace(0.1, 20, 40)


@dataclass(frozen=True)
class Upload:
    """What the model sees (N, 12), its log-probabilities and the posterior (N, 12), true classes and units (N,)."""

    seen: NDArray[np.float64]
    log_p: NDArray[np.float64]
    posterior: NDArray[np.float64]
    target: NDArray[np.int64]
    units: NDArray[np.int64]


def draw(kind: str, samples: int, seed: int) -> Upload:
    """An upload of a model of this kind."""
    random = np.random.default_rng(seed)
    if kind == "clustered":
        units = np.arange(samples) // PER_UNIT
        target = random.integers(0, 12, units[-1] + 1)[units]
        shared = random.normal(size=(units[-1] + 1, 12))[units]
        noise = np.sqrt(0.5) * (shared + random.normal(size=(samples, 12)))
    else:
        units, target = np.arange(samples), random.integers(0, 12, samples)
        noise = random.normal(size=(samples, 12))
    seen = MEANS[target] + noise
    posterior = log_softmax(seen @ MEANS)
    reported = FACTORS.get(kind, 1.0) * posterior + (TILT if kind == "lopsided" else 0)
    return Upload(seen, log_softmax(reported), np.exp(posterior), target, units)


class Truth:
    """The changes of mean cost and accuracy that a temperature brings on all samples of a kind.

    From a large draw, in which the posterior stands for the labels; between 40 temperatures they are interpolated.
    """

    def __init__(self, kind: str, samples: int) -> None:
        everyone = draw(kind, samples, seed=10_000)
        plain, ruler = decode(everyone.log_p, classes=CLASSES), RULERS[kind]
        costs = everyone.posterior @ ruler.distance
        rows = np.arange(samples)
        self.cost, self.accuracy = [], []
        for temperature in TEMPERATURES:
            found = decode(everyone.log_p, "min_cost", classes=CLASSES, ruler=ruler, temperature=temperature)
            self.cost.append(float((costs[rows, found] - costs[rows, plain]).mean()))
            better = everyone.posterior[rows, found] - everyone.posterior[rows, plain]
            self.accuracy.append(float(better.mean()))

    def at(self, temperature: float) -> tuple[float, float]:
        """The changes of mean cost and of accuracy."""
        where, grid = np.log(temperature), np.log(TEMPERATURES)
        return float(np.interp(where, grid, self.cost)), float(np.interp(where, grid, self.accuracy))
