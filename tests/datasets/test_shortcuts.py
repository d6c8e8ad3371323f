"""Drawn sets cannot be solved by looking at colour, area and size: shape and counting are needed.

A predictor that sees only each image's mean colours, foreground area and outer radius is compared, on
the test part, with a small convnet that sees the image.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from torch import nn

from simviz import models
from simviz.datasets import ImageDataset
from simviz.devices import pick_precision


def shortcuts(images: np.ndarray) -> np.ndarray:
    """(N, 11): mean colour of image, ground and foreground, foreground area, outer radius."""
    pixels = images.astype(np.float32)
    edge = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], 1)
    ground = np.median(edge, 1)
    front = np.abs(pixels - ground[:, None, None]).sum(3) > 40
    area = front.sum((1, 2))
    colour = (pixels * front[..., None]).sum((1, 2)) / np.maximum(area, 1)[:, None]
    y, x = np.indices(images.shape[1:3]) - (images.shape[1] - 1) / 2
    reach = (front * np.hypot(x, y)).max((1, 2))
    return np.column_stack([pixels.mean((1, 2)), ground, colour, area, reach])


def shortcut_predictions(data: ImageDataset, target: np.ndarray) -> np.ndarray:
    """What a regressor makes of the test part's shortcuts when it learns `target` from all training images."""
    train = data.indices("train")
    trees = HistGradientBoostingRegressor(loss="absolute_error", max_iter=60, random_state=0)
    trees.fit(shortcuts(data.images[train]), target[train])
    return trees.predict(shortcuts(data.images[data.indices("test")]))


@pytest.fixture
def one_thread():
    """On a busy machine, threads that wait for each other take several times as long as one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network_predictions(data: ImageDataset, epochs: int) -> np.ndarray:
    """Predicted classes of the test part by the data set's own network, trained briefly."""
    torch.manual_seed(0)
    backbone = models.build(data.default_model, (3, *data.images.shape[1:3]))
    network = nn.Sequential(backbone, nn.Linear(backbone.features, len(data.classes)))
    network.to(memory_format=torch.channels_last)
    train = data.indices("train")
    steps = epochs * -(-len(train) // 128)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)

    precision = pick_precision("auto", torch.device("cpu"), data.default_model)

    def outputs(rows: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(data.images[rows].astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            return network(pixels.contiguous(memory_format=torch.channels_last)).float()

    for _ in range(epochs):
        order = train[torch.randperm(len(train)).numpy()]
        for start in range(0, len(order), 128):
            rows = order[start : start + 128]
            value = nn.functional.cross_entropy(outputs(rows), torch.from_numpy(data.labels[rows]))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        return np.concatenate([outputs(r).argmax(1).numpy() for r in np.array_split(data.indices("test"), 20)])


def group_cost(data: ImageDataset, predicted: np.ndarray) -> tuple[float, float]:
    """(mean height of the lowest common group, accuracy) on the test part."""
    target = data.labels[data.indices("test")]
    group = np.unique([g[0] for g in data.classes.groups], return_inverse=True)[1]
    return float(np.mean((predicted != target) * 1 + (group[predicted] != group[target]))), float(
        np.mean(predicted == target)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_pictograms(pictograms):
    train, test = pictograms.indices("train"), pictograms.indices("test")
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0)
    forest.fit(shortcuts(pictograms.images[train]), pictograms.labels[train])
    shortcut_cost, shortcut_accuracy = group_cost(pictograms, forest.predict(shortcuts(pictograms.images[test])))
    cost, accuracy = group_cost(pictograms, network_predictions(pictograms, epochs=3))
    chance = 1 / len(pictograms.classes)
    assert shortcut_cost >= 1.5 * cost
    assert accuracy - chance >= 1.5 * (shortcut_accuracy - chance)
    assert shortcut_accuracy < 3 * chance


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_tree_rings(tree_rings):
    data = tree_rings.subset(1000)
    test = data.indices("test")
    shortcut = np.abs(shortcut_predictions(tree_rings, tree_rings.labels) - data.labels[test]).mean()
    network = np.abs(network_predictions(data, epochs=4) - data.labels[test]).mean()
    assert shortcut >= 1.5 * network


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_gauge(gauge):
    label = gauge.labels[gauge.indices("test")]
    shortcut = np.abs(shortcut_predictions(gauge, gauge.labels) - label).mean()
    network = np.abs(network_predictions(gauge.subset(2000), epochs=3) - label).mean()
    assert shortcut >= 1.5 * network


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_clock(clock):
    label = clock.labels[clock.indices("test")]
    angle = 2 * np.pi * clock.labels / 60
    sine, cosine = (shortcut_predictions(clock, target) for target in (np.sin(angle), np.cos(angle)))

    def off(minutes: np.ndarray) -> float:
        away = np.abs(minutes - label)
        return float(np.minimum(away, 60 - away).mean())

    shortcut = off(np.arctan2(sine, cosine) / (2 * np.pi) * 60 % 60)
    assert shortcut >= 1.5 * off(network_predictions(clock.subset(6000), epochs=3))


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_counting(counting):
    """The network here adds up what it sees in small windows: 40 classes take a classifier minutes to learn."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 1)),
    )
    train, test = counting.indices("train"), counting.indices("test")
    optimizer = torch.optim.Adam(network.parameters())
    batches = [b for _ in range(2) for b in np.array_split(train[torch.randperm(len(train)).numpy()], 94)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-2, total_steps=len(batches))

    def number(rows: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(counting.images[rows]).permute(0, 3, 1, 2) / 255
        return network(pixels)[:, 0] * 12 + 20

    for rows in batches:
        value = (number(rows) - torch.from_numpy(counting.labels[rows])).abs().mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        seen = np.abs(number(test).numpy() - counting.labels[test]).mean()
    assert np.abs(shortcut_predictions(counting, counting.labels) - counting.labels[test]).mean() >= 1.5 * seen
