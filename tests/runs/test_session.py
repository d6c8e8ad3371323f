"""Runs in step: each ends as if it had trained alone, and leaves without taking the others along."""

from __future__ import annotations

import re
import shutil
from functools import partial

import numpy as np
import pytest
import torch

from simviz.runs import Comparison, queue, session, worker
from simviz.runs.files import write_json
from simviz.stack import Stack

FAMILY = ("simloss@words:keep=0.1", "simloss@words:keep=0.5")


@pytest.fixture
def in_step(monkeypatch):
    """As on a GPU; and what is wanted is heard at every batch, not once a second."""
    monkeypatch.setattr("simviz.stack.worthwhile", lambda device: True)
    monkeypatch.setattr("simviz.runs.clock.BEAT_SECONDS", 0.0)


@pytest.fixture
def make(make):
    """At a low rate: where sums are rounded in another order, Adam's first steps at a high one go elsewhere."""
    return partial(make, lr=1e-3)


def companions(run):
    """How many trained in step, by the run's log, one number for each time it began."""
    return [int(n) for n in re.findall(r"(\d+) in step", (run.path / "log.txt").read_text())]


def states(comparison):
    return [run.status["state"] for run in comparison.runs]


def alike(first, second):
    """Whether two runs learned the same, but for the order in which sums are rounded."""
    one, two = (run.metrics() for run in (first, second))
    assert [line["epoch"] for line in one] == [line["epoch"] for line in two]
    np.testing.assert_allclose([m["train_loss"] for m in one], [m["train_loss"] for m in two], rtol=1e-2)
    assert first.result()["epoch"] == second.result()["epoch"]
    for part in ("validation", "test"):
        logs = [run.predictions(part).log_probabilities.astype(float) for run in (first, second)]
        np.testing.assert_allclose(*map(np.exp, logs), atol=0.02)
    return True


def at(place, epoch, act):
    """A listener that acts when it first hears a step of this epoch from the run at this place."""
    done = []

    def listen(run, event):
        if not done and hasattr(event, "step") and event.epoch == epoch and run.path.parent.name:
            runs = Comparison(run.path.parent).runs
            done.append(act(runs[place]))

    return listen


def test_a_family_of_losses_trains_in_step_and_each_as_if_alone(make, in_step, monkeypatch):
    together, apart = (make(("ce", *FAMILY, "self_guided"), (0, 1), patience=2) for _ in range(2))
    worker.work(together)
    monkeypatch.setattr("simviz.stack.worthwhile", lambda device: False)
    worker.work(apart)
    assert states(together) == ["finished"] * 8
    beside = {"ce": [2], FAMILY[0]: [4], FAMILY[1]: [4], "self_guided": [1]}
    assert [companions(run) for run in together.runs] == [beside[run.setting] for run in together.runs]
    assert [companions(run) for run in apart.runs] == [[1]] * 8
    assert all(map(alike, together.runs, apart.runs))


def test_one_that_is_cancelled_keeps_its_last_epoch_and_the_others_go_on(make, in_step):
    comparison = make(FAMILY, (0, 1), epochs=3)
    worker.work(comparison, at(0, 2, lambda run: run.want("cancel")))
    assert states(comparison) == ["cancelled", "finished", "finished", "finished"]
    assert comparison.runs[0].result()["epoch"] == len(comparison.runs[0].metrics()) < 3


def test_one_that_is_paused_goes_on_later_as_if_it_never_was(make, in_step):
    paused, whole = (make(FAMILY, epochs=4) for _ in range(2))
    worker.work(paused, at(1, 2, lambda run: run.want("pause")))
    assert states(paused) == ["finished", "paused"]
    paused.runs[1].want("run")
    worker.work(Comparison(paused.path))
    worker.work(whole)
    assert all(map(alike, paused.runs, whole.runs))


def test_runs_that_are_ahead_wait_for_those_behind(make, in_step):
    comparison = make(FAMILY, (0, 1), epochs=4)
    worker.work(comparison, at(0, 2, lambda run: [one.want("pause") for one in Comparison(run.path.parent).runs[:2]]))
    for run in comparison.runs[2:]:
        write_json(run.path / "status.json", {**run.status, "state": "queued", "epoch": 0})
        (run.path / "checkpoint.safetensors").unlink()
        (run.path / "metrics.jsonl").unlink()
    for run in comparison.runs:
        run.want("run")
    worker.work(Comparison(comparison.path))
    assert states(comparison) == ["finished"] * 4
    assert [len(run.metrics()) for run in comparison.runs] == [4] * 4
    whole = make(FAMILY, (0, 1), epochs=4)
    worker.work(whole)
    assert all(map(alike, comparison.runs, whole.runs))


def test_one_whose_loss_is_not_finite_fails_and_one_that_is_deleted_is_gone(make, in_step):
    comparison = make(("ce",), (0, 1, 2), epochs=3, optimizer="sgd", momentum=0.98, batch_size=4)
    wild = comparison.runs[1]
    write_json(wild.path / "spec.json", {"schema_version": 1, **wild.spec.model_copy(update={"lr": 10}).model_dump()})
    comparison = Comparison(comparison.path)
    worker.work(comparison, at(2, 1, lambda run: shutil.rmtree(run.path)))
    assert states(Comparison(comparison.path)) == ["finished", "failed"]
    assert "lower the learning rate" in wild.status["error"]
    assert wild.status["diverged"]
    assert not comparison.runs[2].path.exists()


def test_what_had_reached_its_end_is_trained_no_further(make, in_step):
    """It was interrupted between its last epoch and its result."""
    comparison = make(FAMILY, (0, 1), epochs=20, patience=1)
    worker.work(comparison)
    before = [(run.metrics(), run.result()["epoch"]) for run in comparison.runs]
    for run in comparison.runs[:2]:
        (run.path / "result.json").unlink()
        write_json(run.path / "status.json", {**run.status, "state": "queued"})
    worker.work(Comparison(comparison.path))
    assert states(comparison) == ["finished"] * 4
    assert [(run.metrics(), run.result()["epoch"]) for run in comparison.runs] == before
    assert any(epoch < len(lines) for lines, epoch in before)


def test_a_process_that_is_asked_to_end_pauses_what_it_trains(make):
    """The machine shuts down, a service is stopped: what SIGTERM becomes in a worker."""
    ended, whole = make(("ce",), epochs=3), make(("ce",), epochs=3)

    def end(run, event):
        if getattr(event, "step", None) == 1 and event.epoch == 2:
            for wish in wishes:
                run.want(wish)
            raise SystemExit(143)

    wishes: list[str] = []

    with pytest.raises(SystemExit):
        worker.work(ended, end)
    (run,) = ended.runs
    assert (run.status["state"], run.status["epoch"]) == ("paused", 1)
    assert "asked to end" in run.status["error"]
    assert queue.resumable(run)
    wishes.append("cancel")  # who does not hear a cancel is asked to end
    with pytest.raises(SystemExit):
        session.execute(run, ended, end)
    assert run.status["state"] == "cancelled"
    write_json(run.path / "status.json", {"state": "queued"})
    run.want("run")
    for comparison in (ended, whole):
        worker.work(Comparison(comparison.path))
    assert alike(run, whole.runs[0])


def test_runs_that_cannot_begin_take_no_other_along(make, in_step):
    comparison = make(("ce",), (0, 1, 2, 3))
    wrong = {1: {"loss": "no_such_loss"}, 2: {"device": "cuda:7"}}
    for place, fields in wrong.items():
        run = comparison.runs[place]
        write_json(run.path / "spec.json", {"schema_version": 1, **run.spec.model_dump(), **fields})
    comparison = Comparison(comparison.path)
    (comparison.runs[3].path / "spec.json").write_text("{")
    worker.work(comparison)
    assert states(comparison) == ["finished", "failed", "failed", "failed"]


def test_where_memory_does_not_hold_all_it_holds_halves(make, in_step, monkeypatch):
    steps = Stack.steps

    def narrow(self):
        if len(self.trainers) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        yield from steps(self)

    monkeypatch.setattr(Stack, "steps", narrow)
    comparison = make(("ce",), (0, 1, 2, 3, 4))
    worker.work(comparison)
    assert states(comparison) == ["finished"] * 5
    assert [companions(run) for run in comparison.runs] == [[5, 2], [5, 2], [5, 3, 1], [5, 3, 2], [5, 3, 2]]


@pytest.mark.parametrize(("end", "reached"), [(KeyboardInterrupt, 1), (RuntimeError, None)])
def test_what_ends_all_of_them_stands_in_every_folder(make, in_step, end, reached):
    comparison = make(FAMILY, epochs=3)

    def steps(self, whole=Stack.steps):
        for step in whole(self):
            if step.epoch == 2:
                raise end
            yield step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stack, "steps", steps)
        if reached:
            with pytest.raises(end):
                session.execute_in_step(comparison.runs, comparison)
        else:
            session.execute_in_step(comparison.runs, comparison)
    assert set(states(comparison)) == {"cancelled" if reached else "failed"}
    for run in comparison.runs:
        assert len(run.metrics()) == 1
        assert run.has_predictions("test") == bool(reached)
