"""The cache: what comes back is what went in, once, whole, for all processes."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from simviz.datasets.cache import cache_folder, cached

from .helpers import toy


def build_and_count(folder: str) -> str:
    """Run in a process of its own: load through the cache, leaving a mark each time the set is built."""

    def build():
        (Path(folder) / f"built-{os.getpid()}").touch()
        return toy([0, 1, 0, 1], [0, 0, 1, 2])

    return cached({"name": "toy"}, build, folder).fingerprint


def test_everything_survives_the_round_trip(tmp_path):
    made = toy([0, 1, 2, 0], [0, 0, 0, 2], units=[5, 5, 6, 7])
    for _ in range(2):
        found = cached({"name": "toy"}, lambda: made, tmp_path)
        assert isinstance(found.images, np.memmap)
        for field in ("images", "labels", "units", "ids", "split"):
            np.testing.assert_array_equal(getattr(found, field), getattr(made, field))
        for field in ("name", "classes", "fingerprint", "notes", "unit_name", "default_model", "augment"):
            assert getattr(found, field) == getattr(made, field)


def test_it_is_built_once_per_key(tmp_path):
    calls = []

    def build():
        calls.append(1)
        return toy([0, 1], [0, 0])

    for size in (8, 8, 9, 8):
        cached({"name": "toy", "size": size}, build, tmp_path)
    assert len(calls) == 2


def test_two_processes_build_it_once(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        prints = pool.map(build_and_count, [str(tmp_path)] * 2, chunksize=1)
    assert prints[0] == prints[1]
    assert len(list(tmp_path.glob("built-*"))) == 1


def test_an_interrupted_build_leaves_nothing_behind(tmp_path, monkeypatch):
    saved = []

    def fail_at_the_third(path, *_, **__):
        saved.append(path)
        Path(path).touch()
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(np, "save", fail_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            cached({"name": "toy"}, lambda: toy([0, 1], [0, 0]), tmp_path)
    assert [p for p in (tmp_path / "datasets").iterdir() if p.is_dir()] == []
    assert len(cached({"name": "toy"}, lambda: toy([0, 1], [0, 0]), tmp_path)) == 2


@pytest.mark.parametrize("damage", ["images.npy", "set.json", "ids.npy"])
def test_a_damaged_cache_is_built_anew(tmp_path, damage):
    first = cached({"name": "toy"}, lambda: toy([0, 1], [0, 0]), tmp_path)
    path = next((tmp_path / "datasets").glob(f"*/{damage}"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert cached({"name": "toy"}, lambda: toy([0, 1], [0, 0]), tmp_path).fingerprint == first.fingerprint


def test_the_folder_is_the_argument_then_the_environment_then_data_cache(monkeypatch):
    monkeypatch.setenv("SIMVIZ_CACHE", "/elsewhere")
    assert cache_folder("here") == Path("here")
    assert cache_folder() == Path("/elsewhere")
    monkeypatch.delenv("SIMVIZ_CACHE")
    assert cache_folder() == Path("data/cache")
