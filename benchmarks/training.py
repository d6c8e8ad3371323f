"""An epoch of training: ours beside the usual loops, and beside a loop that has nothing to do but learn.

    ours        simviz.training.Trainer, cross entropy, with the augmentation of the data set
    loader      torch DataLoader over PIL images with torchvision transforms, the same augmentation; 0 and 2 workers
                (kept alive between epochs, their start is not counted)
    lightning   the same data, network and optimiser in PyTorch Lightning, with the faster number of workers
    ceiling     batches staged in memory, standardised and laid out, no augmentation

Goals: ours at least 4 times the faster loader, and at least 0.75 of the ceiling. All train the same network with
Adam at one precision, which is said; all take turns in each round, in one process. Medians over rounds, of the
seconds of an epoch without validation and of the ratios within a round. The first round warms up and is left out.

Run: python benchmarks/training.py [PARQUET] [--rounds 5] [--images 10000] [--precision auto|float32|bfloat16]
     (PARQUET: CIFAR-100, by default in $SIMVIZ_TEST_DATA; needs the extra "test" for Lightning)
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch import callbacks
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from simviz import datasets, evaluation, losses, models
from simviz.datasets import ImageDataset
from simviz.devices import pick_device, pick_precision
from simviz.hyperparameters import TrainingSpec
from simviz.pixels import standardized
from simviz.training import EpochEnd, Trainer

RATE = 1e-3
GOALS = {"loader": 4.0, "ceiling": 0.75}


class Pictures(Dataset[tuple[Tensor, int]]):
    """The training part as torchvision's data sets keep theirs: an array, and a PIL image a sample."""

    def __init__(self, data: ImageDataset, transform: Callable[[Image.Image], Tensor]) -> None:
        rows = data.indices("train")
        self.images, self.labels, self.transform = data.images[rows], data.labels[rows], transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


class Module(lightning.LightningModule):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        return F.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=RATE)


class Stopwatch(callbacks.Callback):
    """Seconds of the one epoch, without what Lightning does before and after it."""

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.start


class Bench:
    """One data set and network; every method trains one epoch and returns its seconds."""

    def __init__(self, data: ImageDataset, model: str, batch: int, precision: str) -> None:
        self.data, self.model, self.batch = data, model, batch
        self.device = pick_device("auto")
        self.precision = pick_precision(precision, self.device, model)
        spec = TrainingSpec(
            model=model, batch_size=batch, lr=RATE, schedule="constant", epochs=1000, precision=precision
        )
        ruler = evaluation.ruler(data.classes, "zero_one")
        self.trainer = Trainer(spec, data, losses.CrossEntropyLoss(), ruler)
        self.events = self.trainer.events()
        self.loaders = {w: self._loader(w) for w in (0, 2)}
        self.plain, self.optimizer = self._network()
        self.staged = self._staged()
        self.fast, self.fused = self._network(torch.channels_last, fused=True)
        self.module = Module(self._network()[0])

    def ours(self) -> float:
        return next(event.seconds for event in self.events if isinstance(event, EpochEnd))

    def loader(self, workers: int) -> float:
        return self._epoch(self.loaders[workers], self.plain, self.optimizer)

    def ceiling(self) -> float:
        return self._epoch(self.staged, self.fast, self.fused)

    def lightning(self, workers: int) -> float:
        watch = Stopwatch()
        trainer = lightning.Trainer(
            max_epochs=1,
            precision="bf16-mixed" if self.precision == torch.bfloat16 else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[watch],
        )
        trainer.fit(self.module, self.loaders[workers])
        return watch.seconds

    def _epoch(self, batches: object, network: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        start = time.perf_counter()
        network.train()
        total = torch.zeros((), device=self.device)
        for images, target in batches:  # type: ignore[attr-defined]
            images, target = images.to(self.device), target.to(self.device)
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                outputs = network(images)
            loss = F.cross_entropy(outputs.float(), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        assert np.isfinite(float(total))
        return time.perf_counter() - start

    def _network(
        self, layout: torch.memory_format = torch.contiguous_format, fused: bool = False
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        backbone = models.build(self.model, (3, *self.data.images.shape[1:3]))
        network = nn.Sequential(backbone, nn.Linear(backbone.features, len(self.data.classes)))
        network.to(self.device).to(memory_format=layout)
        return network, torch.optim.Adam(network.parameters(), lr=RATE, fused=fused)

    def _loader(self, workers: int) -> DataLoader[tuple[Tensor, int]]:
        size = self.data.images.shape[1]
        steps: list[nn.Module] = [v2.RandomCrop(size, padding=4)] if "crop" in self.data.augment else []
        steps += [v2.RandomHorizontalFlip()] if "flip" in self.data.augment else []
        scaled = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
        normal = v2.Normalize((self.trainer.mean / 255).tolist(), (1 / (255 * self.trainer.scale)).tolist())
        pictures = Pictures(self.data, v2.Compose([*steps, *scaled, normal]))
        return DataLoader(
            pictures, self.batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0, pin_memory=False
        )

    def _staged(self) -> list[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.trainer.labels), device=self.device)
        mean, scale = self.trainer.mean, self.trainer.scale
        rows = order.split(self.batch)
        return [(standardized(self.trainer.images[r], mean, scale), self.trainer.labels[r]) for r in rows]


def measure(name: str, bench: Bench, rounds: int) -> None:
    """One block of the table."""
    turns = {
        "ours": bench.ours,
        "loader, 0 workers": lambda: bench.loader(0),
        "loader, 2 workers": lambda: bench.loader(2),
        "ceiling": bench.ceiling,
    }
    first = {kind: turn() for kind, turn in turns.items()}
    workers = 0 if first["loader, 0 workers"] < first["loader, 2 workers"] else 2
    turns[f"lightning, {workers} workers"] = lambda: bench.lightning(workers)
    turns[f"lightning, {workers} workers"]()
    times = [{kind: turn() for kind, turn in turns.items()} for _ in range(rounds)]
    loader = min(("loader, 0 workers", "loader, 2 workers"), key=lambda k: statistics.median(t[k] for t in times))
    images = len(bench.trainer.labels)
    augment = " and ".join(bench.data.augment) or "none"
    print(f"\n{name}: {images:,} images, batch {bench.batch}, augmentation {augment}, {rounds} rounds")
    print(f"{'':<22} {'s an epoch':>10} {'images/s':>9} {'time / ours':>12}")
    for kind in turns:
        seconds = statistics.median(t[kind] for t in times)
        ratio = statistics.median(t[kind] / t["ours"] for t in times)
        print(f"{kind:<22} {seconds:>10.2f} {images / seconds:>9,.0f} {ratio:>12.2f}")
    for kind, goal in GOALS.items():
        which = loader if kind == "loader" else kind
        found = statistics.median(t[which] / t["ours"] for t in times)
        print(f"goal: {which} takes at least {goal} times ours: {found:.2f}, {'met' if found >= goal else 'MISSED'}")


def some(data: ImageDataset, images: int) -> ImageDataset:
    """So many training images, and a handful to validate on, which costs no time."""
    data = data.subset(images)
    few = [data.indices(part)[:64] for part in ("validation", "test")]
    return data.take(np.sort(np.concatenate([data.indices("train"), *few])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    options = parser.parse_args()
    parquet = options.parquet or next(Path(os.environ["SIMVIZ_TEST_DATA"]).glob("cifar100*.parquet"))
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    cases = [("CIFAR-100, lenet", str(parquet), "lenet", 1024), ("pictograms, convnet", "pictograms", "convnet", 64)]
    for number, (name, source, model, batch) in enumerate(cases):
        bench = Bench(some(datasets.load(source), options.images), model, batch, options.precision)
        if number == 0:
            precision = str(bench.precision).removeprefix("torch.")
            load, threads = f"load {os.getloadavg()[0]:.1f} at the start", torch.get_num_threads()
            print(f"{bench.device}, {precision} for all, {threads} threads, {load}, torch {torch.__version__}")
        measure(name, bench, options.rounds)


if __name__ == "__main__":
    main()
