"""A training process that stands ready."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

from simviz import compare
from simviz.runs import Store, queue, ready


@pytest.fixture(autouse=True)
def alone():
    """None stands ready before or after. A test calls `make` itself: pytest names its phase in the environment."""
    _away()
    yield
    _away()


def _away():
    if ready._waiting is not None:
        ready._waiting[0].kill()
        ready._waiting[0].communicate()
        ready._waiting = None


def _standing():
    ready.make()
    assert ready._waiting is not None
    return ready._waiting[0]


def _comparison(folder, store):
    return compare.create(compare.specs_for(["ce"], [0], dataset=str(folder), epochs=1), store=Store(store))


def _ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_serves_the_next_comparison_and_only_that(tiny_folder, tmp_path):
    standing = _standing()
    assert _standing() is standing
    one, other = _comparison(tiny_folder, tmp_path / "a"), _comparison(tiny_folder, tmp_path / "b")
    assert queue.start(one) == standing.pid
    assert queue.start(other) != standing.pid
    for comparison in (one, other):
        _until(lambda c=comparison: not queue.served(c))
        assert comparison.runs[0].status["state"] == "finished"


def test_what_it_says_is_in_the_log_of_the_comparison(tmp_path):
    standing = _standing()
    assert ready.take(tmp_path) is standing  # a folder without a comparison
    assert standing.wait(60) == 2
    assert "usage" in (tmp_path / "log.txt").read_text()


def test_another_environment_or_a_dead_process_is_not_served_by_it(tmp_path, monkeypatch):
    standing = _standing()
    with monkeypatch.context() as patch:
        patch.setenv("SIMVIZ_SLOTS", "7")
        assert ready.take(tmp_path) is None
    assert standing.wait(60) == 0  # nobody can hand it anything any more
    standing = _standing()
    standing.kill()
    standing.wait()
    assert ready.take(tmp_path) is None


def test_it_ends_with_the_process_that_made_it():
    code = "import os, signal; from simviz.runs import ready; ready.make(); print(ready._waiting[0].pid, flush=True); "
    killed = subprocess.run(
        [sys.executable, "-c", code + "os.kill(os.getpid(), signal.SIGKILL)"], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    _until(lambda: _ended(int(killed.stdout)))
