"""log p from probabilities, their logarithms, or logits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simviz.evaluation.foreign.scores import called_probabilities, log_probabilities, two_columns

logits = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(2, 6)), elements=st.floats(-30, 30, width=32))


def softmax(z):
    """The definition, in extended precision."""
    e = np.exp(z.astype(np.longdouble) - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@given(logits)
def test_all_three_say_the_same_and_are_told_apart(z):
    p = softmax(z).astype(np.float64)
    with np.errstate(divide="ignore"):
        expected = np.log(p)
    for scores, scale, said in (
        (p, "probabilities", "probabilities"),
        (expected, "log-probabilities", "logarithms"),
        (z, "logits", "logits"),
    ):
        found, note = log_probabilities(scores, scale)
        np.testing.assert_allclose(np.exp(found), p, atol=1e-12)
        assert said in note
    for scores in (p, expected):
        np.testing.assert_allclose(np.exp(log_probabilities(scores)[0]), p, atol=1e-12)
    shifted = z - 100  # never log-probabilities: exp of a row sums to nearly 0
    np.testing.assert_allclose(np.exp(log_probabilities(shifted)[0]), p, atol=1e-12)


@given(logits)
def test_float32_scores_that_differ_stay_apart(z):
    """The most probable class is found again, unless logits differ by less than float64 holds beside them."""
    z = z.astype(np.float32)
    p = softmax(z).astype(np.float32)
    found = log_probabilities(p, "probabilities")[0].argmax(axis=1)
    np.testing.assert_array_equal(found, p.argmax(axis=1))
    best = np.take_along_axis(z, log_probabilities(z, "logits")[0].argmax(axis=1)[:, None], 1)[:, 0]
    np.testing.assert_allclose(best.astype(float), z.max(axis=1).astype(float), rtol=0, atol=1e-13)


def test_log_probabilities_come_back_unchanged():
    logs = np.log(np.random.default_rng(0).dirichlet(np.ones(5), 20))
    np.testing.assert_array_equal(log_probabilities(logs)[0], logs)


def test_a_probability_of_zero_is_minus_infinity():
    found, _ = log_probabilities(np.array([[0.0, 1.0]]))
    np.testing.assert_array_equal(found, [[-np.inf, 0.0]])


@pytest.mark.parametrize(
    ("scores", "scale", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.4]], "auto", "the probabilities of row 2 sum to 0.9, not 1, over 2 classes"),
        ([[0.5, 0.5], [0.9, 0.9]], "auto", "the probabilities of row 2 sum to 1.8, not 1"),
        ([[0.5, 0.5], [1.5, -0.5]], "probabilities", r"row 2 has a negative probability \(-0.5\)"),
        ([[1.1, -0.1], [0.3, 0.7]], "auto", r"row 1 has a negative probability \(-0.1\); divide .*, or say .* logits"),
        ([[80, 20], [30, 70]], "auto", "row 1 sums to 100, as all rows do: percentages .* divide every row by its sum"),
        ([[33, 33, 33], [50, 25, 25]], "auto", "row 1 sums to 99, as all rows do"),
        ([[3.0, 1.0]], "probabilities", "row 1 sum to 4, not 1"),
        ([[-1.0, -1.0]], "log-probabilities", "exp of the log-probabilities of row 1 sum to 0.7358"),
        ([[0.5, 0.5], [np.nan, 0.5]], "auto", "row 2 has nan as its score in column 1"),
        ([[0.5, np.inf]], "logits", "row 1 has inf as its score in column 2"),
        ([[0.5, -np.inf]], "logits", "row 1 has an infinite logit"),
    ],
)
def test_a_row_that_is_no_distribution_is_named(scores, scale, message):
    with pytest.raises(ValueError, match=message):
        log_probabilities(np.array(scores), scale)


def test_what_is_called_a_probability_is_not_taken_for_a_logit():
    logits = np.array([[0.5, 0.5], [1.3, 0.2]])
    with pytest.raises(ValueError, match=r"the probabilities of row 2 sum to 1.5, not 1, .* divide .*scale=logits"):
        log_probabilities(logits, likely=True)
    for scores, likely in ((np.log([[0.9, 0.1]]), True), (logits, False)):
        np.testing.assert_allclose(np.exp(log_probabilities(scores, likely=likely)[0]), softmax(scores).astype(float))
    assert log_probabilities(logits)[1] == "The scores were taken for logits: row 2 sums to 1.5, not 1."
    for scores in (logits, logits[:1]):
        assert "sum" not in log_probabilities(scores, "logits", likely=True)[1]


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (["p_cat", "p_dog"], True),
        (["Prob: cat", "Prob: dog"], True),
        (["y_proba"], True),
        (["probabilities"], True),
        (["softmax"], True),
        (["cat", "p_dog"], False),
        (["log_p:cat", "log_p:dog"], False),
        (["problem", "puma"], False),
        (["pred_cat", "pred_dog"], False),
        (["y_score"], False),
    ],
)
def test_names_of_probabilities(names, called):
    assert called_probabilities(names) == called


def test_one_output_is_what_it_is_said_or_called():
    score = np.array([0.2, 0.8])
    assert two_columns(score, "logits") == (pytest.approx(np.array([[0, 0.2], [0, 0.8]])), True)
    np.testing.assert_allclose(two_columns(np.log(score), "log-probabilities")[0], two_columns(score)[0])
    for more in ({"likely": True}, {"scale": "probabilities"}):
        with pytest.raises(ValueError, match=r"row 2 has the probability 80; divide percentages by 100, or .* logits"):
            two_columns(np.array([0.2, 80]), **more)


@given(arrays(np.float64, st.integers(1, 9), elements=st.floats(-30, 30)))
def test_one_output_is_the_second_of_two(z):
    p = 1 / (1 + np.exp(-z))
    for score in (p, z):
        values, logit = two_columns(score)
        found, _ = log_probabilities(values, "logits" if logit else "probabilities")
        expected = p if logit or score is p else score
        np.testing.assert_allclose(np.exp(found[:, 1]), expected, atol=1e-12)
