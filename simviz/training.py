"""One training run as a stream of events. Knows no processes, files or pages.

The order of the batches and the augmentation are a function of (seed, epoch, step) alone, so every
loss of a seed sees the same batches, and a resumed run the ones it would have seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from simviz import models, pixels
from simviz.datasets import ImageDataset
from simviz.devices import pick_device, pick_precision
from simviz.evaluation import Ruler, confusion_matrix, metrics
from simviz.evaluation.predictions import Predictions
from simviz.hyperparameters import RISING, TrainingSpec
from simviz.losses.base import ClassLoss

SMALL_FEATURES = 512
RISE = 0.25


@dataclass(frozen=True)
class Step:
    """A batch is done; nothing was read back from the device for it."""

    epoch: int
    step: int
    steps: int


@dataclass(frozen=True)
class EpochEnd:
    """An epoch is done and validated."""

    epoch: int
    train_loss: float
    seconds: float
    images: int
    warmup: bool
    validation: dict[str, Any]
    confusion: NDArray[np.int64]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    best: bool = True
    stop: bool = False


def check(spec: TrainingSpec, data: ImageDataset, *, watched: bool = False) -> None:
    """ValueError where every run with these data would fail: their parts and size, the metric watched, the model.

    `watched` says that the monitor counts although nothing stops early. Nothing is trained.
    """
    _checked_data(data, spec)
    lacking = {"mae": not data.classes.ordered, "superclass_accuracy": data.classes.groups is None}
    if (watched or spec.patience is not None) and lacking.get(spec.monitor):
        raise ValueError(f"the metric to watch is {spec.monitor!r}, which these classes do not have")
    if spec.pretrained is None:
        with torch.random.fork_rng(devices=[]):
            models.build(spec.model or data.default_model, _input_shape(data, spec.crop))


class Diverged(ValueError):
    """A number that training needs is no longer finite: the learning rate is too high."""


class Trainer:
    """Trains one network with one loss.

    Parameters
    ----------
    spec, data, loss, ruler
        The ruler measures validation errors; it plays no part in training.
    beside
        A trainer on the same device with the same data, whose images in the device's memory are used.

    Raises
    ------
    ValueError
        Where data, model, loss or device do not fit each other.
    """

    def __init__(
        self, spec: TrainingSpec, data: ImageDataset, loss: ClassLoss, ruler: Ruler, beside: Trainer | None = None
    ) -> None:
        data = _checked_data(data, spec)
        self.spec, self.data, self.ruler = spec, data, ruler
        self.device = pick_device(spec.device)
        model = spec.model or data.default_model
        self.precision = pick_precision(spec.precision, self.device, model)
        torch.manual_seed(spec.seed)
        backbone = models.build(model, _input_shape(data, spec.crop))
        self.loss = loss.to(self.device)
        self.network = nn.ModuleDict({"backbone": backbone, "head": loss.head(backbone.features, len(data.classes))})
        self.network.to(self.device).to(memory_format=torch.channels_last)
        self.objective = Objective(self.network, self.loss, self.precision)
        self.train_rows = data.indices("train")
        if beside is None:
            self.images = torch.from_numpy(np.ascontiguousarray(data.images[self.train_rows])).to(self.device)
        else:
            self.images = beside.images
        self.labels = torch.from_numpy(data.labels[self.train_rows]).to(self.device)
        self.mean, self.scale = pixels.statistics(self.images, spec.standardize)
        parameters = [*self.network.parameters(), *self.loss.parameters()]
        self.optimizer = _optimizer(parameters, spec)
        self.steps = math.ceil(len(self.train_rows) / spec.batch_size)
        self.warmup = max(spec.warmup, loss.warmup_epochs(spec.epochs))
        self.epoch = 0
        self.best_epoch, self.best_value = 0, -math.inf
        self.best_weights: dict[str, Tensor] | None = None

    def events(self) -> Iterator[Step | EpochEnd]:
        """Train until the last epoch or early stopping; may be abandoned at any event.

        Raises
        ------
        Diverged
            In the epoch in which the loss, or an output for a validation image, is no longer finite.
        """
        while not self.over:
            started = time.perf_counter()
            self.network.train()
            total = torch.zeros((), device=self.device)
            for step, batch in enumerate(self.batches()):
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate(step)
                total += self._learn(*batch)
                yield Step(self.epoch + 1, step + 1, self.steps)
            yield self.end_epoch(float(total) / self.steps, time.perf_counter() - started)

    @property
    def over(self) -> bool:
        """Whether the last epoch is done, or training has stopped early."""
        return self.epoch >= self.spec.epochs or self._out_of_patience()

    @property
    def warm(self) -> bool:
        """Whether the epoch under way is one of plain cross entropy, before the loss takes over."""
        return self.epoch < self.warmup

    def predict(self, part: str) -> Predictions:
        """Log-probabilities and features of one part with the weights as they are now."""
        rows = self.data.indices(part)
        logs, features = [], []
        self.network.eval()
        with torch.inference_mode():
            for chunk in np.array_split(rows, max(1, math.ceil(len(rows) / 1024))):
                images = torch.from_numpy(np.ascontiguousarray(self.data.images[chunk])).to(self.device)
                if self.spec.crop is not None:
                    images = pixels.window(images, self.spec.crop)
                batch = self._pixels(images)
                found, outputs = self._forward(batch)
                log = self.loss.log_probabilities(outputs)
                if self.spec.mirror:
                    mirrored = self.loss.log_probabilities(self._forward(batch.flip(3))[1])
                    log = torch.logaddexp(log, mirrored) - math.log(2)
                logs.append(log.clamp(-6e4, 0).cpu().numpy().astype(np.float16))
                features.append(found.cpu().numpy().astype(np.float16))
        hidden = np.concatenate(features)
        return Predictions(
            self.data.ids[rows],
            np.asarray(self.data.units[rows]),
            np.asarray(self.data.labels[rows]),
            np.concatenate(logs),
            hidden if hidden.shape[1] <= SMALL_FEATURES else None,
        )

    def use_best(self) -> int:
        """Go to the weights of the chosen epoch and return it: the best with patience, else the last."""
        if self.best_weights is not None:
            self._load_weights(self.best_weights)
            return self.best_epoch
        return self.epoch

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on as if never interrupted, and what the network's input is."""
        _, height, width = _input_shape(self.data, self.spec.crop)
        return {
            "network": self.network.state_dict(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "best": self.best_weights or {},
            "progress": {"epoch": self.epoch, "best_epoch": self.best_epoch, "best_value": self.best_value},
            "pixels": {"mean": self.mean, "scale": self.scale, "height": height, "width": width},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": self._laid_out(state["optimizer"])})
        self.best_weights = state["best"] or None
        self.epoch = int(state["progress"]["epoch"])
        self.best_epoch = int(state["progress"]["best_epoch"])
        self.best_value = float(state["progress"]["best_value"])

    def _laid_out(self, moments: dict[int, dict[str, Tensor]]) -> dict[int, dict[str, Tensor]]:
        """Moments in the memory layout of their parameters: the fused optimizer walks both as flat arrays."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        return {
            i: {
                k: torch.empty_like(parameters[i]).copy_(v) if v.shape == parameters[i].shape else v
                for k, v in m.items()
            }
            for i, m in moments.items()
        }

    def _learn(self, images: Tensor, target: Tensor) -> Tensor:
        value = self.objective(images, target, self.warm)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        return value.detach()

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return forward(self.network, images, self.precision)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and targets of the epoch under way, a batch at a time."""
        order = np.random.default_rng([self.spec.seed, self.epoch]).permutation(len(self.train_rows))
        allowed = self.data.augment if self.spec.augment else ()
        for step, rows in enumerate(torch.from_numpy(order).to(self.device).split(self.spec.batch_size)):
            images = self.images.index_select(0, rows)
            random = np.random.default_rng([self.spec.seed, self.epoch, step + 1])
            if self.spec.crop is not None:
                images = pixels.window(
                    images, self.spec.crop, random if self.spec.augment else None, flip="flip" in allowed
                )
            elif allowed:
                images = pixels.augmented(images, random, crop="crop" in allowed, flip="flip" in allowed)
            yield self._pixels(images), self.labels[rows]

    def _pixels(self, images: Tensor) -> Tensor:
        return pixels.standardized(images, self.mean, self.scale)

    def rate(self, step: int) -> float:
        """The learning rate of a step of the epoch under way, counted from 0."""
        factor = 1.0
        if self.spec.schedule == "one-cycle":
            factor = one_cycle((self.epoch * self.steps + step + 0.5) / (self.spec.epochs * self.steps))
        elif self.spec.decay is not None:
            factor = self.spec.decay**self.epoch
        return self.spec.lr * factor

    def end_epoch(self, train_loss: float, seconds: float) -> EpochEnd:
        """The epoch's steps are done: validate. `Diverged` where the mean `train_loss` or an output is not finite."""
        warm = self.warm
        self.epoch += 1
        if not math.isfinite(train_loss):
            raise Diverged(f"the loss became {train_loss} in epoch {self.epoch}; lower the learning rate")
        arrays = {k: np.asarray(v.cpu() if isinstance(v, Tensor) else v) for k, v in self.loss.end_epoch().items()}
        predictions = self.predict("validation")
        logs, target = predictions.log_probabilities, predictions.target
        if np.isnan(logs).any():
            raise Diverged(f"the outputs became nan in epoch {self.epoch}; lower the learning rate")
        values = metrics(logs, target, classes=self.data.classes, ruler=self.ruler)
        confusion = confusion_matrix(target, logs.argmax(1), len(self.data.classes))
        best = self._track_best(values) if self.spec.patience else True
        images = len(self.train_rows)
        return EpochEnd(self.epoch, train_loss, seconds, images, warm, values, confusion, arrays, best, self.over)

    def _track_best(self, values: dict[str, Any]) -> bool:
        value = values.get(self.spec.monitor)
        if value is None:
            raise ValueError(f"early stopping watches {self.spec.monitor!r}, which these classes do not have")
        value = value if self.spec.monitor in RISING else -value
        if self.epoch <= self.warmup or not value > self.best_value:
            return False
        self.best_epoch, self.best_value = self.epoch, value
        # A copy of a view is a copy of all that lies beside it, in a stack every network's weights.
        self.best_weights = {k: v.clone() for k, v in _weights(self.network, self.loss).items()}
        return True

    def _out_of_patience(self) -> bool:
        waited = self.epoch - max(self.best_epoch, self.warmup)
        return self.spec.patience is not None and waited >= self.spec.patience

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        for prefix, module in (("network.", self.network), ("loss.", self.loss)):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})


class Objective(nn.Module):
    """Network and loss as one module: what a step makes smaller."""

    def __init__(self, network: nn.ModuleDict, loss: ClassLoss, precision: torch.dtype) -> None:
        super().__init__()
        self.network, self.loss, self.precision = network, loss, precision

    def forward(self, images: Tensor, target: Tensor, warm: bool) -> Tensor:
        features, outputs = forward(self.network, images, self.precision)
        self.loss.observe(features.detach(), target)
        if warm:
            return F.nll_loss(self.loss.log_probabilities(outputs), target, weight=self.loss.weight)
        return self.loss(outputs, target)


def forward(network: nn.ModuleDict, images: Tensor, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """Features and outputs, float32; only the backbone runs in lower precision."""
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        features = network["backbone"](images)
    features = features.float()
    return features, network["head"](features)


def one_cycle(share: float) -> float:
    """The learning rate as a share of its peak: up over a quarter of the training, down along a cosine.

    Without the way up, a batch-norm network at this rate spends its first epochs recovering from the
    first steps (Smith and Topin 2018).
    """
    if share < RISE:
        return 0.04 + 0.96 * share / RISE
    return (1 + math.cos(math.pi * (share - RISE) / (1 - RISE))) / 2


def _weights(network: nn.Module, loss: nn.Module) -> dict[str, Tensor]:
    return {f"{p}.{k}": v for p, m in (("network", network), ("loss", loss)) for k, v in m.state_dict().items()}


def _optimizer(parameters: list[nn.Parameter], spec: TrainingSpec) -> torch.optim.Optimizer:
    if spec.momentum is not None:
        return torch.optim.SGD(parameters, lr=spec.lr, momentum=spec.momentum, nesterov=True, fused=True)
    return torch.optim.Adam(parameters, lr=spec.lr, fused=True)


def _input_shape(data: ImageDataset, crop: int | None) -> tuple[int, int, int]:
    """Channels, height and width of what the network sees."""
    height, width, channels = data.images.shape[1:]
    return (channels, height, width) if crop is None else (channels, crop, crop)


def _checked_data(data: ImageDataset, spec: TrainingSpec) -> ImageDataset:
    if spec.crop is not None and spec.crop > min(data.images.shape[1:3]):
        size = " x ".join(map(str, data.images.shape[1:3]))
        raise ValueError(f"crop is {spec.crop}, but the images of {data.name} are {size}; crop less, or enlarge them")
    for part in ("validation", "test"):
        if not len(data.indices(part)):
            raise ValueError(f"{data.name} has no {part} images; add some, or give a test part of its own")
    return data if spec.train_size is None else data.subset(spec.train_size)
