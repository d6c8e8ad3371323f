"""The job board's buttons and words for what is paused, waits, or ran out of its budget. Nothing is trained here."""

from __future__ import annotations

import json
import re
from threading import Event

import pytest

from simviz.runs import budget, queue, ready, slots
from simviz.runs.files import write_json
from simviz.runs.liveness import mark
from simviz.runs.store import Comparison
from simviz.ui.views import train_board
from tests.runs import helpers

from .reading import unescaped
from .test_train import says


@pytest.fixture
def spawned(monkeypatch):
    """The comparisons for which a process would have been started."""
    calls = []
    monkeypatch.setattr(queue, "_spawn", lambda comparison: calls.append(comparison.id))
    return calls


@pytest.fixture
def training(runs):
    """A comparison whose first run trains in this very process and whose second waits."""
    made = helpers.comparison(runs, epochs=4)
    write_json(made.path / "worker.json", mark())
    first, second = (run.path for run in made.runs)
    for run in made.runs:
        (run.path / "result.json").unlink()
    running = {"state": "running", "progress": 0.5, "epochs": 4, "eta_seconds": 30, "pace": [60.0, 90.0], **mark()}
    write_json(first / "status.json", running)
    write_json(second / "status.json", {"state": "queued"})
    (second / "metrics.jsonl").unlink()
    return made


def texts(at):
    return "\n".join(bar.proto.text for bar in at.get("progress"))


def labels(at):
    return [button.label for button in at.button]


def test_a_pause_and_a_resume_are_asked_for_in_files(visit, training, spawned):
    at = visit("train")
    at.button(key=f"pause-{training.id}").click().run()
    first, second = training.runs
    assert (first.wanted, second.wanted) == ("pause", "pause")
    assert second.status["state"] == "paused"
    assert at.button(key=f"pause-{training.id}").disabled
    assert "Pausing" in labels(at)
    write_json(first.path / "status.json", {"state": "paused", "epoch": 2, "epochs": 4, "progress": 0.5})
    at.run()
    assert ":violet-badge[2 paused]" in says(at)
    assert "0 of 2 runs done; the rest goes on from its last finished epoch once resumed" in texts(at)
    at.button(key=f"resume-{training.id}").click().run()
    assert not at.exception
    assert [r.status["state"] for r in training.runs] == ["queued", "queued"]
    assert (first.wanted, second.wanted) == (None, None)
    assert spawned == []  # the process that serves the comparison is still there
    write_json(training.path / "worker.json", {})
    assert [r.status["state"] for r in training.runs] == ["lost", "lost"]
    queue.resume(training)
    assert spawned == [training.id]


def test_two_browsers_see_the_same_board(visit, training, spawned):
    one, other = visit("train"), visit("train")
    one.button(key=f"pause-{training.id}").click().run()
    other.run()
    assert "Pausing" in labels(one)
    assert labels(one) == labels(other)
    write_json(training.runs[0].path / "status.json", {"state": "paused", "progress": 0.5, "epochs": 4})
    for at in (one, other):
        at.run()
        assert "2 paused" in says(at)
    other.button(key=f"resume-{training.id}").click().run()
    one.run()
    assert "2 queued" in says(one)
    assert labels(one) == labels(other)
    assert texts(one) == texts(other)


def test_the_board_is_drawn_anew_where_another_browser_changed_it(training):
    before = train_board._marks()
    assert before.keys() == {training.id}
    write_json(training.path / "worker.json", mark())
    assert train_board._marks() != before


def test_the_rest_is_told_as_a_range(visit, training):
    assert "about 6 to 9 min left" in texts(visit("train"))  # two epochs of the one, four of the other


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(60, 62, "about 60 to 62 s"), (100, 110, "about 2 min"), (80, 200, "about 80 s to 3 min"), (0, 1, "about 1 s")],
)
def test_a_range_of_time_in_words(low, high, said):
    assert train_board._span(low, high) == said


def test_nothing_that_a_comparison_says_is_markdown(visit, training):
    record = json.loads((training.path / "comparison.json").read_text())
    record["ruler"]["text"] = "![](https://evil.example/p.png) :red[mine]"
    write_json(training.path / "comparison.json", record)
    for number, (run, state) in enumerate(zip(training.runs, ("running", "failed"), strict=True)):
        write_json(run.path / "spec.json", run.spec.model_dump() | {"loss": f"x` :red[{number}] `"})
        write_json(run.path / "status.json", run.status | {"state": state, "error": "gone"})
    at = visit("train")
    said = [*unescaped(at), texts(at)]
    for number in range(2):
        assert any(f"`x' :red[{number}] '`" in text for text in said)
    assert not any("![]" in text or re.search(r"`x` :red", text) for text in said)


def test_a_budget_is_shown_and_bounds_the_rest(visit, training):
    budget.grant(training, 5)
    write_json(training.path / budget.FILE, {"minutes": 5, "spent": 120.0})
    assert "about 3 min left; 2 min of its budget of 5 min spent" in texts(visit("train"))


def test_a_spent_budget_is_said_plainly_and_can_be_granted_again(visit, runs, spawned):
    made = helpers.comparison(runs, epochs=4)
    first, second = made.runs
    budget.grant(made, 5)
    write_json(made.path / budget.FILE, {"minutes": 5, "spent": 300.5})
    over = "the budget of 5 minutes was spent"
    write_json(first.path / "status.json", {"state": "cancelled", "error": f"stopped here: {over}", "epochs": 4})
    write_json(second.path / "status.json", {"state": "not started", "error": f"not started: {over}"})
    for name in ("metrics.jsonl", "result.json"):
        (second.path / name).unlink()
    (first.path / "checkpoint.safetensors").write_bytes(b"")
    at = visit("train")
    assert f"not started: {over}" in says(at)
    assert f"stopped here: {over}" in says(at)
    assert "1 of 2 runs done; the rest begins once resumed" in texts(at)
    at.button(key=f"resume-cancelled-{made.id}").click().run()
    assert first.status["state"] == "queued"
    assert second.status["state"] == "not started"
    assert spawned == [made.id]
    assert budget.read(made).left == 300


def test_a_failed_run_can_be_tried_again(visit, runs, spawned):
    made = helpers.comparison(runs, epochs=4)
    write_json(made.runs[0].path / "status.json", {"state": "failed", "error": "The disk is full.", "epoch": 2})
    at = visit("train")
    assert "Try 1 failed again" in labels(at)
    assert "Resume" not in labels(at)
    at.button(key=f"resume-failed-{made.id}").click().run()
    assert spawned == [made.id]
    assert [r.status["state"] for r in made.runs] == ["queued", "finished"]


def test_a_process_is_made_ready_only_while_nothing_trains(visit, training, monkeypatch):
    made = Event()
    monkeypatch.setattr(ready, "make", made.set)
    visit("train")
    assert not made.wait(1)
    for run in training.runs:
        write_json(run.path / "status.json", {"state": "finished", "epoch": 4, "epochs": 4})
        write_json(run.path / "result.json", {})
    visit("train")
    assert made.wait(30)


def test_who_waits_behind_others_says_so(visit, training):
    write_json(training.runs[0].path / "status.json", {"state": "queued"})
    assert "starting" in texts(visit("train"))
    with slots.Ticket(training.path.parent / "another"), slots.Ticket(training.path.resolve()):
        assert "waits for its turn behind 1 other comparison" in texts(visit("train"))


def test_the_runs_page_resumes_what_is_no_longer_on_the_board(visit, runs, spawned):
    made = helpers.comparison(runs, state="cancelled")
    (made.runs[1].path / "checkpoint.safetensors").write_bytes(b"")
    at = visit("runs", c=made.id)
    at.button(key=f"resume-cancelled-{made.id}").click().run()
    assert not at.exception
    assert spawned == [made.id]
    assert [r.status["state"] for r in made.runs] == ["cancelled", "queued"]


def test_an_older_comparison_that_is_paused_stays_on_the_board(visit, runs):
    paused = helpers.comparison(runs, title="the old one")
    record = json.loads((paused.path / "comparison.json").read_text())
    write_json(paused.path / "comparison.json", {**record, "created": 1.0})
    write_json(paused.runs[0].path / "status.json", {"state": "paused", "epochs": 4})
    for title in "abc":
        helpers.comparison(runs, title=title)
    assert "the old one" in says(visit("train"))
    queue.cancel(Comparison(paused.path))
    assert "the old one" not in says(visit("train"))


def test_the_budget_of_the_form_is_granted_to_the_comparison(visit, monkeypatch):
    started = []
    monkeypatch.setattr(queue, "start", started.append)
    at = visit("train", epochs="1", seeds="1")
    at.number_input(key="budget").set_value(15.0).run()
    at.button(key="start").click().run()
    assert not at.exception
    assert [budget.read(c).minutes for c in started] == [15]
