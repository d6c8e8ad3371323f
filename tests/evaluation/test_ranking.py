import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet
from simviz.evaluation import DECODERS, ahd_at_k, ahd_curve, blurred, decode, metrics, ruler

from .evaluation_cases import case, log_softmax, relations, seeds, shuffled


def _curve(problem, **kwargs):
    return ahd_curve(problem.log_p, problem.target, **relations(problem), **kwargs)


@given(seeds)
def test_average_distance_of_the_top_k_equals_sorting(seed):
    problem = case(seed)
    half = problem.log_p.round(1).astype(np.float16)  # many ties
    half = (half - np.log(np.exp(half.astype(float)).sum(axis=1, keepdims=True))).astype(np.float16)
    best = np.argsort(-half, axis=1, kind="stable")
    for k in range(1, len(problem.classes) + 1):
        expected = np.mean([problem.ruler.distance[t, b[:k]].mean() for t, b in zip(problem.target, best, strict=True)])
        assert ahd_at_k(half, problem.target, problem.ruler, k) == pytest.approx(expected)
    top = metrics(half, problem.target, classes=problem.classes, ruler=problem.ruler)
    assert ahd_at_k(half, problem.target, problem.ruler, 1) == pytest.approx(top["mean_cost"])


def _ranked(problem, decoder, log_p, n):
    """Classes of sample n, best first, by a plain sort."""
    p, distance = np.exp(log_p[n]), problem.ruler.distance
    decided = decode(problem.log_p[[n]], decoder, **relations(problem))[0]
    worth = {c: -(p * distance[:, c]).sum() if decoder == "min_cost" else p[c] for c in range(len(p))}
    return sorted(worth, key=lambda c: (c != decided, -worth[c], c))


@given(seeds, st.sampled_from(DECODERS))
def test_the_decision_leads_and_the_others_follow_by_what_the_decoder_reads(seed, decoder):
    problem = case(seed)
    log_p = blurred(problem.log_p, problem.similarity) if decoder == "blurred" else problem.log_p
    distance = problem.ruler.distance
    rows = [distance[t][_ranked(problem, decoder, log_p, n)] for n, t in enumerate(problem.target)]
    count = np.arange(1, len(problem.classes) + 1)
    assert np.allclose(_curve(problem, decoder=decoder), np.mean([np.cumsum(r) / count for r in rows], axis=0))


@given(seeds, st.sampled_from(DECODERS), st.sampled_from([None, 3.0]))
def test_one_class_ranked_is_the_mean_cost_and_all_of_them_any_models(seed, decoder, temperature):
    problem = case(seed)
    curve = _curve(problem, decoder=decoder, temperature=temperature)
    found = metrics(problem.log_p, problem.target, **relations(problem), decoder=decoder, temperature=temperature)
    assert curve[0] == pytest.approx(found["mean_cost"])
    assert curve[-1] == pytest.approx(problem.ruler.distance.mean(axis=1)[problem.target].mean())


@given(seeds, st.sampled_from(DECODERS))
def test_invariant_under_joint_permutation_of_classes(seed, decoder):
    problem = case(seed)
    other, _ = shuffled(problem, seed)
    assert _curve(problem, decoder=decoder) == pytest.approx(_curve(other, decoder=decoder))


def test_relatives_that_fill_the_ranks_are_near():
    """Two groups of two; the order within the top two decides accuracy, and not AHD@2."""
    classes = ClassSet(["cat", "dog", "car", "bus"], groups=["a", "a", "v", "v"])
    near, far = np.log([[0.5, 0.3, 0.15, 0.05], [0.5, 0.05, 0.3, 0.15]])
    measure = ruler(classes)
    assert [ahd_at_k([near], [0], measure, k) for k in (1, 2, 3, 4)] == pytest.approx([0, 1 / 2, 1, 5 / 4])
    assert [ahd_at_k([far], [0], measure, k) for k in (1, 2, 3, 4)] == pytest.approx([0, 1, 4 / 3, 5 / 4])


def test_no_more_ranks_than_classes_and_no_fewer_than_one():
    problem = case(4, n=5)
    assert len(_curve(problem, longest=1000)) == len(problem.classes)
    assert _curve(problem, longest=2) == pytest.approx(_curve(problem)[:2])
    with pytest.raises(ValueError, match="longest is 0"):
        _curve(problem, longest=0)
    with pytest.raises(ValueError, match="at least one row"):
        ahd_at_k(np.ones((0, 2)), np.empty(0, int), ruler(ClassSet(["a", "b"]), "zero_one"), 1)


def test_many_classes_are_ranked_as_by_sorting():
    rng = np.random.default_rng(0)
    log_p = log_softmax(rng.normal(size=(40, 1000)).astype(np.float32) * 3)
    target = rng.integers(0, 1000, 40)
    classes = ClassSet([f"c{i}" for i in range(1000)], positions=range(1000))
    measure = ruler(classes)
    best = np.argsort(-log_p, axis=1, kind="stable")[:, :20]
    expected = np.abs(best - target[:, None]).cumsum(axis=1).mean(axis=0) / np.arange(1, 21)
    assert ahd_curve(log_p, target, classes=classes, ruler=measure) == pytest.approx(expected)
