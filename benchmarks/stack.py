"""Are several small networks quicker together than one after another?

Times epochs of M networks of one loss (SimLoss, one matrix each, two seeds) on pictograms, stepped as one program
(`simviz.stack`) and one after another, in turns, and prints seconds a network and epoch and their ratio: above 1 it
pays. `simviz.stack.worthwhile` is to say what this table says of the device.

Run: python benchmarks/stack.py [--model lenet] [--device auto] [--images 2000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch

from simviz import datasets, evaluation, losses
from simviz.hyperparameters import TrainingSpec
from simviz.stack import Stack
from simviz.training import Trainer

TOGETHER = (2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    data = datasets.load("pictograms")
    ruler = evaluation.ruler(data.classes)
    made: list[Trainer] = []
    for i in range(max(TOGETHER)):
        spec = TrainingSpec(
            model=asked.model, device=asked.device, train_size=asked.images, seed=i % 2, batch_size=256, epochs=1000
        )
        loss = losses.build(f"simloss@words:keep={0.01 * (i + 1):g}", data.classes)
        made.append(Trainer(spec, data, loss, ruler, *made[:1]))
    device = torch.cuda.get_device_name(made[0].device) if made[0].device.type == "cuda" else "processor"
    print(f"{asked.model}, {asked.images} pictograms, {device}, {made[0].precision}, seconds a network and epoch")
    print("networks  one by one  together  ratio")
    for count in TOGETHER:
        pairs = [(_alone(made[:count]), _together(made[:count])) for _ in range(asked.repeats + 1)][1:]
        alone, together = (median(column) / count for column in zip(*pairs, strict=True))
        print(f"{count:8d}  {alone:10.4f}  {together:8.4f}  {alone / together:5.2f}")


def _alone(trainers: list[Trainer]) -> float:
    began = _now(trainers[0])
    for trainer in trainers:
        for _ in zip(range(trainer.steps), trainer.events(), strict=False):
            pass
    return _now(trainers[0]) - began


def _together(trainers: list[Trainer]) -> float:
    stack = Stack(trainers)
    began = _now(trainers[0])
    for _ in stack.steps():
        pass
    return _now(trainers[0]) - began


def _now(trainer: Trainer) -> float:
    """The clock, once the device has done what it was given."""
    if trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
