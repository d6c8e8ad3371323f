"""The epoch scrubber of the confusion page: of what is over, and of what still trains."""

import os

import numpy as np
import psutil
import pytest

from simviz.runs.files import write_json
from tests.app.reading import figures, frame, heat, says, title


@pytest.fixture
def epochs(compared):
    """The trained comparison, with a second epoch that all runs but one kept."""
    for run in compared.runs[:-1]:
        first = run.epoch_arrays(1)
        np.savez(run.path / "epochs" / "0002.npz", confusion=first["confusion"].T)
    return compared


def test_the_scrubber_shows_every_setting_at_that_epoch_on_validation(visit, epochs):
    at = visit("confusion", norm="counts", at="1")
    assert at.select_slider(key="at").options == ["1", "2", "predictions"]
    for figure, runs in zip(figures(at), epochs.groups.values(), strict=True):
        expected = np.mean([run.epoch_arrays(1)["confusion"] for run in runs], axis=0)
        assert np.allclose(heat(figure), expected)
        assert title(figure).endswith("validation, epoch 1, mean of 2 seeds")
    assert "Validation after epoch 1" in says(at)
    at.select_slider(key="at").set_value("2").run()
    assert "Not all runs kept epoch 2: expected_cost@groups (1 of 2)" in says(at)
    assert title(figures(at)[2]).endswith("validation, epoch 2, seed 0")
    at.select_slider(key="at").set_value("predictions").run()
    assert title(figures(at)[0]).endswith("test, mean of 2 seeds")


def test_an_epoch_is_compared_but_not_tested(visit, epochs):
    at = visit("confusion", at="1", a="ce", b="expected_cost@groups", norm="counts")
    first, second = (
        np.mean([r.epoch_arrays(1)["confusion"] for r in epochs.groups[s]], axis=0)
        for s in ("ce", "expected_cost@groups")
    )
    assert np.allclose(heat(figures(at)[3]), first - second)
    assert "Nothing is tested: an epoch keeps counts" in says(at)
    ranked = frame(at, "share")["count"]
    assert ranked[0] == (first * ~np.eye(len(first), dtype=bool)).max()


def test_a_damaged_epoch_gets_a_sentence_and_the_other_runs_are_shown(visit, epochs):
    (epochs.runs[0].path / "epochs" / "0001.npz").write_bytes(b"no archive")
    at = visit("confusion", at="1")
    assert f"{epochs.runs[0].id}/epochs/0001.npz holds no confusion matrix" in says(at)
    assert len(figures(at)) == 3
    for run in epochs.runs:
        (run.path / "epochs" / "0001.npz").write_bytes(b"no archive")
    at = visit("confusion", at="1")
    assert not figures(at)
    assert says(at).count("holds no confusion matrix") == len(epochs.runs)


def still_training(runs):
    """As the worker leaves a run's folder between two epochs."""
    alive = {"pid": os.getpid(), "process_start": psutil.Process().create_time()}
    for run in runs:
        for name in ("validation.npz", "test.npz", "result.json"):
            (run.path / name).unlink()
        write_json(run.path / "status.json", {"state": "running", "epoch": 1, "epochs": 1, **alive})


def test_a_comparison_that_still_trains_shows_its_epochs(visit, epochs):
    still_training(epochs.runs)
    at = visit("confusion", norm="counts")
    assert at.select_slider(key="at").options == ["1", "2"]
    assert at.select_slider(key="at").value == "2"
    for figure, runs in zip(figures(at)[:2], epochs.groups.values(), strict=False):
        assert np.allclose(heat(figure), np.mean([run.epoch_arrays(2)["confusion"] for run in runs], axis=0))
        assert title(figure).endswith("validation, epoch 2, mean of 2 seeds")
    assert f"{epochs.runs[0].id}: epoch 2 of 1" in says(at)
    np.savez(epochs.runs[0].path / "epochs" / "0003.npz", confusion=epochs.runs[0].epoch_arrays(1)["confusion"])
    at.select_slider(key="at").set_value("1").run()
    at.button(key="epochs-again").click().run()
    assert at.select_slider(key="at").options == ["1", "2", "3"]
    assert at.select_slider(key="at").value == "1"
    assert title(figures(at)[0]).endswith("validation, epoch 1, mean of 2 seeds")
    assert not at.exception


def test_after_its_first_epoch_it_shows_that_one(visit, compared):
    still_training(compared.runs)
    at = visit("confusion")
    assert not at.select_slider
    assert "Validation after epoch 1" in says(at)
    assert len(figures(at)) == 3


def test_settings_that_are_over_stand_beside_those_that_train(visit, epochs):
    training = epochs.groups["expected_cost@groups"]
    still_training(training)
    at = visit("confusion", norm="counts")
    assert at.select_slider(key="at").value == "predictions"
    assert len(figures(at)) == 2
    at.select_slider(key="at").set_value("1").run()
    assert len(figures(at)) == 3
    expected = np.mean([run.epoch_arrays(1)["confusion"] for run in training], axis=0)
    assert np.allclose(heat(figures(at)[2]), expected)
