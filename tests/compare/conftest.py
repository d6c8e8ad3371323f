from __future__ import annotations

import pytest

from simviz import compare
from simviz.runs import Comparison, Store, worker

from .helpers import BASE

SETTINGS = ["simloss@words:keep=0.3", "expected_cost@words"]


@pytest.fixture(scope="session")
def comparison(tiny_folder, tmp_path_factory) -> Comparison:
    """Really trained: two losses with their controls, two seeds. Copy it, do not change it."""
    settings = compare.with_controls(SETTINGS)
    specs = compare.specs_for(settings, range(2), dataset=str(tiny_folder), **BASE)
    laid_out = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("runs")))
    worker.work(laid_out)
    return laid_out
