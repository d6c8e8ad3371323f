from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet
from simviz.evaluation import DECODERS, answer, decode, fit_temperature, ruler

from .evaluation_cases import case, relations, seeds, shuffled


@given(seeds, st.sampled_from([None, 0.5, 3.0]))
def test_a_cost_is_a_sum_over_the_true_classes_and_min_cost_takes_the_least(seed, temperature):
    problem = case(seed, n=1)
    found = answer(problem.log_p[0], **relations(problem), temperature=temperature)
    softened = problem.p[0] ** (1 / (temperature or 1))
    softened /= softened.sum()
    distance = problem.ruler.distance
    for c in range(len(problem.classes)):
        assert found.cost[c] == pytest.approx(sum(q * distance[k, c] for k, q in enumerate(softened)))
    assert found.cost[found.decisions["min_cost"]] == pytest.approx(found.cost.min())
    assert found.probability == pytest.approx(problem.p[0])


@given(seeds)
def test_decisions_are_those_of_the_whole_data_set(seed):
    problem = case(seed, n=3)
    temperature = fit_temperature(problem.log_p, problem.target)
    for name in DECODERS:
        softened = temperature if name == "min_cost" else None
        every = decode(problem.log_p, name, **relations(problem), temperature=softened)
        for row, decided in zip(problem.log_p, every, strict=True):
            assert answer(row, **relations(problem), temperature=temperature).decisions[name] == decided


@given(seeds)
def test_the_order_of_the_classes_does_not_matter(seed):
    problem = case(seed, n=1)
    other, _ = shuffled(problem, seed)
    ours, theirs = (answer(c.log_p[0], **relations(c)) for c in (problem, other))
    for found, names in ((ours, problem.classes.names), (theirs, other.classes.names)):
        assert found.top(len(names)).tolist() == sorted(range(len(names)), key=lambda i: -found.probability[i])
    assert [problem.classes.names[i] for i in ours.top(3)] == [other.classes.names[i] for i in theirs.top(3)]


def test_only_decoders_that_apply_decide():
    plain = ClassSet(["cat", "dog"])
    row = np.log([0.25, 0.75])
    assert answer(row, classes=plain, ruler=ruler(plain, "zero_one")).decisions == {"argmax": 1, "min_cost": 1}
    ages = ClassSet(["young", "old"], positions=[20, 70])
    found = answer(row, classes=ages, ruler=ruler(ages), similarity=[[1.0, 0.9], [0.0, 1.0]])
    assert found.decisions == {"argmax": 1, "min_cost": 1, "median": 1, "expectation": 1, "blurred": 0}


def test_a_row_that_is_no_distribution_is_named():
    plain = ClassSet(["cat", "dog"])
    with pytest.raises(ValueError, match="sum to 2"):
        answer(np.zeros(2), classes=plain, ruler=ruler(plain, "zero_one"))
    with pytest.raises(ValueError, match="3 columns for 2 classes"):
        answer(np.log([0.2, 0.3, 0.5]), classes=plain, ruler=ruler(plain, "zero_one"))
