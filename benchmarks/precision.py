"""What bfloat16 is worth on this processor: a step of each model in it, and in float32.

Goal: every model that "auto" trains in bfloat16 here takes less time in it. Steps of both take turns in one process,
cross entropy and Adam on random images; medians over steps.

Run: python benchmarks/precision.py [--threads 1] [--steps 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from simviz import models
from simviz.devices import pick_precision
from simviz.training import forward

CASES = {"lenet": 32, "age": 60, "convnet": 32, "resnet18": 32, "mobilenet_v3_small": 64}
CLASSES, BATCH = 64, 64


def step(model: str, side: int, precision: torch.dtype) -> Callable[[], None]:
    """One step of a network of its own."""
    torch.manual_seed(0)
    backbone = models.build(model, (3, side, side))
    network = nn.ModuleDict({"backbone": backbone, "head": nn.Linear(backbone.features, CLASSES)})
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    images = torch.randn(BATCH, 3, side, side).contiguous(memory_format=torch.channels_last)
    target = torch.randint(0, CLASSES, (BATCH,))

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(forward(network, images, precision)[1], target).backward()
        optimizer.step()

    return run


def seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"threads {arguments.threads}, batch {BATCH}, torch {torch.__version__}\n")
    print(f"{'':28}{'float32 ms':>12}{'bfloat16 ms':>13}{'ratio':>8}  auto")
    for model, side in CASES.items():
        steps = [step(model, side, precision) for precision in (torch.float32, torch.bfloat16)]
        rounds = [[seconds(run) for run in steps] for _ in range(arguments.steps + 3)][3:]
        full, half = (statistics.median(column) * 1e3 for column in zip(*rounds, strict=True))
        chosen = str(pick_precision("auto", torch.device("cpu"), model)).removeprefix("torch.")
        print(f"{f'{model}, {side} x {side}':28}{full:12.1f}{half:13.1f}{full / half:8.2f}  {chosen}")


if __name__ == "__main__":
    main()
