from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet
from simviz.evaluation import (
    DECODERS,
    ahd_at_k,
    confusion_matrix,
    decode,
    metrics,
    metrics_from_confusion,
    probabilities,
    ruler,
)

from .evaluation_cases import case, distance_ruler, log_softmax, relations, seeds, shuffled

ANY = {"accuracy", "macro_recall", "nll", "ece", "mean_cost", "mistake_severity", "distinct_classes"}


def _measured(problem, **kwargs):
    return metrics(problem.log_p, problem.target, **relations(problem), **kwargs)


@given(seeds)
def test_equals_scikit_learn(seed):
    import sklearn.metrics as reference

    problem = case(seed, even=True)
    labels, predicted = np.arange(len(problem.classes)), problem.log_p.argmax(axis=1)
    got = _measured(problem)
    assert got["accuracy"] == pytest.approx(reference.accuracy_score(problem.target, predicted))
    present = np.unique(problem.target)
    recall = reference.recall_score(problem.target, predicted, labels=present, average="macro", zero_division=0)
    assert got["macro_recall"] == pytest.approx(recall)
    assert got["nll"] == pytest.approx(reference.log_loss(problem.target, problem.p, labels=labels))
    if len(labels) > 5:
        top5 = reference.top_k_accuracy_score(problem.target, problem.log_p, k=5, labels=labels)
        assert got["top5"] == pytest.approx(top5)
    else:
        assert "top5" not in got
    x = problem.x
    assert got["mae"] == pytest.approx(reference.mean_absolute_error(x[problem.target], x[predicted]))
    assert got["mse"] == pytest.approx(reference.mean_squared_error(x[problem.target], x[predicted]))
    if got["qwk"] is None:
        assert len({*problem.target, *predicted}) == 1
    else:
        ranks = np.arange(len(labels))
        rank = np.argsort(np.argsort(x))
        kappa = reference.cohen_kappa_score(rank[problem.target], rank[predicted], labels=ranks, weights="quadratic")
        assert got["qwk"] == pytest.approx(kappa)


@given(seeds)
def test_rps_equals_dlordinal_on_evenly_spaced_classes(seed):
    from dlordinal.metrics import ranked_probability_score

    problem = case(seed, even=True)
    rank = problem.x.astype(int)
    expected = ranked_probability_score(rank[problem.target], problem.p[:, np.argsort(rank)])
    assert _measured(problem)["rps"] == pytest.approx(expected)


@given(seeds)
def test_rps_is_the_energy_form_of_the_continuous_score(seed):
    """sum_i g_i (P_i - T_i)^2 = E|X - y| - E|X - X'| / 2, Gneiting & Raftery 2007, equation 21."""
    problem = case(seed)
    apart = np.abs(problem.x[:, None] - problem.x)
    p = problem.p
    to_target = (p * apart[problem.target]).sum(axis=1)
    spread = np.einsum("ni,ij,nj->n", p, apart, p)
    assert _measured(problem)["rps"] == pytest.approx((to_target - spread / 2).mean(), abs=1e-12)


@given(seeds, st.sampled_from(DECODERS))
def test_mean_cost_is_error_rate_times_severity(seed, decoder):
    problem = case(seed)
    got = _measured(problem, decoder=decoder)
    predicted = decode(problem.log_p, decoder, **relations(problem))
    costs = problem.ruler.distance[problem.target, predicted]
    assert got["mean_cost"] == pytest.approx(costs.mean())
    if got["mistake_severity"] is None:
        assert got["accuracy"] == 1
        assert got["mean_cost"] == 0
    else:
        assert got["mean_cost"] == pytest.approx((1 - got["accuracy"]) * got["mistake_severity"])


@given(seeds)
def test_superclass_identities_on_a_two_level_tree(seed):
    problem = case(seed)
    problem.ruler = ruler(problem.classes, "groups")
    got = _measured(problem)
    acc, sa, fsa = (got[k] for k in ("accuracy", "superclass_accuracy", "failed_superclass_accuracy"))
    if fsa is None:
        assert acc == sa == 1
    else:
        assert sa == pytest.approx(acc + (1 - acc) * fsa)
        assert got["mistake_severity"] == pytest.approx(2 - fsa)


@given(seeds)
def test_mean_cost_on_a_tree_is_what_hierarchical_precision_leaves(seed):
    """Of L levels a mistake shares those above the lowest common ancestor: mean cost = L (1 - hP)."""
    from hiclass.metrics import precision

    problem = case(seed)
    above = [path[0] for path in problem.classes.groups]
    parents = {group: f"p{i % 2}" for i, group in enumerate(sorted(set(above)))}
    paths = [(parents[group], group, name) for group, name in zip(above, problem.classes, strict=True)]
    problem.classes = ClassSet(problem.classes.names, groups=[path[:2] for path in paths])
    problem.ruler = ruler(problem.classes, "groups")
    own = precision(np.array(paths)[problem.target], np.array(paths)[problem.log_p.argmax(axis=1)])
    assert _measured(problem)["mean_cost"] == pytest.approx(3 * (1 - own))


def test_superclasses_are_the_finest_groups_under_their_own_parents():
    classes = ClassSet(["a", "b", "c"], groups=[("x", "small"), ("x", "small"), ("y", "small")])
    table = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]])  # a taken for b stays inside, c taken for a does not
    got = metrics_from_confusion(table, classes=classes, ruler=ruler(classes))
    assert got["superclass_accuracy"] == pytest.approx(4 / 5)
    assert got["failed_superclass_accuracy"] == pytest.approx(1 / 2)


@given(seeds, st.sampled_from(DECODERS), st.sampled_from([None, 20.0]))
def test_invariant_under_joint_permutation_of_classes(seed, decoder, period):
    problem = case(seed, period=period)
    other, _ = shuffled(problem, seed)
    assert _measured(problem, decoder=decoder) == pytest.approx(_measured(other, decoder=decoder), nan_ok=False)


@given(seeds)
def test_circular_metrics_are_a_loop_around_the_circle(seed):
    problem = case(seed, period=20.0)
    got = _measured(problem)
    x, count = problem.x, len(problem.classes)
    rank = {v: i for i, v in enumerate(sorted(x))}
    gaps, near = [], []
    for t, c in zip(problem.target, problem.log_p.argmax(axis=1), strict=True):
        gaps.append(min(abs(x[t] - x[c] + turn) for turn in (-20, 0, 20)))
        near.append(min(abs(rank[x[t]] - rank[x[c]] + turn) for turn in (-count, 0, count)) <= 1)
    assert got["mae"] == pytest.approx(np.mean(gaps))
    assert got["mse"] == pytest.approx(np.mean(np.square(gaps)))
    assert got["within_1"] == pytest.approx(np.mean(near))
    assert {"qwk", "rps"}.isdisjoint(got)


def test_only_the_metrics_that_apply():
    names = [f"c{i}" for i in range(7)]
    rows = log_softmax(np.eye(7))
    for classes, extra in (
        (ClassSet(names), set()),
        (ClassSet(names, groups=["g"] * 7), {"superclass_accuracy", "failed_superclass_accuracy"}),
        (ClassSet(names, positions=range(7)), {"mae", "mse", "within_1", "qwk", "rps"}),
        (ClassSet(names, positions=range(7), period=7), {"mae", "mse", "within_1"}),
    ):
        got = metrics(rows, np.arange(7), classes=classes, ruler=ruler(classes, "zero_one"))
        assert set(got) == ANY | {"top5"} | extra
        assert all(v is None or type(v) in (int, float) for v in got.values())
        assert got["mistake_severity"] is None
        assert got.get("failed_superclass_accuracy") is None
        assert got["distinct_classes"] == 7


def test_everything_but_what_needs_probabilities_follows_from_the_confusion():
    problem = case(3, n=80)
    got = _measured(problem, decoder="median")
    table = confusion_matrix(
        problem.target, decode(problem.log_p, "median", classes=problem.classes), len(problem.classes)
    )
    fixed = metrics_from_confusion(table, classes=problem.classes, ruler=problem.ruler)
    assert fixed.items() <= got.items()
    assert set(got) - set(fixed) == {"nll", "ece", "rps", "top5"} & set(got)


@given(seeds)
def test_ece_equals_a_loop_over_bins(seed):
    problem = case(seed, n=60)
    top, right = problem.p.max(axis=1), problem.p.argmax(axis=1) == problem.target
    expected = 0.0
    for k in range(15):
        inside = (top > k / 15) & (top <= (k + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - top[inside].mean())
    assert _measured(problem)["ece"] == pytest.approx(expected)


def test_ece_by_hand():
    classes = ClassSet(["a", "b"])
    rows = np.log([[0.8, 0.2]] * 5)
    measure = lambda target: metrics(rows, target, classes=classes, ruler=ruler(classes, "zero_one"))["ece"]  # noqa: E731
    assert measure([0, 0, 0, 0, 1]) == pytest.approx(0)  # right 80 % of the time, as it says
    assert measure([1, 1, 1, 1, 1]) == pytest.approx(0.8)


def test_ties_in_the_top_five_go_to_the_lower_index():
    classes = ClassSet([f"c{i}" for i in range(8)])
    rows = np.log(np.full((8, 8), 1 / 8)).astype(np.float16)
    assert metrics(rows, np.arange(8), classes=classes, ruler=ruler(classes, "zero_one"))["top5"] == 5 / 8


def test_a_true_class_of_probability_zero_has_infinite_nll():
    classes = ClassSet(["a", "b"])
    with np.errstate(divide="ignore"):
        got = metrics(np.log([[1.0, 0.0]]), [1], classes=classes, ruler=ruler(classes, "zero_one"))
    assert got["nll"] == np.inf
    assert got["ece"] == 1


def test_kappa_of_a_single_class_is_unknown():
    classes = ClassSet(["a", "b"], positions=[0, 1])
    assert metrics_from_confusion([[3, 0], [0, 0]], classes=classes, ruler=ruler(classes))["qwk"] is None


def test_temperature_changes_what_is_said_not_what_is_chosen():
    problem = case(8, n=80)
    cold, hot = _measured(problem), _measured(problem, temperature=3.0)
    problem.log_p = log_softmax(problem.log_p / 3)
    assert hot == pytest.approx(_measured(problem))
    assert hot["accuracy"] == cold["accuracy"]
    assert hot["nll"] != cold["nll"]


def test_chunks_and_half_precision_change_little(monkeypatch):
    problem = case(9, n=300)
    whole = _measured(problem)
    monkeypatch.setattr(probabilities, "CHUNK_VALUES", 7 * len(problem.classes))
    assert _measured(problem) == pytest.approx(whole)
    half = metrics(problem.log_p.astype(np.float16), problem.target, classes=problem.classes, ruler=problem.ruler)
    assert half["nll"] == pytest.approx(whole["nll"], rel=1e-3)
    assert half["rps"] == pytest.approx(whole["rps"], rel=1e-3)
    assert half["accuracy"] == pytest.approx(whole["accuracy"], abs=0.02)


def test_memory_stays_far_below_a_float32_copy():
    rng = np.random.default_rng(0)
    rows = log_softmax(rng.normal(size=(100_000, 100)).astype(np.float32)).astype(np.float16)
    target = rng.integers(0, 100, len(rows))
    classes = ClassSet([f"c{i}" for i in range(100)], positions=range(100))
    measure = ruler(classes)
    tracemalloc.start()
    try:
        metrics(rows, target, classes=classes, ruler=measure, decoder="min_cost")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * rows.nbytes / 2  # a float32 copy is twice the float16 input


@pytest.mark.parametrize(
    ("rows", "target", "message"),
    [
        ([[0.5, 0.5]], [2], "target of row 0 is 2; a class index lies in 0..1"),
        ([[0.5, 0.5]], [0, 1], "target has 2 entries for 1 samples"),
        ([[0.5, 0.5], [0.1, 0.1]], [0, 1], "probabilities of row 1 sum to 0.2, not 1"),
        ([[np.nan, 0.5]], [0], "row 0 is NaN in column 0"),
        (np.ones((0, 2)), [], "no samples"),
    ],
)
def test_bad_input_is_named(rows, target, message):
    classes = ClassSet(["a", "b"])
    with pytest.raises(ValueError, match=message):
        metrics(np.log(rows), np.array(target, int), classes=classes, ruler=ruler(classes, "zero_one"))


def test_bad_tables_and_k_are_named():
    classes = ClassSet(["a", "b"])
    measure = ruler(classes, "zero_one")
    with pytest.raises(ValueError, match="counts no samples"):
        metrics_from_confusion(np.zeros((2, 2)), classes=classes, ruler=measure)
    with pytest.raises(ValueError, match=r"k is 3; it lies in 1\.\.2"):
        ahd_at_k(np.log([[0.5, 0.5]]), [0], measure, 3)
    other = distance_ruler(ClassSet(["a", "x"]), 1 - np.eye(2))
    with pytest.raises(ValueError, match="no class 'b'"):
        metrics_from_confusion(np.eye(2), classes=classes, ruler=other)


def test_importing_loads_no_heavy_package():
    heavy = "('torch', 'sklearn', 'scipy', 'pandas', 'gensim', 'streamlit')"
    code = f"import sys, simviz.evaluation; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
