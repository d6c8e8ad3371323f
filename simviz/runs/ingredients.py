"""What a spec is trained from: its data, its loss, its trainer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from simviz import datasets, evaluation, matrices
from simviz.matrices import ClassMatrix
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


@dataclass(frozen=True)
class Ingredients:
    """All that a run reads from outside of its folder; `matrix` is the one its loss was given, if it takes one."""

    data: datasets.ImageDataset
    loss: Any
    ruler: evaluation.Ruler
    matrix: ClassMatrix | None


def gather(spec: RunSpec) -> Ingredients:
    """The ingredients of a run; ValueError where they cannot be read or do not fit each other."""
    data, part = load_data(spec), spec.setting.matrix
    matrix = None if part is None else matrices.build(part, data.classes)
    return Ingredients(data, build_loss(spec, data), evaluation.ruler(data.classes, spec.ruler), matrix)


def trainer_for(
    spec: RunSpec, given: Ingredients | None = None, beside: Any = None
) -> tuple[Any, datasets.ImageDataset]:
    """A `Trainer` at its first epoch, and the data it trains on; the ingredients are gathered where not given."""
    found = given or gather(spec)
    if spec.pretrained is not None:
        from simviz.pretrained import FrozenTrainer

        return FrozenTrainer(spec, found.data, found.loss, found.ruler), found.data
    from simviz.training import Trainer

    return Trainer(spec, found.data, found.loss, found.ruler, beside), found.data
