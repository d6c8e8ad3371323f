"""One run a slot, in the order of asking, whatever comparison, queue or store it belongs to."""

from __future__ import annotations

import json
import os

import pytest

from simviz import compare
from simviz.runs import Comparison, Store, queue, slots, worker
from simviz.runs.store import SETTLED

from .waiting import wait


def ticket(*fits, slot=None):
    return {"fits": list(fits), "slot": slot}


def test_the_eldest_that_waits_takes_the_first_free_slot():
    line = {3: ticket("cpu.0"), 7: ticket("cpu.0"), 9: ticket("cpu.0")}
    assert slots._assigned(line) == {3: "cpu.0"}
    line[3] = ticket("cpu.0", slot="cpu.0")
    assert slots._assigned(line) == {}
    del line[3]
    assert slots._assigned(line) == {7: "cpu.0"}


def test_who_waits_for_one_gpu_holds_up_nobody_who_fits_another():
    line = {1: ticket("cuda:0.0", slot="cuda:0.0"), 2: ticket("cuda:0.0"), 3: ticket("cuda:0.0", "cuda:1.0")}
    assert slots._assigned(line) == {3: "cuda:1.0"}


@pytest.mark.parametrize(
    ("gpus", "at_once", "device", "fitting"),
    [
        (0, None, "auto", ("cpu.0",)),
        (0, "2", "auto", ("cpu.0", "cpu.1")),
        (2, None, "auto", ("cuda:0.0", "cuda:1.0")),
        (2, None, "cuda:1", ("cuda:1.0",)),
        (2, "2", "cuda", ("cuda:0.0", "cuda:1.0", "cuda:0.1", "cuda:1.1")),
        (2, "2", "cpu", ("cpu.0",)),
    ],
)
def test_one_slot_or_one_for_each_gpu_unless_more_are_asked_for(monkeypatch, gpus, at_once, device, fitting):
    monkeypatch.setattr(slots, "_gpus", lambda: gpus)
    monkeypatch.setenv(slots.VARIABLE, at_once or "")
    assert slots.fitting(device) == fitting


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_slots_that_is_none_is_named_before_anything_starts(make, monkeypatch, text):
    monkeypatch.setenv(slots.VARIABLE, text)
    with pytest.raises(ValueError, match=f"SIMVIZ_SLOTS is '{text}'"):
        queue.start(make())


@pytest.mark.parametrize("error", [KeyError, OSError])  # OSError from Python 3.13 on
def test_a_user_without_a_name_waits_in_a_line_too(monkeypatch, error):
    def nameless():
        raise error("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(slots.getpass, "getuser", nameless)
    with slots.mutex():
        assert slots._folder().name == f"simviz-{os.getuid()}"


def test_the_ticket_of_a_dead_process_holds_nobody_up(make):
    with slots.Ticket(make().path) as dead:
        record = dict(dead._record, pid=2**22 + 1, slot="cpu.0")
        slots._path(dead.number).write_text(json.dumps(record))
        with slots.Ticket(make().path) as mine, mine.turn("cpu", lambda: False) as slot:
            assert slot == "cpu.0"


def test_who_gives_up_leaves_with_nothing(make):
    with slots.Ticket(make().path) as first, first.turn("cpu", lambda: False):
        with slots.Ticket(make().path) as second, second.turn("cpu", lambda: True) as slot:
            assert slot is None
        assert len(slots._living()) == 1


def settled(*comparisons):
    return all(run.status["state"] in SETTLED for c in comparisons for run in c.runs)


def test_two_queues_and_stores_train_one_after_the_other_in_the_order_of_asking(tiny_folder, tmp_path):
    """Two real processes. A run's environment is written when it begins, its result when it is over."""
    small = {"dataset": str(tiny_folder), "image_size": 16, "model": "lenet", "epochs": 2, "batch_size": 32}
    first, second = (
        compare.create(compare.specs_for(["ce"], range(seeds), **small), store=Store(tmp_path / name))
        for name, seeds in (("one", 2), ("other", 1))
    )
    queue.start(first)
    wait(lambda: slots.ahead(str(second.path.resolve())) == 1)
    queue.start(second)
    wait(lambda: settled(first, second))
    runs = [*first.runs, *second.runs]
    assert [run.status["state"] for run in runs] == ["finished"] * 3
    times = [(run.path / name).stat().st_mtime_ns for run in runs for name in ("environment.json", "result.json")]
    assert times == sorted(times)
    assert len({run.status["pid"] for run in runs}) == 2


def test_two_queues_on_one_store_never_train_the_same_run(make):
    """A second process is started by hand on the comparison that a first one serves."""
    comparison = make(settings=("ce",), seeds=(0, 1), epochs=3)
    queue.start(comparison)
    heard = []
    worker.work(Comparison(comparison.path), lambda run, event: heard.append((run.id, event)))
    wait(lambda: settled(comparison) and not queue.served(comparison))
    for run in comparison.runs:
        assert run.status["state"] == "finished"
        lines = (run.path / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
        mine = [event.epoch for name, event in heard if name == run.id and not hasattr(event, "step")]
        assert mine in ([], [1, 2, 3])
        assert (run.status["pid"] == os.getpid()) == bool(mine)


def test_two_slots_train_two_runs_of_a_comparison_at_once_and_each_hears_a_cancel(make, monkeypatch):
    monkeypatch.setenv(slots.VARIABLE, "2")
    comparison = make(settings=("ce",), seeds=(0, 1), epochs=10_000)
    queue.start(comparison)
    wait(lambda: all(run.status["state"] == "running" and run.metrics() for run in comparison.runs))
    assert len({run.status["pid"] for run in comparison.runs}) == 2
    queue.cancel(comparison)
    wait(lambda: settled(comparison) and not queue.served(comparison))
    assert all(run.status["state"] == "cancelled" and run.has_predictions() for run in comparison.runs)
