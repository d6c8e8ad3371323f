"""gauge: what each loss does to a belief that is known exactly.

A needle points at position + Gaussian noise, so the posterior of every image is known. The table shows, per setting on
the test part: the mean cost (positions) to be expected from its decisions, and by how much that is above the
best possible; how far its probabilities are from the posterior (total variation); how sure it is (mean largest
probability); and for how many images theory calls a point mass the optimum of SimLoss (E_pi[S_yj / S_ym] <= 1 for
every j at the best m). Expectations are over the class given the image, so no luck of the labels is in them.

Goals: cross entropy within 5 % of the Bayes cost; SimLoss a point mass from the predicted r on.

Run: python benchmarks/gauge.py [--epochs 6]      (about 3 minutes on 2 cores)
"""

from __future__ import annotations

import argparse

import numpy as np

from simviz import datasets, evaluation, losses, matrices
from simviz.datasets import gauge
from simviz.hyperparameters import TrainingSpec
from simviz.training import Trainer

RATIOS = (0.1, 0.3, 0.4, 0.5, 0.6, 0.8)


def point_masses(posterior: np.ndarray, similarity: np.ndarray) -> float:
    """The share of posteriors (N, C) for which SimLoss is least at a point mass."""
    ratios = similarity[:, :, None] / similarity[:, None, :]  # S_yj / S_ym as (y, j, m)
    return float(((np.einsum("ny,yjm->njm", posterior, ratios) <= 1 + 1e-9).all(1).any(1)).mean())


def main() -> None:
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
    print(f"{'setting':24}{'decoder':>12}{'cost':>9}{'regret %':>10}{'TV':>8}{'largest p':>11}{'point masses':>14}")
    for setting in ("ce", "emd2", "expected_cost@positions", *(f"simloss@order:r={r}" for r in RATIOS)):
        spec = TrainingSpec(epochs=options.epochs, seed=options.seed)
        ruler = evaluation.ruler(data.classes)
        trainer = Trainer(spec, data, losses.build(setting, data.classes), ruler)
        for _ in trainer.events():
            pass
        logs = trainer.predict("test").log_probabilities.astype(np.float64)
        p = np.exp(logs)
        theory = "simloss" in setting and point_masses(posterior, matrices.build(setting[8:], data.classes).values)
        for decoder in ("argmax", "min_cost"):
            decided = evaluation.decode(logs, decoder, classes=data.classes, ruler=ruler)
            cost = costs[np.arange(len(costs)), decided].mean()
            away = np.abs(p - posterior).sum(1).mean() / 2
            print(
                f"{setting:24}{decoder:>12}{cost:9.4f}{100 * (cost / best - 1):10.1f}{away:8.3f}{p.max(1).mean():11.3f}"
                f"{theory if theory is not False else float('nan'):14.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
