"""How long it will take: timed on a few batches, then measured; never a promise narrower than what is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.runs import budget, pace, progress, worker
from simviz.runs.progress import Line


def never():
    return False


def test_a_few_batches_of_each_setting_tell_the_pace_before_the_first_epoch(make):
    comparison = make(epochs=200, batch_size=4)
    waiting = [replace(one, state="queued") for one in progress.lines(comparison)]
    assert progress.seconds_left(comparison, waiting) is None
    pace.calibrate(comparison, comparison.runs, never)
    found = pace.read(comparison)
    assert set(found) == {"ce", "simloss@words"}
    assert all(0 < low <= high for low, high in found.values())
    low, high = progress.seconds_left(comparison, waiting)
    assert low == pytest.approx(200 * sum(each[0] for each in found.values()))
    assert high == pytest.approx(200 * sum(each[1] for each in found.values()))


def test_epochs_of_few_batches_are_timed_whole(make):
    comparison = make(settings=("ce",), epochs=2000, batch_size=64)
    pace.calibrate(comparison, comparison.runs, never)
    low, high = pace.read(comparison)["ce"]
    assert 0 < low <= high


def test_a_training_that_ends_before_it_was_timed_is_left_out(make):
    comparison = make(settings=("ce",), epochs=2, batch_size=64)
    pace.calibrate(comparison, comparison.runs * 200, never)
    assert pace.read(comparison) == {}


def test_a_short_training_is_not_timed_beforehand(make):
    comparison = make(epochs=2)
    pace.calibrate(comparison, comparison.runs, never)
    assert pace.read(comparison) == {}


def test_the_timing_leaves_the_runs_as_they_would_have_been(make):
    """Networks of the timing draw from the generator of the runs; each run begins it anew."""
    timed, plain = make(settings=("ce",), epochs=2), make(settings=("ce",), epochs=2)
    spec = timed.runs[0].spec
    pace.calibrate(timed, [*timed.runs, *(make(settings=("ce",), epochs=2000).runs)], never)
    assert set(pace.read(timed)) == {spec.loss}
    for comparison in (timed, plain):
        worker.work(comparison)
    assert timed.runs[0].result()["nll"] == plain.runs[0].result()["nll"]


def test_a_setting_that_cannot_be_trained_is_left_to_its_run(make):
    comparison = make(epochs=2000, batch_size=4)
    broken = comparison.runs[0].path / "spec.json"
    broken.write_text(json.dumps({**json.loads(broken.read_text()), "model": "lenett"}))
    pace.calibrate(comparison, comparison.runs, never)
    assert set(pace.read(comparison)) == {"simloss@words"}


def test_a_cancel_ends_the_timing(make):
    comparison = make(epochs=2000, batch_size=4)
    pace.calibrate(comparison, comparison.runs, lambda: True)
    assert pace.read(comparison) == {}


def test_measured_epochs_take_the_place_of_the_timing(make):
    comparison = make(settings=("ce",), seeds=(0, 1), epochs=3)
    worker.work(comparison, lambda run, event: run.want("cancel") if run.spec.seed else None)
    first, second = progress.lines(comparison)
    assert 0 < first.pace[0] <= first.pace[1]
    waiting = replace(second, state="queued", share=0.0, pace=None)
    assert progress.seconds_left(comparison, [first, waiting]) == pytest.approx((3 * first.pace[0], 3 * first.pace[1]))


def line(setting, **how):
    return Line(f"{setting}-s0", setting, 0, **{"state": "queued", "epochs": 10, "fewest": 10, **how})


def test_what_is_unknown_takes_anything_between_the_quickest_and_the_slowest(make):
    found = [line("a", state="finished", pace=(1.0, 2.0)), line("b", state="finished", pace=(4.0, 5.0)), line("c")]
    assert progress.seconds_left(make(), found) == (10.0, 50.0)


def test_early_stopping_lowers_the_least(make):
    found = [line("a", state="running", share=0.5, fewest=5, pace=(1.0, 2.0)), line("a", fewest=3)]
    assert progress.seconds_left(make(), found) == (3.0, 30.0)


def test_runs_at_once_share_the_work_but_none_is_halved(make):
    both = [line("a", state="running", pace=(1.0, 1.0)), line("b", state="running", pace=(3.0, 3.0))]
    assert progress.seconds_left(make(), both) == (20.0, 30.0)


def test_no_comparison_takes_longer_than_its_budget(make):
    comparison = make()
    budget.grant(comparison, 0.25)
    assert progress.seconds_left(comparison, [line("a", pace=(1.0, 2.0))]) == (10.0, 15.0)


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=80))
def test_a_measured_pace_lies_within_what_was_measured(seconds):
    low, high = pace.measured(seconds)
    assert min(seconds) <= low <= high <= max(seconds)


def test_one_slow_first_epoch_is_forgotten_and_one_of_many_does_not_count():
    assert pace.measured([9.0, 1.0, 1.0, 1.0]) == (1.0, 1.0)
    assert pace.measured([1.0] * 20 + [50.0]) == (1.0, 1.0)
    assert pace.measured([]) is None


@pytest.mark.parametrize("text", ["[]", '{"seconds_per_epoch": {"ce": [2, 1]}}', '{"seconds_per_epoch": {"ce": 3}}'])
def test_a_damaged_file_tells_no_pace(make, text):
    comparison = make()
    (comparison.path / pace.FILE).write_text(text)
    assert pace.read(comparison) == {}
