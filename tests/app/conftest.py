"""The app as a whole, without a browser: every test starts at app.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """An empty run folder of its own, and a cache of drawn sets that the whole session shares."""
    monkeypatch.setenv("SIMVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def visit(runs, tmp_path_factory, monkeypatch) -> Callable[..., AppTest]:
    """Open a page with query parameters; fails if the page raises."""
    monkeypatch.setenv("SIMVIZ_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def go(page: str = "home", **parameters: str) -> AppTest:
        at = AppTest.from_file(APP, default_timeout=90)
        for key, value in parameters.items():
            at.query_params[key] = value
        if page == "home":
            at.run()
        else:
            at.run().switch_page(f"pages/{page}.py").run()
        assert not at.exception, at.exception
        return at

    return go
