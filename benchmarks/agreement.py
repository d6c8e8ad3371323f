"""Does a learned ground distance agree with what is known of the classes, beyond what its controls do?

Trains self_guided and cross entropy with the same seeds and batches on CIFAR-100 (reference: the 20 superclasses, and
the words) and tree-rings (reference: the rings), and prints Spearman's rho between each distance and each reference:
mean and 95 % t interval over the seeds. Controls: the distance of the untrained network's features, of the pixels, and
of the network trained with plain cross entropy, all from the validation images. "learned" is the distance that the
loss used, from the training images of the last epoch while the network changed; "read alike" that of the same
network's features of the validation images, as the controls are read. The finding is the last line, read alike less
cross entropy, paired by seed.

Run: python benchmarks/agreement.py --cifar100 FILE_OR_FOLDER [--epochs 10] [--seeds 3]    (about 20 minutes on 2 cores)
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from simviz import datasets, evaluation, learned, losses, matrices
from simviz.datasets import ImageDataset
from simviz.evaluation import agreement, statistics
from simviz.hyperparameters import TrainingSpec
from simviz.matrices import ClassMatrix
from simviz.training import EpochEnd, Trainer

LEARNED, READ_ALIKE, PLAIN = "learned", "learned, read alike", "cross entropy"


def distances(data: ImageDataset, seed: int, epochs: int) -> dict[str, np.ndarray]:
    """Of one seed: name -> (C, C)."""
    count, rows = len(data.classes), data.indices("validation")
    target, found = data.labels[rows], {}
    found["pixels"] = learned.distance_from(data.images[rows].reshape(len(rows), -1), target, count)
    for setting in ("ce", "self_guided"):
        spec = TrainingSpec(epochs=epochs, seed=seed, batch_size=256 if len(data.labels) > 30_000 else 64)
        trainer = Trainer(spec, data, losses.build(setting, data.classes), evaluation.ruler(data.classes))
        found.setdefault("untrained", learned.distance_from(trainer.predict("validation").features, target, count))
        for event in trainer.events():
            if isinstance(event, EpochEnd) and event.epoch == epochs:
                kept = event.arrays
        if setting == "ce":
            found[PLAIN] = learned.distance_from(trainer.predict("validation").features, target, count)
        else:
            found[LEARNED] = kept["ground_distance"]
            found[READ_ALIKE] = learned.distance_from(trainer.predict("validation").features, target, count)
    return found


def references(data: ImageDataset) -> dict[str, ClassMatrix]:
    if data.classes.positions is not None:
        return {"positions": matrices.positions(data.classes)}
    return {"groups": matrices.groups(data.classes), "words": matrices.word_similarity(data.classes).to_distance()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar100")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    for name in ("tree-rings", *([options.cifar100] if options.cifar100 else [])):
        data = datasets.load(name)
        rhos: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for seed in range(options.seeds):
            for what, distance in distances(data, seed, options.epochs).items():
                for reference, matrix in references(data).items():
                    rhos[reference][what].append(agreement.spearman(distance, matrix.values) or 0.0)
        for reference, of in rhos.items():
            print(f"\n{data.name}, {options.epochs} epochs, {options.seeds} seeds, against {reference}")
            of["learned, alike - cross e."] = list(np.subtract(of[READ_ALIKE], of[PLAIN]))
            for what, values in of.items():
                print(f"{what:26}{_interval(values)}", flush=True)


def _interval(values: list[float]) -> str:
    found = statistics.mean_interval(values)
    return f"{found.mean:7.3f}  [{found.low:6.3f}, {found.high:6.3f}]"


if __name__ == "__main__":
    main()
