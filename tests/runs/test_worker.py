from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from simviz.runs import Comparison, Run, outcome, queue, worker

from .waiting import wait

FLAT = {
    *("accuracy", "macro_recall", "nll", "ece", "mean_cost", "mistake_severity", "distinct_classes"),
    *("ruler", "decoder", "split", "epoch", "seconds", "images_per_second", "run"),
}


@pytest.fixture
def done(make):
    comparison = make(ruler="words")
    worker.work(comparison)
    return comparison


def test_a_finished_run_keeps_what_the_pages_need(done):
    for run in done.runs:
        assert run.status["state"] == "finished"
        result = run.result()
        assert result.keys() >= FLAT
        assert result["split"] == "test"
        assert result["ruler"].startswith("words")
        assert math.isclose(
            result["mean_cost"], (1 - result["accuracy"]) * (result["mistake_severity"] or 0), abs_tol=1e-9
        )
        assert [line["epoch"] for line in run.metrics()] == run.epochs == [1, 2]
        validation = run.predictions("validation")
        assert run.epoch_arrays(2)["confusion"].sum() == len(validation)
        predicted = run.predictions().log_probabilities.argmax(1)
        assert np.mean(predicted == run.predictions().target) == pytest.approx(result["accuracy"])
        assert json.loads((run.path / "environment.json").read_text())["precision"] in ("float32", "bfloat16")
    rows = done.image_rows()
    assert all(sample in rows for sample in done.runs[0].predictions().ids)
    assert done.images().shape[1:] == (16, 16, 3)


def test_the_matrix_of_the_loss_is_kept(done):
    ce, simloss = done.runs
    assert ce.matrix() is None
    assert simloss.matrix().names == done.classes.names


def test_settled_runs_are_not_trained_again(done):
    before = [(r.path / "result.json").stat().st_mtime_ns for r in done.runs]
    worker.work(Comparison(done.path))
    assert [(r.path / "result.json").stat().st_mtime_ns for r in done.runs] == before


def test_a_finished_run_keeps_a_log_of_its_epochs(done):
    for run in done.runs:
        lines = run.log().splitlines()
        assert f"from epoch 1 of {run.spec.epochs}" in lines[0]
        assert sum("training loss" in line for line in lines) == run.spec.epochs
        assert "finished" in lines[-1]


def test_a_failed_run_says_why_and_does_not_stop_the_next(make):
    comparison = make(seeds=(0, 1), settings=("ce",))
    broken = comparison.runs[0]
    spec = json.loads((broken.path / "spec.json").read_text())
    (broken.path / "spec.json").write_text(json.dumps({**spec, "model": "lenett"}))
    worker.work(Comparison(comparison.path))
    first, second = (r.status for r in comparison.runs)
    assert first["state"] == "failed"
    assert "lenett" in first["error"]
    assert "Traceback" in broken.log()
    assert second["state"] == "finished"


def test_cancel_keeps_what_was_reached(make):
    comparison = make(settings=("ce",), epochs=2000)

    def listener(run, event):
        if getattr(event, "epoch", 0) == 3:
            run.want("cancel")

    worker.work(comparison, listener)
    run = comparison.runs[0]
    assert run.status["state"] == "cancelled"
    assert run.result()["epoch"] == len(run.metrics()) >= 3
    assert run.has_predictions("test")


def test_an_interrupt_from_the_keyboard_keeps_what_was_reached(make):
    comparison = make(epochs=2000)

    def listener(run, event):
        if getattr(event, "epoch", 0) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.work(comparison, listener)
    first, second = comparison.runs
    assert first.status["state"] == "cancelled"
    assert first.result()["epoch"] == len(first.metrics()) >= 2
    assert first.has_predictions("test")
    assert not second.has_predictions("test")


def test_a_run_that_waits_can_be_cancelled(make):
    comparison = make()
    for run in comparison.runs:
        run.want("cancel")
    worker.work(comparison)
    assert [r.status["state"] for r in comparison.runs] == ["cancelled", "cancelled"]


def test_a_killed_process_is_noticed_and_the_run_resumes_from_its_last_epoch(make):
    comparison = make(settings=("ce",), epochs=300)
    pid = queue.start(comparison)
    run = comparison.runs[0]
    wait(lambda: len(run.metrics()) >= 2)
    with pytest.raises(ValueError, match="being trained already"):
        queue.start(comparison)
    os.kill(pid, signal.SIGKILL)
    wait(lambda: run.status["state"] == "lost")
    reached = len(run.metrics())
    assert reached >= 2
    checkpointed = reached if (run.path / "checkpoint.safetensors").exists() else 0
    spec = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps({**spec, "epochs": reached + 2}))
    trained = []
    worker.work(Comparison(comparison.path), lambda _, event: trained.append(event))
    assert Run(run.path).status["state"] == "finished"
    new = [e.epoch for e in trained if not hasattr(e, "step")]
    assert new[0] in (checkpointed, checkpointed + 1)
    assert [line["epoch"] for line in run.metrics()] == list(range(1, reached + 3))


def test_the_process_refuses_a_folder_that_is_no_comparison(tmp_path):
    found = subprocess.run(
        [sys.executable, "-m", "simviz.runs.worker", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert "COMPARISON_FOLDER" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_comparison_can_be_moved(done, tmp_path):
    shutil.move(done.path, tmp_path / "elsewhere")
    moved = Comparison(tmp_path / "elsewhere")
    assert [r.result()["accuracy"] for r in moved.runs] == [r.result()["accuracy"] for r in moved.runs]
    assert moved.runs[0].predictions().log_probabilities.shape[1] == 4


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Halve the batch"),
        (MemoryError(), "Halve the batch"),
        (OSError(28, "No space left on device"), "disk is full"),
        (ValueError("there is no class 'x'"), "there is no class 'x'"),
        (KeyError("y"), "KeyError"),
    ],
)
def test_causes_in_plain_words(error, text):
    assert text in outcome.in_plain_words(error)


def values(**changes):
    return {"nll": 1.0, "accuracy": 0.5, "distinct_classes": 10, **changes}


def test_a_run_says_what_is_wrong_with_it():
    say = lambda only_warmup=False, matrix=True, **changes: outcome.warning(  # noqa: E731
        values(**changes), 10, only_warmup=only_warmup, matrix=matrix
    )
    assert say() is None
    assert "chance" in say(nll=math.log(10), accuracy=0.1, distinct_classes=1)
    assert "4 of 10" in say(distinct_classes=4)
    assert "Narrow the matrix" in say(distinct_classes=4)
    assert "matrix" not in say(distinct_classes=4, matrix=False)
    assert "warm-up" in say(only_warmup=True)
