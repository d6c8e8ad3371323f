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
    return datasets.load(next(test_data.glob("cifar100*.parquet")), cache=cache)


@pytest.fixture(scope="session")
def faces(test_data: Path, cache: Path) -> ImageDataset:
    return datasets.load(next(test_data.glob("UTKFace*.zip")), cache=cache)


@pytest.fixture(scope="session")
def pictograms(cache: Path) -> ImageDataset:
    return datasets.load("pictograms", cache=cache)


@pytest.fixture(scope="session")
def tree_rings(cache: Path) -> ImageDataset:
    return datasets.load("tree-rings", cache=cache)
