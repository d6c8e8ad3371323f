"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real CIFAR-100 and UTKFace images."""
    folder = os.environ.get("SIMVIZ_TEST_DATA")
    if not folder:
        pytest.skip("SIMVIZ_TEST_DATA is unset: point it at a folder with the CIFAR-100 Parquet and UTKFace zip files")
    return Path(folder)
