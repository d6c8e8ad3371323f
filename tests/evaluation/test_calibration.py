import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.evaluation import BINNINGS, DECODERS, confidences, fit_temperature, metrics, reliability

from .evaluation_cases import case, log_softmax, relations, seeds


def _read(problem, **kwargs):
    return confidences(problem.log_p, problem.target, classes=problem.classes, similarity=problem.similarity, **kwargs)


@given(seeds, st.sampled_from([("equal-width", "uniform"), ("equal-mass", "quantile")]))
def test_equals_scikit_learns_calibration_curve(seed, names):
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(seed)
    p = rng.uniform(0.001, 1, 15 * int(rng.integers(1, 20)))  # continuous, so no value lies on a border
    right = rng.random(len(p)) < p
    found = reliability(p, right, names[0])
    accuracy, confidence = calibration_curve(right, p, n_bins=15, strategy=names[1])
    assert found.accuracy == pytest.approx(accuracy)
    assert found.confidence == pytest.approx(confidence)


@given(seeds, st.sampled_from(DECODERS), st.sampled_from([None, 3.0]))
def test_its_ece_is_that_of_the_metrics_under_every_decoder(seed, decoder, temperature):
    problem = case(seed, n=50)
    top, right = _read(problem, decoder=decoder, temperature=temperature)
    found = metrics(problem.log_p, problem.target, **relations(problem), decoder=decoder, temperature=temperature)
    assert reliability(top, right).ece == pytest.approx(found["ece"])


@given(seeds, st.sampled_from(BINNINGS), st.integers(1, 30))
def test_bins_lose_no_sample_and_keep_both_means(seed, binning, bins):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 11, int(rng.integers(1, 60))) / 10  # many on the borders, 0 and 1 too
    right = rng.random(len(p)) < 0.5
    found = reliability(p, right, binning, bins)
    assert found.count.sum() == len(p)
    assert (found.count > 0).all()
    assert (np.diff(found.confidence) >= -1e-12).all()
    assert (found.count * found.confidence).sum() == pytest.approx(p.sum())
    assert (found.count * found.accuracy).sum() == pytest.approx(right.sum())
    assert found.lean == pytest.approx(p.mean() - right.mean())
    assert abs(found.lean) <= found.ece + 1e-12


@given(seeds, st.sampled_from(BINNINGS))
def test_the_order_of_the_samples_does_not_matter(seed, binning):
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 4, 40) / 3
    right = rng.random(40) < p
    order = rng.permutation(40)
    a, b = reliability(p, right, binning), reliability(p[order], right[order], binning)
    assert a.ece == pytest.approx(b.ece)
    assert a.accuracy == pytest.approx(b.accuracy)


def test_a_model_that_is_always_sure_has_one_accuracy_in_every_bin():
    found = reliability(np.ones(60), np.arange(60) < 30, "equal-mass")
    assert found.accuracy == pytest.approx(np.full(15, 0.5))
    assert found.ece == pytest.approx(0.5)


@given(seeds)
def test_masses_differ_by_one_sample_at_most(seed):
    rng = np.random.default_rng(seed)
    p = rng.random(int(rng.integers(15, 100)))
    count = reliability(p, p > 0.5, "equal-mass").count
    assert len(count) == 15
    assert np.ptp(count) <= 1


def test_a_temperature_fitted_elsewhere_takes_overconfidence_away():
    rng = np.random.default_rng(0)
    honest = log_softmax(rng.normal(0, 1.5, (6000, 4)))
    target = np.array([rng.choice(4, p=p) for p in np.exp(honest)])
    loud = log_softmax(honest * 3)
    problem = case(1)
    classes = problem.classes.subset(problem.classes.names[:4])
    fitted = fit_temperature(loud[:3000], target[:3000])
    loudly, softly = (
        reliability(*confidences(loud[3000:], target[3000:], classes=classes, temperature=t)) for t in (None, fitted)
    )
    assert loudly.lean > 0.1
    assert abs(softly.lean) < 0.03
    assert softly.ece < loudly.ece / 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], []), "no samples"),
        (([0.5, 0.5], [True]), "one of each a sample"),
        (([1.5], [True]), "confidence is 1.5"),
        (([np.nan], [True]), "confidence is nan"),
        (([0.5], [True], "pie"), "equal-width, equal-mass"),
        (([0.5], [True], "equal-mass", 0), "bins is 0"),
    ],
)
def test_bad_input_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        reliability(*given)
