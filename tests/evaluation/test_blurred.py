"""S p / sum(S p): exact where its docstring says so, wrong where it says so, and never worse than its bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from simviz import ClassMatrix, ClassSet, matrices
from simviz.evaluation import blur_error_bound, blur_warning, blurred, column_ratio, decode, metrics, ruler

from .evaluation_cases import case, log_softmax, seeds

CHAIN = 0.3 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))


def best_prediction(similarity: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """argmin_p of the expected SimLoss, by a solver that knows nothing of q; log p, (1, C)."""

    def expected_loss(z: np.ndarray) -> tuple[float, np.ndarray]:
        p = np.exp(log_softmax(z[None]))[0]
        mass = similarity @ p
        slope = -(similarity.T @ (posterior / mass))
        return -float(posterior @ np.log(mass)), p * (slope - p @ slope)

    found = minimize(expected_loss, np.zeros(len(posterior)), jac=True, options={"gtol": 1e-10, "maxiter": 5000})
    assert np.abs(found.jac).max() < 1e-6
    return log_softmax(found.x[None])


def circulant(rng: np.random.Generator, count: int) -> np.ndarray:
    """Neighbours on a circle are alike: every column sums alike, and S has an inverse."""
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    return rng.uniform(0.1, 0.6) ** np.minimum(apart, count - apart)


def test_the_value_of_the_docstring():
    q = np.exp(blurred(np.log([[0.8, 0.2]]), [[1.0, 0.5], [0.5, 1.0]]))
    np.testing.assert_allclose(q, [[0.9 / 1.5, 0.6 / 1.5]])


@given(seeds)
def test_it_is_the_renormalised_product(seed):
    problem = case(seed)
    similarity = problem.similarity.values.astype(float)
    expected = [[sum(s * w for s, w in zip(row, p, strict=True)) for row in similarity] for p in problem.p]
    expected = np.array(expected) / np.sum(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(blurred(problem.log_p, problem.similarity)), expected)


@settings(max_examples=25)
@given(seeds, st.integers(3, 12))
def test_trained_with_equal_column_sums_it_is_the_posterior(seed, count):
    rng = np.random.default_rng(seed)
    similarity = circulant(rng, count)
    posterior = similarity @ rng.dirichlet(np.ones(count))
    posterior /= posterior.sum()
    log_p = best_prediction(similarity, posterior)
    np.testing.assert_allclose(np.exp(blurred(log_p, similarity))[0], posterior, atol=1e-4)
    assert blur_warning(similarity) is None


@settings(max_examples=25)
@given(seeds, st.integers(3, 12))
def test_trained_with_unit_columns_it_is_the_posterior(seed, count):
    rng = np.random.default_rng(seed)
    similarity = 0.3 ** np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    similarity /= similarity.sum(axis=0)
    posterior = similarity @ rng.dirichlet(np.ones(count))
    np.testing.assert_allclose(
        np.exp(blurred(best_prediction(similarity, posterior), similarity))[0], posterior, atol=1e-4
    )


def test_the_sharpened_p_itself_is_not():
    similarity = circulant(np.random.default_rng(0), 6)
    posterior = similarity @ np.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.02])
    posterior /= posterior.sum()
    p = np.exp(best_prediction(similarity, posterior))[0]
    assert p.max() > posterior.max() + 0.05


@pytest.mark.parametrize(
    ("posterior", "wrong"), [((0.43, 0.31, 0.18, 0.04, 0.04), 1), ((0.41, 0.08, 0.30, 0.20, 0.01), 2)]
)
def test_on_a_chain_of_classes_it_takes_the_first_for_a_hub(posterior, wrong):
    """science.md: r = .3, truth at class 0, predicts 1 or 2; argmax of p is right."""
    log_p = best_prediction(CHAIN, np.array(posterior))
    classes = ClassSet(list("abcde"))
    assert decode(log_p, classes=classes).tolist() == [0]
    assert decode(log_p, "blurred", classes=classes, similarity=CHAIN).tolist() == [wrong]


def test_it_is_never_sure_of_a_class_that_has_neighbours():
    sure = np.full((1, 5), -50.0)
    sure[0, 0] = 0
    q = np.exp(blurred(log_softmax(sure), CHAIN))[0]
    np.testing.assert_allclose(q, CHAIN[:, 0] / CHAIN[:, 0].sum())


@settings(max_examples=25)
@given(seeds, st.integers(2, 8))
def test_a_posterior_that_s_can_express_is_missed_by_no_more_than_the_bound(seed, count):
    rng = np.random.default_rng(seed)
    similarity = np.where(np.eye(count), 1, rng.uniform(0, 0.6, (count, count)) ** 2)
    posterior = similarity @ rng.dirichlet(np.full(count, 0.5))
    posterior /= posterior.sum()
    q = np.exp(blurred(best_prediction(similarity, posterior), similarity))[0]
    assert np.abs(q - posterior).sum() / 2 <= blur_error_bound(similarity) + 1e-4


def test_column_ratio_and_its_warning():
    sums = [1.4251, 1.717, 1.78, 1.717, 1.4251]
    assert column_ratio(CHAIN) == pytest.approx(max(sums) / min(sums))
    assert blur_error_bound(CHAIN) == pytest.approx(np.sqrt(np.log(1.78 / 1.4251) / 2))
    assert blur_error_bound(np.array([[1, 1], [0, 1.0]])) == pytest.approx(np.sqrt(np.log(2) / 2))
    wide = np.eye(20)
    wide[:, 0] = 1  # one class like every other: the second bound is the smaller one
    assert blur_error_bound(wide) == pytest.approx(np.sqrt(1 - 1 / 20))
    text = blur_warning(matrices.class_order(5, r=0.3))
    assert text is not None
    assert "1.25 times" in text
    assert "up to 0.33" in text
    assert blur_warning(np.eye(4)) is None


@given(seeds)
def test_with_the_identity_it_is_argmax_and_changes_nothing(seed):
    problem = case(seed)
    identity = ClassMatrix(problem.classes, np.eye(len(problem.classes)))
    np.testing.assert_allclose(blurred(problem.log_p, identity), problem.log_p, atol=1e-12)
    decoded = decode(problem.log_p, "blurred", classes=problem.classes, similarity=identity)
    np.testing.assert_array_equal(decoded, decode(problem.log_p, classes=problem.classes))


@given(seeds)
def test_metrics_read_the_blurred_probabilities(seed):
    problem = case(seed)
    about = {"classes": problem.classes, "ruler": problem.ruler}
    once = metrics(problem.log_p, problem.target, **about, decoder="blurred", similarity=problem.similarity)
    assert once == pytest.approx(metrics(blurred(problem.log_p, problem.similarity), problem.target, **about))


def test_half_precision_and_probabilities_below_the_smallest_number():
    rows = np.array([[0.0, -200.0, -60_000.0]], dtype=np.float16)
    similarity = np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 1]])
    found = blurred(rows, similarity)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([0, -200, -200 + np.log(0.5)])
    assert blurred(rows, np.eye(3))[0] == pytest.approx(rows[0])


def test_a_class_of_probability_zero_stays_one():
    with np.errstate(divide="ignore"):
        rows = np.log([[0.5, 0.5, 0.0]])
    found = blurred(rows, np.eye(3))
    np.testing.assert_array_equal(found[0, 2], -np.inf)


def test_matrices_are_joined_by_name():
    classes = ClassSet(["a", "b", "c"])
    similarity = ClassMatrix(["c", "a", "b"], [[1, 0, 0.9], [0, 1, 0], [0.9, 0, 1]])
    rows = np.log([[0.4, 0.35, 0.25]])  # b and c are alike, and together beat a
    assert decode(rows, "blurred", classes=classes, similarity=similarity).tolist() == [1]
    got = metrics(rows, [1], classes=classes, ruler=ruler(classes), decoder="blurred", similarity=similarity)
    assert got["accuracy"] == 1


@pytest.mark.parametrize(
    ("similarity", "message"),
    [
        (ClassMatrix(["a", "b"], 1 - np.eye(2), "distance"), "a distance was given .*to_similarity"),
        ([[1, -0.5], [0, 1]], r"similarity\[0, 1\] is -0.5"),
        ([[1, np.nan], [0, 1]], r"similarity\[0, 1\] is nan"),
        ([[1, 0.5], [0.5, 0]], r"similarity\[1, 1\] is 0.*diagonal positive"),
        (np.eye(3), r"shape \(3, 3\); \(2, 2\) is needed"),
        (0.5, r"shape \(\); \(2, 2\) is needed"),
    ],
)
def test_bad_similarities_are_named(similarity, message):
    with pytest.raises(ValueError, match=message):
        blurred(np.log([[0.5, 0.5]]), similarity)
