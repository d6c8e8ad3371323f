"""One cache for the whole session: real sets are decoded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from simviz import datasets
from simviz.datasets import ImageDataset


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def cifar(test_data: Path, cache: Path) -> ImageDataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMVIZ_DATA", str(test_data))
        return datasets.load("cifar100", cache=cache)


@pytest.fixture(scope="session")
def faces(test_data: Path, cache: Path) -> ImageDataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMVIZ_DATA", str(test_data))
        return datasets.load("utkface", cache=cache)


@pytest.fixture(scope="session")
def pictograms(cache: Path) -> ImageDataset:
    return datasets.load("pictograms", cache=cache)


@pytest.fixture(scope="session")
def tree_rings(cache: Path) -> ImageDataset:
    return datasets.load("tree-rings", cache=cache)


@pytest.fixture(scope="session")
def clock(cache: Path) -> ImageDataset:
    return datasets.load("clock", cache=cache)


@pytest.fixture(scope="session")
def counting(cache: Path) -> ImageDataset:
    return datasets.load("counting", cache=cache)


@pytest.fixture(scope="session")
def gauge(cache: Path) -> ImageDataset:
    return datasets.load("gauge", cache=cache)
