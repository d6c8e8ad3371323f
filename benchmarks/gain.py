"""Do the intervals of "What would it bring my model?" hold?

Draws uploads of four kinds of simulated model whose true change is known (tests/evaluation/simulated_uploads.py), and
counts how many of the stated 95 % intervals contain what the temperature fitted to the whole upload, the one to use
from now on, really changes on new samples. Goal: 90 ... 99 % of 200 uploads for every kind and size, of mean cost and
of accuracy.

Beside them, for mean cost: the percentile interval of the plain bootstrap of units (`statistics.cluster_bootstrap`) on
the same cross-fitted differences, and the spread of the true change over uploads (all that fitting the temperatures
anew in each resample could add) beside that of the estimate.

Run: python benchmarks/gain.py [--uploads 200] [--sizes 200,1000]      (3 minutes on a busy machine)
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from simviz.evaluation import Change, Gain, Ruler, decode, gain_by_cost, halves, statistics
from tests.evaluation.simulated_uploads import CLASSES, RULERS, Truth, Upload, draw

POPULATION = 50_000


def measured(kind: str, size: int, uploads: int, truth: Truth) -> str:
    """One line of the table."""
    hits = np.zeros((uploads, 3), dtype=bool)
    true, estimates, widths = (np.empty(uploads) for _ in range(3))
    for seed in range(uploads):
        upload = draw(kind, size, seed)
        found = gain_by_cost(upload.log_p, upload.target, upload.units, classes=CLASSES, ruler=RULERS[kind])
        cost, accuracy = truth.at(found.temperature)
        plain = statistics.cluster_bootstrap(_differences(upload, found, RULERS[kind]), upload.units)
        hits[seed] = (
            _contains(found.outcome.cost, cost),
            _contains(found.outcome.accuracy, accuracy),
            plain.low <= cost <= plain.high,
        )
        true[seed], estimates[seed] = cost, found.outcome.cost.mean
        widths[seed] = found.outcome.cost.high - found.outcome.cost.low
    shares = "".join(f"{100 * share:9.1f} %" for share in hits.mean(axis=0))
    numbers = f"{true.mean():+10.4f}{estimates.mean():+10.4f}{widths.mean():9.4f}"
    numbers += f"{true.std():10.4f}{estimates.std():9.4f}"
    return f"{kind:14}{size:6}{shares}{numbers}"


def _differences(upload: Upload, found: Gain, ruler: Ruler) -> np.ndarray:
    """Of the cost of each sample, cross-fitted, (N,)."""
    after = np.empty(len(upload.target), dtype=np.int64)
    for rows, temperature in zip(halves(upload.units, upload.target)[::-1], found.temperatures, strict=True):
        after[rows] = decode(upload.log_p[rows], "min_cost", classes=CLASSES, ruler=ruler, temperature=temperature)
    before = decode(upload.log_p, classes=CLASSES)
    return ruler.distance[upload.target, after] - ruler.distance[upload.target, before]


def _contains(change: Change, value: float) -> bool:
    return change.low <= value <= change.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--sizes", default="200,1000")
    asked = parser.parse_args()
    begun = time.perf_counter()
    print(
        f"{asked.uploads} uploads a line; share of 95 % intervals that contain the true change\n"
        f"{'model':14}{'size':>6}{'cost':>11}{'accuracy':>11}{'plain':>11}{'true':>10}{'estimate':>10}{'width':>9}"
        f"{'sd true':>10}{'sd est.':>9}"
    )
    for kind in RULERS:
        truth = Truth(kind, POPULATION)
        for size in map(int, asked.sizes.split(",")):
            print(measured(kind, size, asked.uploads, truth), flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
