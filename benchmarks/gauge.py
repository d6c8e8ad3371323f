"""gauge: what each loss does to a belief that is known exactly.

A needle points at position + Gaussian noise, so the posterior of every image is known. The table shows, per setting on
the test part: the mean cost (positions) to be expected from its decisions, and by how much that is above the
best possible; how far its probabilities are from the posterior (total variation); how sure it is (mean largest
probability); for how many images theory calls a point mass the optimum of SimLoss (E_pi[S_yj / S_ym] <= 1 for every j
at the best m); and how sure it is of those. Expectations are over the class given the image, so no luck of the labels
is in them.

Goals, else it exits with 1: cross entropy within 5 % of the Bayes cost; SimLoss a point mass, a largest probability of
0.95, on the images for which theory says so (where they are 1 % of all or more).

Run: python benchmarks/gauge.py [--epochs 6]      (about 3 minutes on 2 cores)
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from simviz import datasets, evaluation, losses, matrices
from simviz.datasets import gauge
from simviz.hyperparameters import TrainingSpec
from simviz.training import Trainer

RATIOS = (0.1, 0.3, 0.4, 0.5, 0.6, 0.8)


def point_masses(posterior: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """For which of the posteriors (N, C) SimLoss is least at a point mass, (N,)."""
    ratios = similarity[:, :, None] / similarity[:, None, :]  # S_yj / S_ym as (y, j, m)
    return (np.einsum("ny,yjm->njm", posterior, ratios) <= 1 + 1e-9).all(1).any(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)  # more learn the noise by heart
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = datasets.load("gauge")
    rows = data.indices("test")
    posterior = gauge.posterior_of(gauge.latents(data.ids[rows]), data.classes)
    distance = matrices.positions(data.classes).values.astype(float)
    costs = posterior @ distance
    best = costs.min(1).mean()
    print(f"Bayes: mean cost {best:.4f}, largest probability {posterior.max(1).mean():.3f}\n")
    head = f"{'setting':24}{'decoder':>12}{'cost':>9}{'regret %':>10}{'TV':>8}{'largest p':>11}"
    print(f"{head}{'point masses':>14}{'p there':>9}")
    missed = []
    for setting in ("ce", "emd2", "expected_cost@positions", *(f"simloss@order:r={r}" for r in RATIOS)):
        spec = TrainingSpec(epochs=options.epochs, seed=options.seed)
        ruler = evaluation.ruler(data.classes)
        trainer = Trainer(spec, data, losses.build(setting, data.classes), ruler)
        for _ in trainer.events():
            pass
        logs = trainer.predict("test").log_probabilities.astype(np.float64)
        p = np.exp(logs)
        largest, theory = p.max(1), None
        if "simloss" in setting:
            theory = point_masses(posterior, matrices.build(setting[8:], data.classes).values)
            if theory.mean() >= 0.01 and largest[theory].mean() < 0.95:
                missed.append(f"{setting} is no point mass where theory says so: {largest[theory].mean():.3f}")
        for decoder in ("argmax", "min_cost"):
            decided = evaluation.decode(logs, decoder, classes=data.classes, ruler=ruler)
            regret = costs[np.arange(len(costs)), decided].mean() / best - 1
            away = np.abs(p - posterior).sum(1).mean() / 2
            line = f"{setting:24}{decoder:>12}{best * (1 + regret):9.4f}{100 * regret:10.1f}"
            line += f"{away:8.3f}{largest.mean():11.3f}"
            if theory is not None:
                line += f"{theory.mean():14.2f}" + (f"{largest[theory].mean():9.3f}" if theory.any() else "")
            print(line, flush=True)
            if setting == "ce" and regret > 0.05:
                missed.append(f"cross entropy by {decoder} is {100 * regret:.1f} % above Bayes")
    print("\nmissed: " + "; ".join(missed) if missed else "\nboth goals are met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
