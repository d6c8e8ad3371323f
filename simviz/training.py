"""One training run as a stream of events. Knows no processes, files or pages.

The order of the batches and the augmentation are a function of (seed, epoch, step) alone, so every
loss of a seed sees the same batches, and a resumed run the ones it would have seen.
"""

from __future__ import annotations

import copy
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

from simviz import models
from simviz.datasets import ImageDataset
from simviz.devices import pick_device, pick_precision
from simviz.evaluation import Ruler, confusion_matrix, metrics
from simviz.evaluation.predictions import Predictions
from simviz.hyperparameters import RISING, TrainingSpec
from simviz.losses.base import ClassLoss

SMALL_FEATURES = 512
PADDING = 4
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


class Trainer:
    """Trains one network with one loss.

    Parameters
    ----------
    spec, data, loss, ruler
        The ruler measures validation errors; it plays no part in training.

    Raises
    ------
    ValueError
        Where data, model, loss or device do not fit each other.
    """

    def __init__(self, spec: TrainingSpec, data: ImageDataset, loss: ClassLoss, ruler: Ruler) -> None:
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
        self.train_rows = data.indices("train")
        self.images = torch.from_numpy(np.ascontiguousarray(data.images[self.train_rows])).to(self.device)
        self.labels = torch.from_numpy(data.labels[self.train_rows]).to(self.device)
        self.mean, self.scale = _pixel_statistics(self.images, spec.standardize)
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
        ValueError
            In the epoch in which the loss is no longer finite.
        """
        while self.epoch < self.spec.epochs and not self._out_of_patience():
            started = time.perf_counter()
            self.network.train()
            total = torch.zeros((), device=self.device)
            for step, batch in enumerate(self._batches()):
                self._set_rate(self.epoch * self.steps + step)
                total += self._learn(*batch)
                yield Step(self.epoch + 1, step + 1, self.steps)
            mean_loss = float(total) / self.steps
            if not math.isfinite(mean_loss):
                raise ValueError(f"the loss became {mean_loss} in epoch {self.epoch + 1}; lower the learning rate")
            warm = self.epoch < self.warmup
            self.epoch += 1
            yield self._end_epoch(mean_loss, time.perf_counter() - started, warm)

    def predict(self, part: str) -> Predictions:
        """Log-probabilities and features of one part with the weights as they are now."""
        rows = self.data.indices(part)
        logs, features = [], []
        self.network.eval()
        with torch.inference_mode():
            for chunk in np.array_split(rows, max(1, math.ceil(len(rows) / 1024))):
                images = torch.from_numpy(np.ascontiguousarray(self.data.images[chunk])).to(self.device)
                if self.spec.crop is not None:
                    images = window(images, self.spec.crop)
                pixels = self._pixels(images)
                found, outputs = self._forward(pixels)
                log = self.loss.log_probabilities(outputs)
                if self.spec.mirror:
                    mirrored = self.loss.log_probabilities(self._forward(pixels.flip(3))[1])
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
        features, outputs = self._forward(images)
        self.loss.observe(features.detach(), target)
        if self.epoch < self.warmup:
            value = F.nll_loss(self.loss.log_probabilities(outputs), target, weight=self.loss.weight)
        else:
            value = self.loss(outputs, target)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        return value.detach()

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return forward(self.network, images, self.precision)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = np.random.default_rng([self.spec.seed, self.epoch]).permutation(len(self.train_rows))
        allowed = self.data.augment if self.spec.augment else ()
        for step in range(self.steps):
            rows = torch.from_numpy(order[step * self.spec.batch_size : (step + 1) * self.spec.batch_size])
            rows = rows.to(self.device)
            images = self.images.index_select(0, rows)
            random = np.random.default_rng([self.spec.seed, self.epoch, step + 1])
            if self.spec.crop is not None:
                images = window(images, self.spec.crop, random if self.spec.augment else None, flip="flip" in allowed)
            elif allowed:
                images = augmented(images, random, crop="crop" in allowed, flip="flip" in allowed)
            yield self._pixels(images), self.labels[rows]

    def _pixels(self, images: Tensor) -> Tensor:
        return standardized(images, self.mean, self.scale)

    def _set_rate(self, step: int) -> None:
        factor = 1.0
        if self.spec.schedule == "one-cycle":
            factor = one_cycle((step + 0.5) / (self.spec.epochs * self.steps))
        elif self.spec.decay is not None:
            factor = self.spec.decay**self.epoch
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.lr * factor

    def _end_epoch(self, train_loss: float, seconds: float, warm: bool) -> EpochEnd:
        arrays = {k: np.asarray(v.cpu() if isinstance(v, Tensor) else v) for k, v in self.loss.end_epoch().items()}
        predictions = self.predict("validation")
        logs, target = predictions.log_probabilities, predictions.target
        values = metrics(logs, target, classes=self.data.classes, ruler=self.ruler)
        confusion = confusion_matrix(target, logs.argmax(1), len(self.data.classes))
        best = self._track_best(values) if self.spec.patience else True
        stop = self._out_of_patience() or self.epoch == self.spec.epochs
        images = len(self.train_rows)
        return EpochEnd(self.epoch, train_loss, seconds, images, warm, values, confusion, arrays, best, stop)

    def _track_best(self, values: dict[str, Any]) -> bool:
        value = values.get(self.spec.monitor)
        if value is None:
            raise ValueError(f"early stopping watches {self.spec.monitor!r}, which these classes do not have")
        value = value if self.spec.monitor in RISING else -value
        if self.epoch <= self.warmup or not value > self.best_value:
            return False
        self.best_epoch, self.best_value = self.epoch, value
        self.best_weights = copy.deepcopy(_weights(self.network, self.loss))
        return True

    def _out_of_patience(self) -> bool:
        waited = self.epoch - max(self.best_epoch, self.warmup)
        return self.spec.patience is not None and waited >= self.spec.patience

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        for prefix, module in (("network.", self.network), ("loss.", self.loss)):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})


def standardized(images: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """(N, H, W, channels) uint8 -> (N, channels, H, W) float32, stored channels last."""
    count, height, width, _ = images.shape
    # Whole images as rows: arithmetic over a last axis of three channels is several times slower.
    rows = images.reshape(count, -1).to(torch.float32, copy=True)
    rows.sub_(mean.repeat(height * width)).mul_(scale.repeat(height * width))
    return rows.view(images.shape).permute(0, 3, 1, 2)


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


def augmented(images: Tensor, random: np.random.Generator, *, crop: bool, flip: bool) -> Tensor:
    """Random crop after padding by 4, and mirror, of a whole batch at once.

    images : uint8 (N, H, W, channels); the same shape comes back.
    """
    count, height, width, _ = images.shape
    shift = random.integers(0, 2 * PADDING + 1, (2, count)) if crop else None
    mirror = random.random(count) < 0.5 if flip else None
    if shift is not None:
        images = _cut(F.pad(images, (0, 0, *4 * (PADDING,))), shift[0], shift[1], height, width)
    return images if mirror is None else _mirrored(images, mirror)


def window(images: Tensor, side: int, random: np.random.Generator | None = None, *, flip: bool = False) -> Tensor:
    """A square of each image of a batch, (N, side, side, channels): the middle, or a random one, then mirrored or not.

    images : uint8 (N, H, W, channels)
    """
    count, height, width, _ = images.shape
    top, left = np.full(count, (height - side) // 2), np.full(count, (width - side) // 2)
    if random is not None:
        top, left = (random.integers(0, size - side + 1, count) for size in (height, width))
    images = _cut(images, top, left, side, side)
    return images if random is None or not flip else _mirrored(images, random.random(count) < 0.5)


def _cut(images: Tensor, top: NDArray[np.int64], left: NDArray[np.int64], height: int, width: int) -> Tensor:
    """The window of each image whose upper left corner is given."""
    count, whole_height, whole_width, channels = images.shape
    places = (count, whole_height - height + 1, whole_width - width + 1, height, width, channels)
    each, row, column, channel = images.stride()
    views = images.as_strided(places, (each, row, column, row, column, channel))  # every window of every image
    at = (np.arange(count), top, left)
    if images.device.type == "cpu":  # NumPy copies rows where torch copies pixels
        return torch.from_numpy(views.numpy()[at])
    return views[tuple(torch.from_numpy(i).to(images.device) for i in at)]


def _mirrored(images: Tensor, which: NDArray[np.bool_]) -> Tensor:
    at = torch.from_numpy(np.flatnonzero(which)).to(images.device)
    return images.index_copy(0, at, images.index_select(0, at).flip(2))


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


def _pixel_statistics(images: Tensor, standardize: bool) -> tuple[Tensor, Tensor]:
    """What to subtract from and multiply uint8 pixels with, per channel."""
    channels = images.shape[3]
    if not standardize:
        return torch.zeros(channels, device=images.device), torch.full((channels,), 1 / 255, device=images.device)
    some = images[:: max(1, len(images) // 5000)]
    # Counted, not summed: arithmetic over a last axis of three channels is several times slower.
    counts = torch.stack([torch.bincount(some[..., c].flatten(), minlength=256) for c in range(channels)]).double()
    shares, values = counts / counts.sum(1, keepdim=True), torch.arange(256, device=images.device).double()
    mean = shares @ values
    deviation = (shares @ values.square() - mean.square()).clamp_min(1.0).sqrt()
    return mean.float(), (1 / deviation).float()
