"""Does the forecast know, before training, which matrices cost SimLoss its accuracy?

Trains cross entropy and SimLoss with each of 63 matrices on pictograms, tree-rings and clock (the app's default network
and rate, 5 epochs), and sets the share of CE's accuracy that was kept, mean of three seeds, beside
`matrices.forecast.forecast`. One seed does not tell .44 from .51.

Goals: at least 90 % of the matrices that lose more than half of CE's accuracy are flagged, at most 10 % of the others.
The record that `--out` writes is what tests/matrices/test_forecast.py holds the forecast against.

Run: python benchmarks/forecast.py [--out tests/matrices/forecast.json]      (about 45 minutes on 2 cores)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean

from simviz import datasets, evaluation, losses, matrices
from simviz.datasets import ImageDataset
from simviz.hyperparameters import TrainingSpec
from simviz.matrices.forecast import forecast
from simviz.settings import parse_setting
from simviz.training import Trainer

KEEPS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
BOUNDS = (0.8, 0.7, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3, 0.2, 0.0)
UNIT = ("keep=0.02", "keep=0.05", "keep=0.1", "keep=0.2", "lower_bound=0.5", "lower_bound=0.4", "lower_bound=0.3")
SHUFFLED = ("0.02,shuffle=1", "0.1,shuffle=1", "0.3,shuffle=1", "0.03,shuffle=2", "0.07,shuffle=2", "0.15,shuffle=2")
DRAWN = (  # at random, from the ranges of the sliders
    *("simloss:normalize=columns@order:r=0.44", "simloss@order:r=0.13", "simloss@words:keep=0.064"),
    *("simloss@words:keep=0.487,shuffle=3", "simloss@words:keep=0.437", "simloss@words:keep=0.00722"),
    *("simloss@words:keep=0.405", "simloss:normalize=columns@words:lower_bound=0.37"),
)
PICTOGRAMS = (
    *(f"simloss@words:keep={keep}" for keep in KEEPS),
    *(f"simloss@words:lower_bound={bound}" for bound in BOUNDS),
    *(f"simloss:normalize=columns@words:{rule}" for rule in UNIT),
    *(f"simloss@words:keep={keep}" for keep in SHUFFLED),
    *(f"simloss@order:r={r}" for r in (0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)),
    "simloss@groups",
    *DRAWN,
)
TREE_RINGS = tuple(f"simloss@order:r={r}" for r in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9))
CLOCK = tuple(f"simloss@order:r={r}" for r in (0.3, 0.5, 0.7, 0.9))
SEEDS = (0, 1, 2)


def accuracy(data: ImageDataset, setting: str, seed: int) -> float:
    """On the test part after 5 epochs."""
    ruler = evaluation.ruler(data.classes)
    trainer = Trainer(TrainingSpec(epochs=5, seed=seed), data, losses.build(setting, data.classes), ruler)
    for _ in trainer.events():
        pass
    predictions = trainer.predict("test")
    return float((predictions.log_probabilities.argmax(1) == predictions.target).mean())


def similarity(data: ImageDataset, setting: str) -> matrices.ClassMatrix:
    """What the loss of a setting is given."""
    part = parse_setting(setting)
    assert part.matrix is not None
    matrix = matrices.build(part.matrix, data.classes)
    return matrix.to_similarity() if matrix.kind == "distance" else matrix


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    record = []
    print(f"{'data':12}{'setting':48}{'of CE':>8}{'score':>10}{'drawn / C':>10}")
    for name, settings in (("pictograms", PICTOGRAMS), ("tree-rings", TREE_RINGS), ("clock", CLOCK)):
        data = datasets.load(name)
        plain = [accuracy(data, "ce", seed) for seed in SEEDS]
        for setting in settings:
            normalize = str(parse_setting(setting).loss.options.get("normalize", "none"))
            kept = mean(accuracy(data, setting, seed) / of_ce for seed, of_ce in zip(SEEDS, plain, strict=True))
            said = forecast(similarity(data, setting), normalize)
            record.append({"data": name, "setting": setting, "kept": round(kept, 4)})
            print(
                f"{name:12}{setting:48}{kept:8.2f}{said.score:10.2f}"
                f"{said.drawn_to / said.classes:10.2f}{'  flagged' * said.costly}",
                flush=True,
            )
    if out:
        out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
