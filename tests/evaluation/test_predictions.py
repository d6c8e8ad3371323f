"""Predictions on disk; what is known where only decisions are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, evaluation
from simviz.evaluation.predictions import Predictions

AGES = ClassSet(["a", "b", "c", "d"], positions=[1, 2, 4, 8])


def decisions(predicted, target=None, classes=4):
    predicted = np.array(predicted)
    target = np.zeros_like(predicted) if target is None else np.array(target)
    count = len(predicted)
    return Predictions.of_decisions(np.arange(count).astype(str), np.arange(count), target, predicted, classes)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_every_decoder_finds_the_decision(predicted):
    made = decisions(predicted)
    ruler = evaluation.ruler(AGES, "positions")
    for decoder in ("argmax", "min_cost", "median", "expectation"):
        found = evaluation.decode(made.log_probabilities, decoder, classes=AGES, ruler=ruler)
        np.testing.assert_array_equal(found, predicted)


def test_metrics_of_decisions_are_those_of_their_counts():
    made = decisions([0, 1, 2, 3, 3, 0], [0, 1, 2, 3, 0, 1])
    ruler = evaluation.ruler(AGES, "positions")
    counts = evaluation.confusion_matrix(made.target, made.predicted, 4)
    values = made.metrics(AGES, ruler)
    assert values == evaluation.metrics_from_confusion(counts, classes=AGES, ruler=ruler)
    known = Predictions(made.ids, made.units, made.target, made.log_probabilities).metrics(AGES, ruler)
    assert {k: v for k, v in known.items() if k in values} == values
    assert known.keys() - values.keys() == {"nll", "ece", "rps"}


def test_decisions_come_back_from_disk(tmp_path):
    made = decisions([0, 3, 2], [1, 3, 0])
    made.save(tmp_path / "test.npz", max_bytes=1)
    found = Predictions.load(tmp_path / "test.npz")
    for field in ("ids", "units", "target", "predicted", "log_probabilities"):
        np.testing.assert_array_equal(getattr(found, field), getattr(made, field))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_come_back_in_the_type_they_were_saved_in(tmp_path, dtype):
    logs = np.log(np.random.default_rng(0).dirichlet(np.ones(4), 9))
    made = Predictions(np.arange(9).astype(str), np.arange(9), np.zeros(9, np.int64), logs)
    made.save(tmp_path / "test.npz", dtype=dtype)
    found = Predictions.load(tmp_path / "test.npz").log_probabilities
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, logs.astype(dtype))


def test_few_classes_are_kept_whole_whatever_the_limit(tmp_path):
    made = Predictions(np.array(["x"]), np.zeros(1, int), np.zeros(1, int), np.log(np.full((1, 5), 0.2)))
    made.save(tmp_path / "test.npz", max_bytes=1)
    np.testing.assert_allclose(np.exp(Predictions.load(tmp_path / "test.npz").log_probabilities), 0.2, rtol=1e-3)


@pytest.mark.parametrize(
    ("predicted", "classes", "message"),
    [
        (np.array([0, 9]), np.array(4), "a decision lies outside the classes 0..3"),
        (np.array([0, -1]), np.array(4), "a decision lies outside the classes 0..3"),
        (np.array([0, 1]), np.array(2**40), "2 decisions between 1,099,511,627,776 classes are too many"),
        (np.array([0, 1]), np.array(-4), "are too many to be kept"),
        (np.array([0.5, 1]), np.array(4), "does not hold one decided class a sample"),
        (np.array([[0, 1]]), np.array(4), "does not hold one decided class a sample"),
        (np.array([0, 1]), np.array([4]), "does not say how many classes there are"),
    ],
)
def test_a_damaged_file_of_decisions_is_refused(tmp_path, predicted, classes, message):
    with (tmp_path / "test.npz").open("wb") as file:
        basic = {"ids": np.array(["a", "b"]), "units": np.arange(2), "target": np.arange(2)}
        np.savez(file, **basic, predicted=predicted, num_classes=classes)
    with pytest.raises(ValueError, match=message):
        Predictions.load(tmp_path / "test.npz")
