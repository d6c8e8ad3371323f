"""Accidents that really happen to a run: none loses a finished epoch, and nothing dead is shown as running.

`docs/faults.md` lists them all with the tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from simviz.runs import Comparison, Store, liveness, outcome, progress, queue, slots, worker
from simviz.runs.files import write_json
from simviz.runs.ingredients import trainer_for

from .waiting import wait

ROOT = Path(__file__).parents[2]


def in_child(act):
    """Do it in a process of its own, and return how that ended (negative: by which signal)."""
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def at(epoch, act):
    """A listener that acts in the middle of an epoch."""

    def listen(run, event):
        if event.epoch == epoch and hasattr(event, "step"):
            act(run)

    return listen


def finish(comparison):
    """Train what is left, and return the epochs that took."""
    heard = []
    worker.work(Comparison(comparison.path), lambda _, event: heard.append(event))
    return [event.epoch for event in heard if not hasattr(event, "step")]


def shown(comparison):
    """States, as every page shows them."""
    return [one.state for one in progress.lines(Comparison(comparison.path))]


def test_a_crash_in_the_middle_of_an_epoch_loses_that_epoch_only(make):
    comparison = make(settings=("ce",), epochs=4)
    crash = at(3, lambda run: os._exit(9))
    assert in_child(lambda: worker.work(comparison, crash)) == 9
    (run,) = comparison.runs
    assert shown(comparison) == ["lost"]
    assert [line["epoch"] for line in run.metrics()] == run.epochs == [1, 2]
    assert finish(comparison) == [3, 4]
    assert shown(comparison) == ["finished"]


def test_a_killed_process_is_shown_as_lost_and_its_slot_is_free(make):
    comparison, other = make(settings=("ce",), epochs=4), make(settings=("ce",), epochs=1)
    kill = at(2, lambda run: os.kill(os.getpid(), signal.SIGKILL))
    assert in_child(lambda: worker.work(comparison, kill)) == -signal.SIGKILL
    assert shown(comparison) == ["lost"]
    assert finish(other) == [1]
    assert finish(comparison) == [2, 3, 4]


def test_training_outlives_whoever_started_it(make):
    comparison = make(settings=("ce",), epochs=1)
    assert in_child(lambda: queue.start(comparison)) == 0
    wait(lambda: shown(comparison) == ["finished"])


def test_memory_that_runs_out_on_the_cpu_is_said_and_the_next_run_trains(make):
    large = {"image_size": 256, "model": "convnet", "batch_size": 128, "precision": "float32"}  # more than 2 GB
    comparison = make(epochs=1, **large)
    big, small = comparison.runs
    spec = json.loads((small.path / "spec.json").read_text())
    (small.path / "spec.json").write_text(json.dumps({**spec, "batch_size": 2, "train_size": 8}))

    trainer_for(small.spec)  # libraries are loaded here, not below the limit

    def narrow():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 1000 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        worker.work(comparison)

    assert in_child(narrow) == 0
    assert shown(comparison) == ["failed", "finished"]
    assert big.status["error"] == "Memory ran out. Halve the batch size, or choose a smaller model."
    assert "can't allocate memory" in big.log()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU: run the tests on a machine that has one")
def test_memory_that_runs_out_on_the_gpu_is_said_and_the_next_run_trains(make):
    comparison = make(epochs=1, device="cuda")
    first, second = comparison.runs

    def fill(run, event):
        if run.id == first.id:
            torch.empty(2**50, dtype=torch.uint8, device="cuda")

    worker.work(comparison, fill)
    assert shown(comparison) == ["failed", "finished"]
    assert "Halve the batch size" in first.status["error"]
    assert second.has_predictions()


def test_what_a_gpu_says_when_its_memory_runs_out_is_understood(make):
    """The class that PyTorch raises, with its message, in the middle of an epoch; a GPU is not needed for it."""
    comparison = make(settings=("ce",), epochs=3)

    def full(run):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79")

    worker.work(comparison, at(2, full))
    (run,) = comparison.runs
    assert shown(comparison) == ["failed"]
    assert "Halve the batch size" in run.status["error"]
    assert queue.resumable(run)
    queue._wake([run])
    assert finish(comparison) == [2, 3]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few MB of its own; root alone can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no small disk can be mounted")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_on_that_very_disk_and_finished_epochs_stay(make, small_disk):
    comparison = Comparison(small_disk / "comparison")
    shutil.copytree(make(settings=("ce",), seeds=(0, 1), epochs=3).path, comparison.path)

    def fill(run):
        filler = small_disk / "filler"
        if not filler.exists():
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    worker.work(comparison, at(2, fill))
    first, second = comparison.runs
    assert first.status["state"] == "failed"
    assert first.status["error"] == "The disk is full. Free some space, then resume; finished epochs are kept."
    assert [line["epoch"] for line in first.metrics()] == first.epochs == [1]
    assert second.status["state"] == "lost"  # it was not begun: it could not even have said why it failed
    (small_disk / "filler").unlink()
    queue._wake(comparison.runs)
    assert finish(comparison) == [2, 3, 1, 2, 3]
    assert shown(comparison) == ["finished", "finished"]


@pytest.mark.parametrize(("file", "left"), [("epochs/.0002.npz.{}.part", [2, 3]), (".result.json.{}.part", [])])
def test_a_write_that_finds_no_room_fails_the_run_in_plain_words(make, file, left):
    """Linux has a file that is always full: whoever writes to it is told so by the system."""
    comparison = make(settings=("ce",), epochs=3)
    (run,) = comparison.runs
    full = run.path / file.format(f"{os.getpid()}-{threading.get_ident()}")
    worker.work(comparison, at(2, lambda run: None if full.is_symlink() else full.symlink_to("/dev/full")))
    assert shown(comparison) == ["failed"]
    assert "The disk is full" in run.status["error"]
    assert run.epochs == [e for e in (1, 2, 3) if e not in left]
    queue._wake([run])
    assert finish(comparison) == left
    assert shown(comparison) == ["finished"]


def test_a_torn_last_line_swallows_no_later_epoch(make):
    comparison = make(settings=("ce",), epochs=3)
    crash = at(3, lambda run: os._exit(9))
    assert in_child(lambda: worker.work(comparison, crash)) == 9
    (run,) = comparison.runs
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "train_l')
    assert [line["epoch"] for line in run.metrics()] == [1, 2]
    assert finish(comparison) == [3]
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_a_deleted_run_is_dropped_and_the_others_train(make):
    comparison = make(epochs=3)
    gone, stays = comparison.runs
    worker.work(comparison, lambda run, event: shutil.rmtree(run.path) if run.id == gone.id else None)
    assert not gone.path.exists()
    assert [(r.id, r.status["state"]) for r in Comparison(comparison.path).runs] == [(stays.id, "finished")]


def test_a_comparison_deleted_while_it_trains_ends_its_process_in_silence(make):
    comparison = make(epochs=3)
    store = Store(comparison.path.parent)
    worker.work(comparison, lambda run, event: store.delete(comparison.id) if comparison.path.exists() else None)
    assert store.comparisons() == []
    assert not any(store.root.iterdir())
    assert slots._living() == {}


def test_a_clock_set_a_day_ahead_or_back_changes_nothing(make, monkeypatch):
    comparison = make(settings=("ce",), epochs=3)
    real, boot = time.time, psutil.boot_time()
    seen = []

    def jump(run, event):
        day = 86_400 * (-1) ** event.epoch
        monkeypatch.setattr(time, "time", lambda: real() + day)
        # The system tells a process's start as the time of boot, which moves with the clock, and ticks since.
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + day)
        seen.append(run.status["state"])

    worker.work(comparison, jump)
    assert set(seen) == {"running"}
    assert shown(comparison) == ["finished"]
    assert 0 <= comparison.runs[0].status["seconds"] < 86_400


def test_a_reused_process_number_is_not_the_process_that_trained(make):
    comparison = make(settings=("ce",))
    (run,) = comparison.runs
    earlier = liveness.mark()
    earlier["process_ticks"] -= 500
    write_json(run.path / "status.json", {"schema_version": 1, "state": "running", **earlier})
    assert shown(comparison) == ["lost"]
    write_json(run.path / "status.json", {"schema_version": 1, "state": "running", **liveness.mark()})
    assert shown(comparison) == ["running"]


def test_a_zombie_is_dead(make):
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    mark = liveness.mark(child.pid)
    wait(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert not liveness.alive(mark)
    child.wait()


def test_a_damaged_status_stops_no_other_run(make):
    comparison = make(epochs=1)
    (comparison.runs[0].path / "status.json").write_text('{"state": "que')
    worker.work(comparison)
    assert shown(comparison) == ["broken", "finished"]


@pytest.mark.parametrize(
    "message",
    [
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to",
        "CUDA error: out of memory",
        "std::bad_alloc",
    ],
)
def test_other_words_for_no_memory(message):
    assert "Halve the batch size" in outcome.in_plain_words(RuntimeError(message))


def test_every_test_that_the_fault_table_names_exists():
    text = (ROOT / "docs" / "faults.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 12
    assert all("::test_" in row for row in rows)
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path} has no {name}"
