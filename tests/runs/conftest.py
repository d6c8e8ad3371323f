from __future__ import annotations

import pytest

from simviz import compare
from simviz.runs import Store

SETTINGS = ("ce", "simloss@words")


@pytest.fixture
def make(tiny_folder, tmp_path):
    """Lay out a comparison of the tiny data set in a store of its own."""

    def new(settings=SETTINGS, seeds=(0,), **values):
        base = {"dataset": str(tiny_folder), "image_size": 16, "model": "lenet", "epochs": 2, "batch_size": 32}
        specs = compare.specs_for(settings, seeds, **{**base, **values})
        return compare.create(specs, title="shapes", store=Store(tmp_path / "runs"))

    return new
