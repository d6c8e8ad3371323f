"""What deciding by cost would bring: closed forms, honesty on noise, the intervals of simulated uploads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from simviz import ClassSet, evaluation
from simviz.evaluation import change, decode, fit_temperature, gain_by_cost, halves, outcome

from .evaluation_cases import distance_ruler, log_softmax, seeds
from .simulated_uploads import CLASSES, RULERS, Truth, draw

THREE = ClassSet(["cat", "dog", "truck"], groups=["animal", "animal", "vehicle"])
RULER = RULERS["overconfident"]


def _gain(upload, ruler=RULER):
    return gain_by_cost(upload.log_p, upload.target, upload.units, classes=CLASSES, ruler=ruler)


@given(seeds, st.integers(1, 5))
def test_halves_part_units_and_even_out_classes(seed, size):
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 40))
    units = random.permutation(np.repeat(np.arange(count), size))
    labels = random.integers(0, 4, count)
    first, second = halves(units, labels[units], seed)
    assert sorted([*first, *second]) == list(range(len(units)))
    assert not set(units[first]) & set(units[second])
    each = [np.bincount(labels[np.unique(units[rows])], minlength=4) for rows in (first, second)]
    assert np.abs(each[0] - each[1]).max() <= 1
    named = np.array([f"unit {u:03}" for u in units])
    assert np.array_equal(halves(named, labels[units], seed)[0], first)


def test_the_estimate_is_what_the_other_halfs_temperature_decides():
    upload = draw("overconfident", 400, 3)
    found = _gain(upload)
    first, second = halves(upload.units, upload.target)
    costs, right = [], []
    for fit, asked, said in ((first, second, 0), (second, first, 1)):
        temperature = fit_temperature(upload.log_p[fit], upload.target[fit])
        assert temperature == found.temperatures[said]
        how = {"classes": CLASSES, "ruler": RULER, "temperature": temperature}
        decided = decode(upload.log_p[asked], "min_cost", **how)
        costs.append(RULER.distance[upload.target[asked], decided])
        right.append(decided == upload.target[asked])
    assert found.outcome.cost.after == pytest.approx(np.concatenate(costs).mean())
    assert found.outcome.accuracy.after == pytest.approx(np.concatenate(right).mean())
    now = evaluation.metrics(upload.log_p, upload.target, classes=CLASSES, ruler=RULER)
    assert found.outcome.cost.before == pytest.approx(now["mean_cost"])
    assert found.outcome.accuracy.before == pytest.approx(now["accuracy"])
    assert found.temperature == fit_temperature(upload.log_p, upload.target)


@pytest.mark.parametrize("kind", ["overconfident", "clustered"])
def test_the_names_of_units_and_a_factor_on_the_ruler_change_nothing(kind):
    upload = draw(kind, 200, 5)
    found = _gain(upload).outcome
    named = np.array([f"unit {u:03}" for u in upload.units])
    double = distance_ruler(CLASSES, 2 * RULER.distance)
    again = gain_by_cost(upload.log_p, upload.target, named, classes=CLASSES, ruler=double).outcome
    assert found.changed > 0
    assert again.accuracy == found.accuracy
    for name in ("before", "after", "low", "high"):
        assert getattr(again.cost, name) == pytest.approx(2 * getattr(found.cost, name))


@pytest.mark.parametrize("kind", ["calibrated", "clustered"])
def test_stated_intervals_hold_on_simulated_uploads(kind):
    """A small version of benchmarks/gain.py."""
    truth = Truth(kind, 5_000)
    hits = []
    for seed in range(30):
        found = _gain(draw(kind, 200, seed), RULERS[kind])
        pairs = zip((found.outcome.cost, found.outcome.accuracy), truth.at(found.temperature), strict=True)
        hits.append([one.low <= value <= one.high for one, value in pairs])
    assert np.all(np.mean(hits, axis=0) >= 0.85)


def test_samples_of_one_unit_count_as_one():
    upload = draw("clustered", 600, 1)
    together = _gain(upload).outcome
    copied = change([1.0] * 60, np.tile([0.0, 1.0, 1.0], 20), np.arange(60), most=1)
    tenfold = change([1.0] * 600, np.repeat(np.tile([0.0, 1.0, 1.0], 20), 10), np.repeat(np.arange(60), 10), most=1)
    assert (together.samples, together.units) == (600, 60)
    assert (tenfold.low, tenfold.high) == pytest.approx((copied.low, copied.high))


@pytest.mark.parametrize("size", [1, 7, 30])
def test_many_changes_give_the_interval_of_the_normal(size):
    random = np.random.default_rng(size)
    values = random.normal(0.3, 1, 400)
    found = change(np.zeros(400 * size), np.repeat(values, size), np.repeat(np.arange(400), size), most=9)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_few_changes_are_read_as_rare_events():
    """One unit of 200 changed: about the Jeffreys interval of a share on that side, and room on the other."""
    after = np.zeros(200)
    after[17] = 1
    found = change(np.zeros(200), after, np.arange(200), most=1)
    assert found.high == pytest.approx(beta(1.5, 199.5).ppf(0.975), rel=0.15)
    assert found.low < 0


def test_nothing_changed_is_not_an_interval_of_width_0():
    narrow, wide = (change(np.zeros(n), np.zeros(n), np.arange(n), most=2) for n in (1000, 100))
    assert narrow.mean == 0
    assert narrow.low < 0 < narrow.high
    assert wide.high == pytest.approx(10 * narrow.high, rel=0.1)
    assert wide.high == pytest.approx(2 * 2.2 / 100, rel=0.15)  # the quantile of Gamma(1/2) - Gamma(1/2) is 2.2


def test_a_model_that_says_nothing_beyond_its_decision_has_nothing_to_gain():
    """All other classes alike: whatever the temperature, the most probable class is the cheapest."""
    upload = draw("calibrated", 100, 0)
    alike = np.zeros((100, 12))
    alike[np.arange(100), upload.log_p.argmax(1)] = 2
    groups = RULERS["calibrated"]
    found = gain_by_cost(log_softmax(alike), upload.target, upload.units, classes=CLASSES, ruler=groups)
    assert found.outcome.changed == found.outcome.cost.mean == 0
    said = found.sentence(groups.unit)
    assert "Deciding by least expected cost decides all 100 samples as before, so it brings nothing here" in said
    assert f"{found.outcome.cost.low:.3f} to {found.outcome.cost.high:.3f}" in said


def test_sentences_say_which_side_of_0_the_interval_lies_on():
    upload = draw("calibrated", 200, 0)
    right, wrong = upload.target, (upload.target + 1) % 12
    some = np.where(np.arange(200) % 2 == 0, right, wrong)
    mixed = np.where(np.arange(200) < 4, right, some)
    for before, after, text in (
        (some, right, "This would lower the mean cost from"),
        (right, some, "This would raise the mean cost from 0.000 to"),
        (some, mixed, "Whether this would lower the mean cost cannot be told from these 200 samples:"),
    ):
        one = outcome(right, before, after, upload.units, classes=CLASSES, ruler=RULER)
        said = one.sentence("This", "levels")
        assert said.startswith(text)
        assert "95 % interval" in said
        assert f"{one.accuracy.before:.1%} to {one.accuracy.after:.1%}" in said
    units = np.arange(200) // 2
    assert "200 samples of 100 units:" in outcome(right, some, mixed, units, classes=CLASSES, ruler=RULER).sentence(
        "This", "levels"
    )


def test_a_true_class_of_probability_0_takes_p_as_it_is():
    upload = draw("overconfident", 300, 2)
    logs = upload.log_p.copy()
    logs[5, upload.target[5]] = -np.inf
    logs = log_softmax(logs)
    found = gain_by_cost(logs, upload.target, upload.units, classes=CLASSES, ruler=RULER)
    assert (found.impossible, found.temperatures, found.temperature) == (1, (1.0, 1.0), 1.0)
    decided = decode(logs, "min_cost", classes=CLASSES, ruler=RULER)
    assert found.outcome.cost.after == pytest.approx(RULER.distance[upload.target, decided].mean())


TARGET = np.arange(60) % 3
SOFT = log_softmax(np.random.default_rng(0).normal(size=(60, 3)))
HARD = np.where(np.arange(3) == SOFT.argmax(axis=1)[:, None], 0, -np.inf)
RIGHT = log_softmax(5 * np.eye(3)[TARGET])


@pytest.mark.parametrize(
    ("logs", "target", "units", "ruler", "message"),
    [
        (HARD, TARGET, range(60), "groups", "Only the decided class of each sample is known"),
        (SOFT, np.ones(60, int), range(60), "groups", "All 60 samples are of the class 'dog'"),
        (SOFT, TARGET, range(60), "zero_one", "every mistake costs the same"),
        (RIGHT, TARGET, range(60), "groups", "Not one of these 60 samples is decided wrongly"),
        (SOFT, TARGET, np.arange(60) // 4, "groups", "60 samples of 15 units are too few"),
        (SOFT[:0], TARGET[:0], [], "groups", "no samples"),
        (SOFT, TARGET[:9], range(60), "groups", "target has 9 entries for 60 samples"),
    ],
)
def test_what_cannot_be_estimated_is_a_sentence(logs, target, units, ruler, message):
    measure = evaluation.ruler(THREE, ruler)
    with pytest.raises(ValueError, match=message):
        gain_by_cost(logs, target, units, classes=THREE, ruler=measure)


def test_one_class_leaves_nothing_to_decide():
    one = ClassSet(["only"])
    measure = evaluation.ruler(one, "zero_one")
    with pytest.raises(ValueError, match="a single class"):
        gain_by_cost(np.zeros((30, 1)), np.zeros(30, int), range(30), classes=one, ruler=measure)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], [], []), "the shapes"),
        (([0.0], [0.0, 1.0], [0]), "the shapes"),
        (([np.nan], [0.0], [0]), "not finite"),
    ],
)
def test_bad_changes_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        change(*given, most=1)
    with pytest.raises(ValueError, match="level is 95"):
        change([0.0], [1.0], [0], most=1, level=95)
