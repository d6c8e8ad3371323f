"""Pause and resume: the machine is free meanwhile, and the end is that of a run that was never paused."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file
from torch import nn

from simviz import models
from simviz.runs import Comparison, queue, worker

EPOCHS = 4


def finished(events):
    return [event.epoch for event in events if not hasattr(event, "step")]


def same(first, second):
    """Whether two runs kept the very same numbers."""
    one, two = (load_file(run.path / "checkpoint.safetensors") for run in (first, second))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    for part in ("validation", "test"):
        assert np.array_equal(first.predictions(part).log_probabilities, second.predictions(part).log_probabilities)
    clock = ("seconds", "images_per_second")
    told = [[{k: v for k, v in line.items() if k not in clock} for line in run.metrics()] for run in (first, second)]
    assert told[0] == told[1]
    return True


def pausing_at(epoch, step):
    """A listener that asks for a pause in the middle of an epoch, and the events it has heard."""
    heard = []

    def listen(run, event):
        once = all(e.epoch < epoch for e in heard)
        heard.append(event)
        if once and event.epoch == epoch and getattr(event, "step", 0) == step:
            run.want("pause")

    return listen, heard


@pytest.fixture
def no_wait(monkeypatch):
    """What is wanted is heard at every batch, not once a second."""
    monkeypatch.setattr("simviz.runs.clock.BEAT_SECONDS", 0.0)


@pytest.mark.parametrize("setting", ["ce", "self_guided"])
def test_a_paused_run_ends_as_if_it_had_never_been_paused(make, no_wait, setting):
    whole, paused = (make(settings=(setting,), epochs=EPOCHS, patience=EPOCHS, warmup=1) for _ in range(2))
    worker.work(whole)
    listen, _ = pausing_at(3, 1)
    worker.work(paused, listen)
    (run,) = paused.runs
    assert run.status["state"] == "paused"
    assert run.status["epoch"] == len(run.metrics()) == 2
    assert not run.has_predictions("test")
    run.want("run")
    after = []
    worker.work(Comparison(paused.path), lambda _, event: after.append(event))
    assert run.status["state"] == "finished"
    assert finished(after) == [3, 4]
    assert same(whole.runs[0], run)


def test_what_dropout_draws_goes_on_too(make, no_wait, monkeypatch):
    """Its generator is not that of the batches, and each epoch moves it."""
    layers = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.5)]
    monkeypatch.setitem(models._OURS, "with_dropout", (lambda *_: nn.Sequential(*layers), 8))
    whole, paused = (make(settings=("ce",), epochs=3, model="with_dropout") for _ in range(2))
    worker.work(whole)
    listen, _ = pausing_at(3, 1)
    worker.work(paused, listen)
    assert paused.runs[0].status["state"] == "paused"
    paused.runs[0].want("run")
    worker.work(paused)
    assert same(whole.runs[0], paused.runs[0])


def test_a_pause_leaves_the_machine_to_the_next_run(make, no_wait):
    comparison = make(epochs=EPOCHS)
    listen, heard = pausing_at(2, 1)
    first, second = comparison.runs
    worker.work(comparison, lambda run, event: listen(run, event) if run.id == first.id else None)
    assert finished(heard) == [1]
    assert [r.status["state"] for r in (first, second)] == ["paused", "finished"]


def test_a_run_that_waits_is_held_back_by_a_pause(make):
    comparison = make()
    queue.pause(comparison)
    assert [r.status["state"] for r in comparison.runs] == ["paused", "paused"]
    worker.work(comparison)
    assert not any(r.metrics() for r in comparison.runs)
    queue.cancel(comparison)
    assert [r.status["state"] for r in comparison.runs] == ["cancelled", "cancelled"]


def test_a_run_resumed_while_the_others_train_is_trained_by_the_same_process(make, no_wait):
    comparison = make()
    first, second = comparison.runs
    listen, _ = pausing_at(2, 1)

    def both(run, event):
        listen(run, event) if run.id == first.id else None
        if run.id == second.id and first.status["state"] == "paused":
            assert [r.id for r in queue.resume(comparison)] == [first.id]

    worker.work(comparison, both)
    assert [r.status["state"] for r in comparison.runs] == ["finished", "finished"]
    assert [line["epoch"] for line in first.metrics()] == [1, 2]


def test_a_cancelled_run_goes_on_where_it_was(make, no_wait):
    whole, cancelled = (make(settings=("ce",), epochs=EPOCHS) for _ in range(2))
    worker.work(whole)
    worker.work(cancelled, lambda run, event: run.want("cancel") if event.epoch == 3 else None)
    (run,) = cancelled.runs
    assert run.status["state"] == "cancelled"
    assert run.result()["epoch"] == 2
    assert queue.resumable(run)
    resume_here(cancelled, ("cancelled",))
    assert run.status["state"] == "finished"
    assert run.result()["epoch"] == EPOCHS
    assert same(whole.runs[0], run)


def resume_here(comparison, states):
    """What `queue.resume` does, in this process."""
    queue._wake([run for run in comparison.runs if run.status["state"] in states])
    worker.work(comparison)


def test_a_run_that_had_stopped_early_is_not_trained_further(make, no_wait):
    """Its process may have died after the last epoch, before the result."""
    comparison = make(settings=("ce",), epochs=50, patience=1)
    (run,) = comparison.runs
    worker.work(comparison)
    before = run.result()
    queue._wake([run])
    heard = []
    worker.work(comparison, lambda _, event: heard.append(event))
    assert heard == []
    assert run.status["state"] == "finished"
    assert run.result() == before
    assert run.status["reached"] == len(run.metrics()) < 50


def test_what_is_over_is_resumed_only_if_nothing_of_it_is_missing(make):
    comparison = make()
    worker.work(comparison, lambda run, event: run.want("cancel"))
    run = comparison.runs[0]
    assert queue.resumable(run)
    (run.path / "metrics.jsonl").write_text('{"epoch": 1}\n')
    (run.path / "checkpoint.safetensors").unlink(missing_ok=True)
    assert not queue.resumable(run)
    assert queue.resume(comparison, ("finished",)) == []
