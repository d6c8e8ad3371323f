from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from simviz import ClassSet, datasets, evaluation, losses
from simviz.hyperparameters import TrainingSpec
from simviz.stack import Stack
from simviz.training import Trainer

from .tiny import NAMES, SIZE

SGD = {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "schedule": "exponential", "decay": 0.8}
CONVNET = {"model": "convnet"}
FAMILIES = {
    "seeds": (["ce", "ce", "ce"], {}),
    "matrices": (["simloss@words:keep=0.1", "simloss@words:keep=0.5", "simloss@groups"], CONVNET),
    "a head of its own": (["coral", "coral"], SGD),
    "warm-up and weights": (["soft_labels@words", "soft_labels@groups"], {"warmup": 1, "class_weights": True}),
    "windows": (["emd2", "emd2"], {"crop": 16, "epochs": 3}),
    "lower precision": (["group_ce", "group_ce"], {**CONVNET, "precision": "bfloat16"}),
}


@pytest.fixture(scope="module")
def data(tiny_folder):
    classes = ClassSet(NAMES, positions=(0, 1, 5, 7), groups=("animal", "animal", "vehicle", "vehicle"))
    return replace(datasets.load(str(tiny_folder), size=SIZE), classes=classes)


def trainers(data, settings, **values):
    """One for each setting, with seeds 0, 1, 0, 1, ... and learning rates that differ."""
    found: list[Trainer] = []
    for i, setting in enumerate(settings):
        chosen = {"model": "lenet", "epochs": 2, "batch_size": 32, "precision": "float32", "lr": 1e-3, **values}
        spec = TrainingSpec(**{**chosen, "seed": i % 2, "lr": chosen["lr"] * (1 + i)})
        weight = torch.tensor([1.0, 2.0, 3.0, 0.5]) if spec.class_weights else None
        loss = losses.build(setting, data.classes, weight=weight)
        found.append(Trainer(spec, data, loss, evaluation.ruler(data.classes, "zero_one"), *found[:1]))
    return found


def alone(trainer, epochs=None):
    for event in trainer.events():
        if getattr(event, "validation", None) and event.epoch == epochs:
            break
    return trainer


def together(found, epochs=None):
    for _ in range(epochs or found[0].spec.epochs):
        stack = Stack(found)
        for _ in stack.steps():
            pass
        for trainer, (loss, seconds) in zip(found, stack.ends(), strict=True):
            event = trainer.end_epoch(loss, seconds)
            assert event.epoch == trainer.epoch
    return found


def weights(trainer):
    return torch.cat([v.flatten().double() for v in trainer.state_dict()["network"].values()])


def numbers(trainer):
    """Everything that training changes, flat."""
    state = trainer.state_dict()
    moments = [one[kind] for one in state["optimizer"].values() for kind in sorted(one)]
    return torch.cat([v.flatten().double() for v in [*state["network"].values(), *moments]])


@pytest.mark.parametrize("family", FAMILIES)
def test_networks_trained_together_are_those_trained_alone(data, family):
    settings, values = FAMILIES[family]
    started = [weights(t) for t in trainers(data, settings, **values)]
    one_by_one = [alone(t) for t in trainers(data, settings, **values)]
    at_once = together(trainers(data, settings, **values))
    close = 0.2 if values.get("precision") == "bfloat16" else 1e-3
    for start, expected, found in zip(started, one_by_one, at_once, strict=True):
        assert (weights(found) - weights(expected)).norm() < close * (weights(expected) - start).norm()
        assert (numbers(found) - numbers(expected)).norm() < close * numbers(expected).norm()


def test_what_was_trained_together_goes_on_alone_and_the_other_way_round(data):
    settings = ["ce", "ce"]
    whole = [alone(t) for t in trainers(data, settings, epochs=4)]
    split = [alone(t) for t in together(trainers(data, settings, epochs=4), 2)]
    turned = together([alone(t, 2) for t in trainers(data, settings, epochs=4)], 2)
    for expected, first, second in zip(whole, split, turned, strict=True):
        assert expected.epoch == first.epoch == second.epoch == 4
        torch.testing.assert_close(weights(first), weights(expected), atol=1e-3, rtol=0)
        torch.testing.assert_close(weights(second), weights(expected), atol=1e-3, rtol=0)


def test_a_stack_is_gone_with_its_last_user_and_keeps_no_best_weights_of_others(data):
    found = trainers(data, ["ce", "ce"], patience=1)
    gc.disable()
    try:
        stack = Stack(found)
        for _ in stack.steps():
            pass
        stack.ends()
        gone = weakref.ref(stack)
        del stack
        assert gone() is None
    finally:
        gc.enable()
    for trainer in found:
        trainer.end_epoch(1.0, 1.0)
        kept = trainer.best_weights.values()
        assert all(v.untyped_storage().nbytes() == v.numel() * v.element_size() for v in kept)


@pytest.mark.parametrize(
    ("settings", "values", "why"),
    [
        (["ce", "emd2"], {}, "they differ in the loss"),
        (["gce:q=0.5", "gce:q=0.7"], {}, "they differ in the loss"),
        (["self_guided", "self_guided"], {}, "self_guided hears features"),
        (["ce", "ce"], {"model": "shufflenet_v2_x0_5"}, "shufflenet_v2_x0_5 is none of our own networks"),
    ],
)
def test_what_cannot_be_trained_together_is_said(data, settings, values, why):
    with pytest.raises(ValueError, match=why):
        Stack(trainers(data, settings, **values))


def test_trainers_that_differ_in_spec_epoch_or_images_are_refused(data):
    first, second = trainers(data, ["ce", "ce"])
    (other,) = trainers(data, ["ce"])
    with pytest.raises(ValueError, match="their images lie apart"):
        Stack([first, other])
    longer = trainers(data, ["ce", "ce"], epochs=3)[1]
    with pytest.raises(ValueError, match="they differ in epochs"):
        Stack([first, longer])
    alone(second, 1)
    with pytest.raises(ValueError, match="at the epochs 0 and 1"):
        Stack([first, second])
