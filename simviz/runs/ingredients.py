"""What a spec is trained from: its data, its loss, its trainer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from simviz import datasets, evaluation
from simviz.runs.spec import RunSpec


@lru_cache(maxsize=2)
def _load_data(dataset: str, test: str | None, drop: tuple[str, ...], size: int | None) -> datasets.ImageDataset:
    return datasets.load(dataset, test=test, drop=drop, size=size)


def load_data(spec: RunSpec) -> datasets.ImageDataset:
    """The data set of a spec, its classes with the words the spec gives them."""
    data = _load_data(spec.dataset, spec.test, spec.drop, spec.image_size)
    return replace(data, classes=data.classes.with_words(spec.words)) if spec.words else data


def build_loss(spec: RunSpec, data: datasets.ImageDataset) -> Any:
    """The loss of a spec for the classes of its data; ValueError where they do not fit."""
    import torch

    from simviz import losses

    weight = None
    if spec.class_weights:
        counts = np.bincount(data.labels[data.indices("train")], minlength=len(data.classes))
        weight = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)
    return losses.build(spec.setting, data.classes, weight=weight)


def trainer_for(spec: RunSpec) -> tuple[Any, datasets.ImageDataset]:
    """A `Trainer` at its first epoch, and the data it trains on."""
    from simviz.training import Trainer

    data = load_data(spec)
    return Trainer(spec, data, build_loss(spec, data), evaluation.ruler(data.classes, spec.ruler)), data
