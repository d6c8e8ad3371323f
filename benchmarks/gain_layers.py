"""Do the intervals of "And if its last layer were trained with another loss?" hold?

Draws uploads whose posterior is known (tests/evaluation/simulated_uploads.py), with what the model sees as features,
and judges them as the page does: heads of several losses, cross-fitted, their changes from cross entropy's with
intervals that hold for all of them together (Bonferroni). The truth is what the very same heads, those of both
halves, change on a large sample of which the posterior stands for the labels. Counted are uploads of which every
interval contains its truth, and for each loss those whose own does. Goal: 90 ... 99 % of 200 uploads.

Run: python benchmarks/gain_layers.py [--uploads 200] [--sizes 1000,3000]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from simviz import heads, losses
from simviz.evaluation import Change, decode
from tests.evaluation.simulated_uploads import CLASSES, RULERS, Upload, draw

POPULATION = 100_000
KINDS = ("calibrated", "clustered")  # what is reported plays no part here, only what is seen and in which units
SETTINGS = ("simloss@{}", "soft_labels@{}", "expected_cost@{}")


def measured(kind: str, size: int, uploads: int, everyone: Upload) -> str:
    """One line of the table."""
    ruler = RULERS[kind]
    asked = [losses.build(s.format(ruler.name), CLASSES) for s in SETTINGS]
    hits = np.zeros((uploads, len(asked), 2), dtype=bool)
    true, estimates = np.empty((2, uploads, len(asked)))
    drawn = filter(_answered, (draw(kind, size, seed) for seed in itertools.count()))
    for seed, upload in enumerate(itertools.islice(drawn, uploads)):
        samples = heads.features(upload.seen, upload.target, len(CLASSES), upload.units)
        found = heads.gains(samples, asked, classes=CLASSES, ruler=ruler)
        changes = truth(samples, asked, everyone, everyone.posterior @ ruler.distance)
        for place, (one, (cost, accuracy)) in enumerate(zip(found, changes, strict=True)):
            hits[seed, place] = _contains(one.cost, cost), _contains(one.accuracy, accuracy)
            true[seed, place], estimates[seed, place] = cost, one.cost.mean
    shares = "".join(f"{100 * share:9.1f} %" for share in [*hits.all(axis=1).mean(axis=0), *hits[..., 0].mean(axis=0)])
    means = " ".join(f"{t:+.3f} {e:+.3f}" for t, e in zip(true.mean(axis=0), estimates.mean(axis=0), strict=True))
    return f"{kind:12}{size:6}{shares}   {means}"


def truth(
    samples: heads.Features, asked: list[losses.ClassLoss], everyone: Upload, costs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each loss what its heads change of cost and accuracy, the mean over both halves, (losses, 2)."""
    rows, found = np.arange(len(costs)), np.zeros((len(asked), 2))
    for half in samples.halves():
        refitter = heads.Refitter(samples.take(half))
        plain, *others = (
            decode(refitter.head(loss).log_probabilities(everyone.seen), classes=CLASSES)
            for loss in (losses.build("ce", CLASSES), *asked)
        )
        for place, other in enumerate(others):
            for column, table in enumerate((costs, everyone.posterior)):
                found[place, column] += (table[rows, other] - table[rows, plain]).mean() / 2
    return found


def _answered(upload: Upload) -> bool:
    """Whether every class has samples of two units; the page refuses others in a sentence."""
    return np.bincount(upload.target[np.unique(upload.units, return_index=True)[1]]).min() > 1


def _contains(change: Change, value: float) -> bool:
    return change.low <= value <= change.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--sizes", default="1000,3000")
    asked = parser.parse_args()
    begun = time.perf_counter()
    print(f"{asked.uploads} uploads a line; all intervals together on cost and on accuracy, then each loss on cost")
    print(f"losses: {', '.join(SETTINGS)}; last the change of cost, true and estimated")
    everyone = draw("calibrated", POPULATION, seed=10_000)  # what a sample is like is the same in every kind
    for kind in KINDS:
        for size in map(int, asked.sizes.split(",")):
            print(measured(kind, size, asked.uploads, everyone), flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
