"""A budget in minutes: counted while something trains, spent in plain words, granted again by a resume."""

from __future__ import annotations

import math
import time

import pytest

from simviz.runs import Comparison, budget, queue, worker
from simviz.runs.budget import Budget, Meter
from simviz.runs.store import Store


def spending_in(epoch):
    """A listener that spends the budget as a day of training would."""

    def listen(run, event):
        if event.epoch == epoch:
            path = run.path.parent / budget.FILE
            budget.write_json(path, {**budget.read_json(path), "spent": 86_400.0})

    return listen


def test_a_spent_budget_ends_the_run_under_way_and_begins_no_other(make, monkeypatch):
    monkeypatch.setattr("simviz.runs.clock.BEAT_SECONDS", 0.0)
    comparison = make(settings=("ce",), seeds=(0, 1), epochs=20)
    budget.grant(comparison, 1000)
    worker.work(comparison, spending_in(3))
    first, second = comparison.runs
    assert first.status["state"] == "cancelled"
    assert first.status["error"] == "stopped here: the budget of 1000 minutes was spent"
    assert first.result()["epoch"] == len(first.metrics()) == 2
    assert second.status["state"] == "not started"
    assert second.status["error"] == "not started: the budget of 1000 minutes was spent"
    assert queue.resumable(first)
    assert queue.resumable(second)


def test_a_resume_grants_a_spent_budget_again(make, monkeypatch):
    comparison = make(settings=("ce",), epochs=2)
    budget.grant(comparison, 1e-6)
    worker.work(comparison)
    (run,) = comparison.runs
    reached = len(run.metrics())
    assert run.status["state"] == "cancelled"
    worker.work(comparison)
    assert len(run.metrics()) == reached
    asked = []
    monkeypatch.setattr(queue, "_spawn", asked.append)
    assert [r.id for r in queue.resume(comparison, ("cancelled",))] == [run.id]
    assert asked == [comparison]
    assert budget.read(comparison) == Budget(1e-6)
    budget.grant(comparison, 60)
    worker.work(comparison)
    assert run.status["state"] == "finished"
    assert 0 < budget.read(comparison).spent < 3600


def test_several_processes_at_once_are_counted_once(make):
    comparison = make()
    budget.grant(comparison, 60)
    began = time.monotonic()
    first, second = Meter(comparison), Meter(comparison)
    for _ in range(20):
        time.sleep(0.01)
        first.tick()
        second.tick()
    spent = budget.read(comparison).spent
    assert 0.2 <= spent <= time.monotonic() - began


def test_what_was_counted_before_the_machine_started_anew_stays_counted(make):
    """Then the monotonic clock begins anew, behind what it was."""
    comparison = make()
    later = time.monotonic() + 1e6
    budget.write_json(comparison.path / budget.FILE, {"minutes": 60.0, "spent": 100.0, "counted": later})
    meter = Meter(comparison)
    assert 100.0 <= meter.tick().spent < 3600
    assert meter.tick().spent >= 100.0


def test_trials_of_learning_rates_spend_the_budget_of_their_comparison(make):
    comparison = make(settings=("ce",))
    budget.grant(comparison, 7)
    same = {k: comparison.info[k] for k in ("classes", "dataset")}
    trial = Store(comparison.path / "tuning").create("learning rates", [r.spec for r in comparison.runs], same)
    assert budget.read(trial).minutes == 7
    Meter(trial).tick()
    assert budget.read(comparison).spent > 0


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf])
def test_a_budget_that_is_none_is_refused(make, minutes):
    with pytest.raises(ValueError, match="give a number above 0"):
        budget.grant(make(), minutes)


def test_a_damaged_budget_is_none(make):
    comparison = make()
    assert budget.read(comparison) is None
    (comparison.path / budget.FILE).write_text('{"minutes": 3')
    assert budget.read(Comparison(comparison.path)) is None
    assert Meter(comparison).tick() is None
