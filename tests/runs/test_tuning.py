from __future__ import annotations

import json

import pytest

from simviz import compare
from simviz.runs import Comparison, Store, StoreError, checked, progress, session, tuning, worker
from simviz.runs.files import write_json
from simviz.runs.tuning import Trial, Tuning

RATES = (1e-5, 3e-3)
SETTINGS = ("ce", "expected_cost@words")


@pytest.fixture
def asked(tiny_folder, tmp_path):
    """Lay out a comparison that chooses its rates; nothing is trained."""

    def new(settings=SETTINGS, seeds=(0, 1), rates=RATES, **values) -> Comparison:
        base = {"image_size": 16, "model": "lenet", "epochs": 2, "batch_size": 32, "precision": "float32"}
        specs = compare.specs_for(settings, seeds, dataset=str(tiny_folder), **{**base, "monitor": "nll", **values})
        return compare.create(specs, store=Store(tmp_path / "runs"), tuning=tuning.plan(specs, rates))

    return new


def specs(**values):
    return [checked(dataset="pictograms", loss=s, seed=seed, **values) for s in SETTINGS for seed in (0, 4)]


def test_a_plan_is_five_rates_a_factor_three_apart_and_a_seed_that_no_run_has():
    plan = tuning.plan(specs(lr=1e-3, monitor="mean_cost"))
    assert plan.rates == (1.11e-4, 3.33e-4, 1e-3, 3e-3, 9e-3)
    assert (plan.metric, plan.seed, plan.done, plan.chosen) == ("mean_cost", 5, False, {})
    assert tuning.plan(specs(lr=5)).rates == (0.556, 1.67, 5.0)  # above 10 there is none
    assert tuning.plan(specs(), [0.1, 0.01, 0.1]).rates == (0.01, 0.1)


@pytest.mark.parametrize(("rates", "text"), [([0.1], "2 items"), ([0.1, -1], "-1"), ([0.1, 11], "11")])
def test_rates_that_no_run_can_have_are_refused(rates, text):
    with pytest.raises(ValueError, match=text):
        tuning.plan(specs(), rates)


def test_one_first_rate_and_one_metric_are_needed():
    with pytest.raises(ValueError, match="differ"):
        tuning.plan([*specs(lr=0.1), *specs(lr=0.2)])


@pytest.mark.parametrize(
    ("metric", "values", "beyond", "chosen"),
    [
        ("accuracy", {0.1: 0.1, 0.3: 0.2}, [0.9], 0.3),
        ("nll", {0.1: 0.1, 0.3: 0.2}, [0.0333], 0.1),
        ("accuracy", {0.1: 0.1, 0.3: 0.2, 0.9: 0.1}, [], 0.3),
        ("accuracy", {0.1: 0.2, 0.3: None}, [0.0333], 0.1),  # the higher one diverged
        ("accuracy", {0.1: 0.2, 0.3: 0.2, 0.9: 0.1}, [0.0333], 0.1),  # of two equals the lower
        ("accuracy", {0.1: 0.1, 5.0: 0.2}, [], 5.0),  # 15 is no rate
        ("accuracy", {0.1: None, 0.3: None}, [], None),
        ("accuracy", {r: r for r in (0.01, 0.03, 0.09, 0.27, 0.81, 2.43)}, [], 2.43),  # widened four times
    ],
)
def test_the_range_is_widened_while_the_best_lies_at_an_edge(metric, values, beyond, chosen):
    made = [Trial(rate=r, value=v) for r, v in values.items()]
    assert tuning._beyond(made, Tuning(metric=metric, seed=0, rates=(0.1, 0.3))) == pytest.approx(beyond)
    assert tuning._best(made, metric) == chosen


def test_the_runs_are_trained_with_the_best_rate_of_the_trials_and_the_record_says_so(asked):
    comparison, heard = asked(), set()
    worker.work(comparison, lambda run, event: heard.add((run.spec.seed, run.setting, run.spec.lr)))
    record = tuning.recorded(comparison)
    assert record is not None
    assert record.done
    trials = tuning.trials(comparison)
    assert {run.spec.seed for run in trials} == {2}
    for setting in SETTINGS:
        found = {run.spec.lr: run.metrics()[-1]["nll"] for run in trials if run.setting == setting}
        assert {t.rate: t.value for t in record.tried[setting]} == found
        assert len(found) >= 3  # the best of two lies at an edge
        assert found[record.chosen[setting]] == min(found.values())
        again = Comparison(comparison.path).groups[setting]
        assert {run.spec.lr for run in again} == {record.chosen[setting]}
        assert all(run.status["state"] == "finished" for run in again)
    assert {(s, r) for seed, s, r in heard if seed < 2} == set(record.chosen.items())


def test_trials_that_are_over_are_not_repeated(asked):
    comparison = asked(seeds=(0,))
    tuning.settle(comparison, lambda part, listener: session.execute(part.runs[0], part))  # then the machine goes down
    assert not tuning.recorded(comparison).done
    first, *others = tuning.trials(comparison)
    assert first.status["state"] == "finished"
    assert all(run.metrics() == [] for run in others)
    before = (first.path / "metrics.jsonl").stat().st_mtime_ns
    worker.work(Comparison(comparison.path))
    assert (first.path / "metrics.jsonl").stat().st_mtime_ns == before
    assert all(run.status["state"] == "finished" for run in Comparison(comparison.path).runs)


def test_a_cancel_reaches_the_trials_and_they_go_on_where_the_runs_do(asked):
    comparison = asked(("ce",), seeds=(0,), epochs=3)
    (run,) = comparison.runs
    run.want("cancel")
    worker.work(comparison)
    assert not tuning.recorded(comparison).done
    states = {trial.status["state"] for trial in tuning.trials(comparison)}
    assert states == {"cancelled"}
    assert run.status["state"] == "cancelled"
    (run.path / "control.json").unlink()
    write_json(run.path / "status.json", {"state": "queued"})
    worker.work(comparison)
    assert tuning.recorded(comparison).done
    assert comparison.runs[0].status["state"] == "finished"


def test_a_setting_without_a_sound_rate_fails_with_the_cause_and_stops_no_other(asked):
    comparison = asked(("ce", "expected_cost@words"), seeds=(0,), epochs=1)

    def train(part, listener):
        for run in part.runs:
            if run.settled:
                continue
            if run.setting == "ce":
                why = {"error": "the loss became nan in epoch 1", "diverged": True}
                write_json(run.path / "status.json", {"state": "failed", **why})
            else:
                session.execute(run, part)

    assert tuning.settle(comparison, train)
    assert tuning.recorded(comparison).done
    ce, cost = (comparison.groups[s][0] for s in ("ce", "expected_cost@words"))
    assert ce.status["state"] == "failed"
    assert "No learning rate of the 2 tried trained to its end: the loss became nan" in ce.status["error"]
    assert cost.status["state"] == "queued"
    assert set(tuning.recorded(comparison).chosen) == {"expected_cost@words"}


def test_a_trial_that_a_full_disk_ended_is_no_result_and_is_trained_again(asked):
    comparison = asked(seeds=(0,), epochs=1)

    def fill_the_disk(run, event):
        if run.setting == "ce" and run.spec.lr == max(RATES) and not (run.path / "seen").exists():
            (run.path / "seen").touch()
            raise OSError(28, "No space left on device")

    worker.work(comparison, fill_the_disk)
    ce, cost = (Comparison(comparison.path).groups[s][0] for s in SETTINGS)
    assert (ce.status["state"], cost.status["state"]) == ("failed", "finished")
    assert "Its trial with the learning rate 0.003 failed: The disk is full" in ce.status["error"]
    assert not tuning.recorded(comparison).done
    write_json(ce.path / "status.json", {"state": "queued"})
    again = Comparison(comparison.path)
    worker.work(again, fill_the_disk)
    record = tuning.recorded(Comparison(comparison.path))
    assert record.done
    assert all(trial.value is not None for trial in record.tried["ce"])
    ce = Comparison(comparison.path).groups["ce"][0]
    assert (ce.status["state"], ce.spec.lr) == ("finished", record.chosen["ce"])


def test_runs_resumed_while_a_pause_is_being_heard_never_train_at_a_rate_that_was_not_chosen(asked, monkeypatch):
    comparison, interrupted, settle = asked(seeds=(0,)), [], tuning.settle

    def pause(run, event):
        if not interrupted and run.spec.seed == 1:
            interrupted.append(run)
            for one in comparison.runs:
                one.want("pause")

    def settle_then_resume(*given):
        final = settle(*given)
        for run in comparison.runs:
            (run.path / "control.json").unlink(missing_ok=True)
        return final

    monkeypatch.setattr(tuning, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr("simviz.runs.clock.BEAT_SECONDS", 0.0)
    monkeypatch.setattr(tuning, "settle", settle_then_resume)
    worker.work(comparison, pause)
    assert interrupted
    record = tuning.recorded(Comparison(comparison.path))
    assert record.done
    for run in Comparison(comparison.path).runs:
        assert (run.status["state"], run.spec.lr) == ("finished", record.chosen[run.setting])


def test_the_time_left_counts_the_trials(asked):
    comparison = asked(("ce",), seeds=(0, 1), epochs=2)
    seen = []

    def look(run, event):
        if run.spec.seed == 2 and getattr(event, "step", None) == 1 and event.epoch == 2:
            found = progress.lines(comparison)
            trials = [progress.line(trial) for trial in tuning.trials(comparison)]
            seen.append((progress.seconds_left(comparison, found), trials))

    worker.work(comparison, look)
    (low, high), trials = seen[0]
    pace = next(one.pace for one in trials if one.state == "running")
    left = sum((one.epochs - one.share * one.epochs) for one in trials) + 2 * 2  # epochs, those of the two runs too
    assert (low, high) == pytest.approx((left * pace[0], left * pace[1]))


def test_a_trial_never_reads_the_test_part(asked):
    comparison = asked(("ce",), seeds=(0,), epochs=1)
    worker.work(comparison)
    for trial in tuning.trials(comparison):
        assert trial.result()["split"] == "validation"
        assert not trial.has_predictions("test")
    assert comparison.runs[0].result()["split"] == "test"


def test_a_record_that_was_tampered_with_is_a_sentence(asked):
    comparison = asked()
    path = comparison.path / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tuning": {"metric": "luck"}}))
    with pytest.raises(StoreError, match="tuning has a wrong metric"):
        tuning.recorded(Comparison(comparison.path))
