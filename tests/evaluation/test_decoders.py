from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simviz import ClassMatrix, ClassSet
from simviz.evaluation import (
    DECODERS,
    apply_temperature,
    decode,
    fit_temperature,
    probabilities,
    ruler,
)

from .evaluation_cases import case, distance_ruler, log_softmax, relations, seeds, shuffled


@given(seeds)
def test_argmax(seed):
    problem = case(seed)
    np.testing.assert_array_equal(decode(problem.log_p, classes=problem.classes), problem.p.argmax(axis=1))


@given(seeds)
def test_min_cost_is_the_class_of_least_expected_cost(seed):
    problem = case(seed)
    decoded = decode(problem.log_p, "min_cost", classes=problem.classes, ruler=problem.ruler)
    for p, c in zip(problem.p, decoded, strict=True):
        risks = [sum(p[k] * problem.ruler.matrix.values[k, j] for k in range(len(p))) for j in range(len(p))]
        assert risks[c] == pytest.approx(min(risks))


@given(seeds)
def test_min_cost_under_zero_one_is_argmax(seed):
    problem = case(seed)
    decoded = decode(problem.log_p, "min_cost", classes=problem.classes, ruler=ruler(problem.classes, "zero_one"))
    np.testing.assert_array_equal(decoded, decode(problem.log_p, classes=problem.classes))


@given(seeds)
def test_min_cost_under_absolute_distance_is_the_median(seed):
    problem = case(seed)
    absolute = ruler(problem.classes, "positions")
    decoded = decode(problem.log_p, "min_cost", classes=problem.classes, ruler=absolute)
    np.testing.assert_array_equal(decoded, decode(problem.log_p, "median", classes=problem.classes))


@given(seeds)
def test_min_cost_under_squared_distance_is_the_class_nearest_to_the_expectation(seed):
    problem = case(seed)
    squared = distance_ruler(problem.classes, (problem.x[:, None] - problem.x) ** 2)
    decoded = decode(problem.log_p, "min_cost", classes=problem.classes, ruler=squared)
    nearest = np.abs((problem.p @ problem.x)[:, None] - problem.x).argmin(axis=1)
    np.testing.assert_array_equal(decode(problem.log_p, "expectation", classes=problem.classes), nearest)
    np.testing.assert_array_equal(decoded, nearest)


def test_ties_go_to_the_lowest():
    half = np.log([[0.5, 0.5]]).repeat(2, axis=0)
    falling = ClassSet(["high", "low"], positions=[1, 0])
    for decoder, expected in (("argmax", 0), ("min_cost", 0), ("median", 1), ("expectation", 1)):
        decoded = decode(half, decoder, classes=falling, ruler=ruler(falling))
        assert decoded.tolist() == [expected, expected], decoder


@given(seeds, st.integers(1, 20))
def test_rounding_does_not_decide_between_equal_costs(seed, half):
    """A mirrored distribution costs the same at both middle classes: the lower index wins."""
    side = np.random.default_rng(seed).normal(size=(5, half))
    rows = log_softmax(np.hstack([side, side[:, ::-1]])).astype(np.float32)
    classes = ClassSet([f"c{i}" for i in range(2 * half)], positions=range(2 * half))
    assert (decode(rows, "min_cost", classes=classes, ruler=ruler(classes)) == half - 1).all()
    assert (decode(rows, "median", classes=classes) == half - 1).all()


@given(seeds, st.sampled_from(DECODERS), st.sampled_from([None, 20.0]))
def test_invariant_under_joint_permutation_of_classes(seed, decoder, period):
    problem = case(seed, period=period)
    other, order = shuffled(problem, seed)
    first = decode(problem.log_p, decoder, **relations(problem))
    second = decode(other.log_p, decoder, **relations(other))
    np.testing.assert_array_equal(order[second], first)


@given(seeds, st.sampled_from(["median", "expectation"]), st.integers(0, 79))
def test_circular_decoders_do_not_depend_on_where_the_circle_starts(seed, decoder, quarter_turns):
    problem = case(seed, period=20.0)
    turned = ((problem.x + quarter_turns / 4) % 20).tolist()
    classes = ClassSet(problem.classes.names, positions=turned, period=20.0)
    np.testing.assert_array_equal(
        decode(problem.log_p, decoder, classes=problem.classes), decode(problem.log_p, decoder, classes=classes)
    )


@given(seeds)
def test_circular_median_minimises_the_expected_circular_distance(seed):
    problem = case(seed, period=20.0)
    decoded = decode(problem.log_p, "median", classes=problem.classes)
    for p, c in zip(problem.p, decoded, strict=True):
        risks = [
            sum(w * min(abs(a - b), 20 - abs(a - b)) for w, a in zip(p, problem.x, strict=True)) for b in problem.x
        ]
        assert risks[c] == pytest.approx(min(risks))


def test_circular_mean_crosses_midnight_and_falls_back_where_there_is_none():
    clock = ClassSet([f"{h} h" for h in range(24)], positions=range(24), period=24)
    p = np.zeros((3, 24))
    p[0, [23, 1]] = 0.5  # a plain expectation would say noon
    p[1, [2, 14]] = 0.5  # opposite: no direction
    p[2] = 1 / 24
    with np.errstate(divide="ignore"):
        decoded = decode(np.log(p), "expectation", classes=clock)
    assert decoded.tolist() == [0, 2, 0]


@given(seeds, st.sampled_from(DECODERS))
def test_half_precision_decodes_its_own_rounded_probabilities(seed, decoder):
    problem = case(seed)
    half = problem.log_p.astype(np.float16)
    again = log_softmax(half.astype(np.float64))
    kwargs = relations(problem)
    a, b = decode(half, decoder, **kwargs), decode(again, decoder, **kwargs)
    p = np.exp(again)
    risks = {"argmax": -again, "min_cost": p @ problem.ruler.distance, "blurred": -p @ problem.similarity.values.T}
    risk = risks.get(decoder)
    if risk is None:
        np.testing.assert_array_equal(a, b)
    else:  # equal float16 values are ties that either precision may break
        np.testing.assert_allclose(
            np.take_along_axis(risk, a[:, None], 1), np.take_along_axis(risk, b[:, None], 1), atol=1e-5
        )


def test_chunks_do_not_show(monkeypatch):
    problem = case(5, n=100)
    for decoder in DECODERS:
        whole = decode(problem.log_p, decoder, **relations(problem))
        with monkeypatch.context() as patch:
            patch.setattr(probabilities, "CHUNK_VALUES", 7 * len(problem.classes))
            pieces = decode(problem.log_p, decoder, **relations(problem))
        np.testing.assert_array_equal(whole, pieces)


def test_no_rows_decode_to_no_classes():
    assert decode(np.empty((0, 3)), classes=ClassSet(["a", "b", "c"])).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "kwargs", "message"),
    [
        ([[0.5, 0.5], [0.5, np.nan]], {}, "row 1 is NaN in column 1"),
        ([[0.5, 0.5], [1.0, 2.0]], {}, "probabilities of row 1 sum to 3, not 1"),
        ([[0.2, 0.3, 0.5]], {}, "3 columns for 2 classes"),
        ([0.5, 0.5], {}, r"shape \(2,\)"),
        ([[0.5, 0.5]], {"decoder": "median"}, "'median' needs ordered classes"),
        ([[0.5, 0.5]], {"decoder": "expectation"}, "'expectation' needs ordered classes"),
        ([[0.5, 0.5]], {"decoder": "mode"}, "no decoder 'mode'; choose argmax, min_cost, median, expectation, blurred"),
        ([[0.5, 0.5]], {"decoder": "min_cost"}, "'min_cost' needs a ruler"),
        ([[0.5, 0.5]], {"decoder": "blurred"}, "'blurred' needs the similarity"),
        ([[0.5, 0.5]], {"decoder": "blurred", "similarity": np.eye(3)}, r"\(3, 3\); \(2, 2\) is needed"),
        ([[0.5, 0.5]], {"decoder": "blurred", "similarity": ClassMatrix(["a", "c"], np.eye(2))}, "no class 'b'"),
        ([[0.5, 0.5]], {"temperature": 0.0}, "temperature is 0.0"),
    ],
)
def test_bad_input_is_named(rows, kwargs, message):
    with pytest.raises(ValueError, match=message):
        decode(np.log(rows), classes=ClassSet(["a", "b"]), **kwargs)


def test_logits_are_refused():
    with pytest.raises(ValueError, match=r"row 0 sum to inf.*log_softmax"):
        decode(np.array([[800.0, 3.0]]), classes=ClassSet(["a", "b"]))


@given(seeds)
def test_the_fitted_temperature_minimises_the_likelihood(seed):
    from scipy.optimize import minimize_scalar
    from sklearn.metrics import log_loss

    problem = case(seed, n=60)
    labels = np.arange(len(problem.classes))
    loss = lambda log_t: log_loss(problem.target, np.exp(log_softmax(problem.log_p / np.exp(log_t))), labels=labels)  # noqa: E731
    best = minimize_scalar(loss, bounds=np.log([0.02, 50]), method="bounded")
    fitted = fit_temperature(problem.log_p, problem.target)
    assert 0.02 <= fitted <= 50
    assert loss(np.log(fitted)) <= best.fun + 1e-9


@given(seeds, st.floats(0.5, 2))
def test_fitting_after_tempering_finds_what_is_left(seed, temperature):
    problem = case(seed, n=60)
    whole = fit_temperature(problem.log_p, problem.target)
    assume(0.1 < whole < 10)
    left = fit_temperature(apply_temperature(problem.log_p, temperature), problem.target)
    assert left == pytest.approx(whole / temperature, rel=1e-4)


def test_a_planted_overconfidence_is_found_and_removed_in_half_precision():
    rng = np.random.default_rng(0)
    honest = log_softmax(rng.normal(0, 2, (20_000, 6)))
    target = (np.exp(honest).cumsum(axis=1) < rng.random((len(honest), 1))).sum(axis=1).clip(max=5)
    overconfident = log_softmax(3 * honest).astype(np.float16)
    temperature = fit_temperature(overconfident, target)
    assert temperature == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(
        np.exp(apply_temperature(overconfident, temperature)), np.exp(log_softmax(3 * honest / temperature)), atol=0.01
    )


def test_temperature_ends_in_its_bounds():
    rows = log_softmax(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert 0.02 <= fit_temperature(rows, [0, 1]) < 0.05  # always right: sharper until nothing is left to gain
    assert fit_temperature(rows, [1, 0]) == pytest.approx(50, rel=1e-3)  # always wrong: ever flatter


def test_tempered_decoding_is_decoding_of_tempered_probabilities():
    problem = case(11, n=50)
    for temperature in (0.3, 4.0):
        hot = replace(problem, log_p=log_softmax(problem.log_p / temperature))
        a = decode(problem.log_p, "min_cost", classes=problem.classes, ruler=problem.ruler, temperature=temperature)
        b = decode(hot.log_p, "min_cost", classes=problem.classes, ruler=problem.ruler)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(apply_temperature(problem.log_p, temperature), hot.log_p, atol=1e-12)


def test_a_false_class_of_probability_zero_is_as_if_it_were_not_there():
    problem = case(4, n=80)
    with np.errstate(divide="ignore"):
        wider = np.hstack([problem.log_p, np.log(np.zeros((80, 1)))])
    assert fit_temperature(wider, problem.target) == pytest.approx(fit_temperature(problem.log_p, problem.target))


def test_no_temperature_repairs_a_zero():
    with np.errstate(divide="ignore"):
        rows = np.log([[0.5, 0.5], [1.0, 0.0]])
    with pytest.raises(ValueError, match="row 1 gives its true class 1 probability 0"):
        fit_temperature(rows, [0, 1])
    with pytest.raises(ValueError, match="no samples"):
        fit_temperature(np.empty((0, 2)), [])
