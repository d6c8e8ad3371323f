"""Fixtures shared by all tests, the time each test folder takes, and the rule for skips in CI."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import settings

from .tiny import write_folder

# Two processes share the tests: in each, a network trains on one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines that run the suite are often busy: a slow example is no failure.
settings.register_profile("simviz", deadline=None)
settings.load_profile("simviz")

HERE = Path(__file__).parent
_seconds: dict[str, float] = defaultdict(float)
_counts: Counter[str] = Counter()
_unlisted: list[str] = []


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real CIFAR-100 and UTKFace images."""
    folder = os.environ.get("SIMVIZ_TEST_DATA")
    if not folder:
        pytest.skip("SIMVIZ_TEST_DATA is unset: point it at a folder with the CIFAR-100 Parquet and UTKFace zip files")
    return Path(folder)


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of decoded and drawn data sets for all processes of the session."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of four classes that a network learns in a second."""
    return write_folder(tmp_path_factory.mktemp("data") / "shapes")


@pytest.fixture(scope="session")
def trained_distance(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """Really trained: self_guided and ce, two seeds, four epochs, one of them warm-up. Copy it, do not change it."""
    from simviz import compare
    from simviz.runs import Store, worker

    small = {"dataset": "pictograms", "model": "lenet", "epochs": 4, "train_size": 256, "batch_size": 64}
    specs = compare.specs_for(["self_guided", "ce"], range(2), **small)
    comparison = compare.create(specs, title="learned", store=Store(tmp_path_factory.mktemp("learned")))
    worker.work(comparison)
    return comparison.path


@pytest.fixture(autouse=True, scope="session")
def _own_folders(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never touch the user's runs or caches, nor wait for a training of theirs."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(tmp_path_factory.mktemp("machine"))
    os.environ["SIMVIZ_CACHE"] = str(cache_folder)
    os.environ["SIMVIZ_RUNS"] = str(tmp_path_factory.mktemp("runs"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    parts = Path(report.nodeid.split("::")[0]).parts
    folder = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
    _seconds[folder] += report.duration
    _counts[folder] += report.when == "call"
    _look_at_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A whole file can be skipped too, before it has any test."""
    _look_at_skip(report)


def _look_at_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        allowed = (HERE / "allowed_skips.txt").read_text().split("\n")
        said = f"{report.nodeid}: {reason}"
        if not any(line and reason.startswith(line) for line in allowed) and said not in _unlisted:
            _unlisted.append(said)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") and _unlisted and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("time per test folder")
    for folder, seconds in sorted(_seconds.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{seconds:7.1f} s  {_counts[folder]:5d} tests  {folder}")
    if os.environ.get("CI") and _unlisted:
        terminalreporter.section("skips that CI does not allow")
        for line in _unlisted:
            terminalreporter.write_line(line)
