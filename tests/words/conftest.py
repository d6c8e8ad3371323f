from __future__ import annotations

import numpy as np
import pytest


def table(count=300, dim=7, seed=0):
    """Words with random vectors, the first few real words."""
    rng = np.random.default_rng(seed)
    names = ["the", "rose", "Tulip", "truck", "bus", "aquarium", "fish", "naïve", "Ünïcode", "日本"]
    names += [f"w{i}" for i in range(count - len(names))]
    return dict(zip(names, rng.normal(size=(count, dim)).astype(np.float32), strict=True))


def keyed(rows):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(len(next(iter(rows.values()))))
    vectors.add_vectors(list(rows), np.array(list(rows.values()), dtype=np.float32))
    return vectors


@pytest.fixture(scope="session")
def rows():
    return table()


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch, tmp_path):
    """Whatever this machine has in gensim's folder, and whatever is fetched, stays out of the tests."""
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path / "gensim-data"))
    monkeypatch.setenv("SIMVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("gensim.downloader.DATA_LIST_URL", "http://127.0.0.1:9/list.json")
    monkeypatch.setattr("gensim.downloader.DOWNLOAD_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
