"""What the lessons answer, held against the same computed another way, each on two comparisons or more."""

import re

import numpy as np
import pytest
from scipy import stats

from simviz import words
from simviz.runs import Comparison, Store, examples
from simviz.ui.lessons import Material, learned, mistakes, ordered, trials
from simviz.ui.views.losses import THINGS
from tests.app.lesson_material import FAR, KINDS, NEAR, SHUFFLED, TARGET, TOLD, answers


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Title -> comparison, as a first start unpacks them."""
    store = Store(tmp_path_factory.mktemp("shipped"))
    examples.install(store)
    return {c.title: c for c in store.comparisons()}


@pytest.fixture
def five(shipped):
    return shipped["Pictograms, five seeds"]


WORSE, BETTER = [answers(2, 9 + k) for k in (0, 2, 1)], [answers(5, k) for k in (0, 1, 1)]


def metric(comparison, setting, measure):
    """One value a seed, from the predictions alone."""
    runs = sorted(comparison.groups[setting], key=lambda r: r.spec.seed)
    found = []
    for run in runs:
        kept = run.predictions("test")
        found.append(measure(kept.target, kept.log_probabilities.argmax(1), comparison.classes))
    return np.array(found)


def accuracy(target, predicted, classes):
    return (target == predicted).mean()


def distances(target, predicted, classes):
    """Tree levels for classes with one level of groups: 0 right, 1 within the group, 2 across."""
    group = np.array([path[0] for path in classes.groups])
    return np.where(target == predicted, 0, np.where(group[target] == group[predicted], 1, 2))


def severity(target, predicted, classes):
    far = distances(target, predicted, classes)
    return far[far > 0].mean()


def cost(target, predicted, classes):
    return distances(target, predicted, classes).mean()


def expected_choice(told, other, higher):
    """0 the other, 1 the told one, 2 the seeds cannot tell: by SciPy's paired t interval."""
    low, high = stats.ttest_rel(told, other).confidence_interval(0.95)
    if low <= 0 <= high:
        return 2
    return int((np.mean(told - other) > 0) == higher)


STEPS = [(mistakes.more_often_right, accuracy, True), (mistakes.milder, severity, False)]


@pytest.mark.parametrize(("answer", "measure", "higher"), STEPS)
def test_accuracy_and_severity_of_the_shipped_comparison(five, answer, measure, higher):
    found = answer(Material((five,)))
    told, plain = metric(five, TOLD, measure), metric(five, "ce", measure)
    assert found.choice == expected_choice(told, plain, higher)
    assert f"over {len(told)} seeds" in found.text
    scale = 100 if higher else 1
    (said,) = re.findall(r"seeds: ([+-][\d.]+)", found.text)
    assert float(said) == pytest.approx(scale * (told - plain).mean(), abs=scale * 0.051)
    assert [bar.label for bar in found.bars] == ["ce", TOLD]
    assert found.view.items() >= {"c": five.id, "a": "ce", "b": TOLD}.items()


@pytest.mark.parametrize(("answer", "measure", "higher"), STEPS)
@pytest.mark.parametrize(
    ("plain", "told", "choice"),
    [
        (WORSE, BETTER, 1),
        (BETTER, WORSE, 0),
        (
            [answers(4, 6), answers(5, 4), answers(3, 5)],
            [answers(5, 4), answers(3, 5), answers(4, 6)],
            2,
        ),
    ],
)
def test_whoever_is_better_wins_and_nobody_where_the_seeds_cannot_tell(
    predicted, answer, measure, higher, plain, told, choice
):
    comparison = predicted(KINDS, {"ce": plain, TOLD: told}, TARGET)
    found = answer(Material((comparison,)))
    values = [metric(comparison, setting, measure) for setting in (TOLD, "ce")]
    assert found.choice == choice == expected_choice(*values, higher)
    assert ("cannot tell them apart" in found.text) == (choice == 2)


def test_the_mistake_that_changed_most_is_the_one_that_was_planted(predicted):
    plain = [list(TARGET) for _ in range(3)]
    for k, seed in enumerate(plain):
        cats = [i for i, t in enumerate(TARGET) if t == 0]
        for i in cats[: 4 + k]:
            seed[i] = FAR[0]
        seed[TARGET.index(1)] = NEAR[1]
    comparison = predicted(KINDS, {"ce": plain, TOLD: [answers(k + 1, 0) for k in range(3)]}, TARGET)
    found = mistakes.milder(Material((comparison,)))
    assert f"Most changed: cat taken for car, 15 fewer under {TOLD}" in found.text
    assert (found.view["t"], found.view["p"]) == ("cat", "car")


def test_the_control_with_shuffled_names_of_the_shipped_comparison(five):
    found = mistakes.was_it_the_knowledge(Material((five,)))
    told, shuffled = (metric(five, setting, cost) for setting in (TOLD, SHUFFLED))
    assert found.choice == expected_choice(told, shuffled, False)
    assert SHUFFLED in found.text


@pytest.mark.parametrize(("shuffled", "choice"), [(WORSE, 1), ([answers(0, k) for k in (0, 1, 0)], 0)])
def test_a_control_may_win(predicted, shuffled, choice):
    plain = {"ce": WORSE, TOLD: BETTER, SHUFFLED: shuffled}
    comparison = predicted(KINDS, plain, TARGET)
    assert mistakes.was_it_the_knowledge(Material((comparison,))).choice == choice


def test_without_the_control_it_says_that_it_cannot_answer(predicted):
    comparison = predicted(KINDS, {"ce": WORSE, TOLD: BETTER}, TARGET, "without control")
    with pytest.raises(ValueError, match=r"“without control” cannot answer this.*shuffled"):
        mistakes.was_it_the_knowledge(Material((comparison,)))


def test_the_cheapest_of_the_shipped_comparison_has_the_least_mean_of_all_rows(five):
    found = mistakes.cheapest(Material((five,)))
    rows = trials.trials(Material((five,))).rows
    means = {row.label: np.mean(row.values["mean_cost"]) for row in rows}
    for setting in five.groups:
        assert means[setting] == pytest.approx(metric(five, setting, cost).mean())
    best = min(means, key=means.get)
    assert found.text.startswith(f"{best} has the least mean cost")
    assert found.choice == {"ce": 0, TOLD: 1, "ce | min_cost": 2}.get(best, 3)
    assert ("does not win here" in found.text) == (best != TOLD)


@pytest.mark.parametrize(
    ("plain", "told", "other", "choice"),
    [(BETTER, WORSE, WORSE, 0), (WORSE, BETTER, WORSE, 1), (WORSE, WORSE, BETTER, 3)],
)
def test_the_cheapest_is_whichever_it_is(predicted, plain, told, other, choice):
    comparison = predicted(KINDS, {"ce": plain, TOLD: told, "emd2": other}, TARGET)
    found = mistakes.cheapest(Material((comparison,)))
    assert found.choice in ((choice, 2) if choice == 0 else (choice,))  # by cost ce decides the same here
    assert ("does not win here" in found.text) == (found.choice != 1)


def test_one_seed_decides_nothing_and_that_is_said(predicted):
    comparison = predicted(KINDS, {"ce": WORSE[:1], TOLD: BETTER[:1]}, TARGET)
    for answer in (mistakes.more_often_right, mistakes.milder):
        with pytest.raises(ValueError, match="one seed decides nothing"):
            answer(Material((comparison,)))
    assert "may be chance" in mistakes.cheapest(Material((comparison,))).text


COMPARING = [mistakes.more_often_right, mistakes.milder, mistakes.was_it_the_knowledge, mistakes.cheapest]


@pytest.mark.parametrize("answer", COMPARING)
def test_without_a_comparison_or_a_second_loss_it_says_what_is_missing(predicted, answer):
    with pytest.raises(ValueError, match="no comparison"):
        answer(Material())
    alone = predicted(KINDS, {"ce": WORSE}, TARGET, "alone")
    with pytest.raises(ValueError, match="alone” cannot answer this: it needs plain cross entropy"):
        answer(Material((alone,)))


def test_the_first_comparison_that_can_answer_is_taken(predicted):
    alone = predicted(KINDS, {"ce": WORSE}, TARGET, "alone")
    both = predicted(KINDS, {"ce": WORSE, TOLD: BETTER}, TARGET, "both")
    assert trials.trials(Material((alone, both))).comparison.id == both.id
    assert "“both”" in trials.shown(Material((alone, both)))
    assert "3 seeds of each" in trials.shown(Material((both,)))


def test_a_damaged_run_is_a_sentence(predicted):
    comparison = predicted(KINDS, {"ce": WORSE, TOLD: BETTER}, TARGET)
    (comparison.runs[0].path / "test.npz").write_bytes(b"PK nonsense")
    for answer in COMPARING:
        with pytest.raises(ValueError, match=re.escape(comparison.runs[0].id)):
            answer(Material((Comparison(comparison.path),)))


def test_which_setting_was_told():
    every = ["ce", "soft_labels@groups", SHUFFLED, TOLD, "gce"]
    assert trials.told_setting(every) == TOLD
    assert trials.told_setting(["ce", "gce", "soft_labels@groups"]) == "soft_labels@groups"
    assert trials.told_setting(["ce", "gce"]) == "gce"
    assert trials.told_setting(["ce", SHUFFLED, TOLD]) == TOLD
    assert trials.told_setting(["ce", SHUFFLED]) == SHUFFLED  # nobody's control: it was asked for itself
    assert trials.told_setting(["ce"]) is None
    assert trials.told_setting(every, (None, "gce")) == "gce"
    assert trials.told_setting(every, ("ce", "ce-s0")) == TOLD


@pytest.mark.parametrize(
    ("value", "half", "text"), [(71.234, 1.8, "71.2"), (0.12345, 0.2, "0.12"), (3.6, 12, "4"), (0.5, None, "0.500")]
)
def test_a_number_has_the_decimals_its_interval_supports(value, half, text):
    assert trials.rounded(value, half) == text


def cosine(one, other):
    found = words.load().take([one, other])
    a, b = (found[w].astype(float) for w in (one, other))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_nearest_words_and_the_rose_are_cosines_of_the_vectors():
    found = mistakes.nearest_words(Material())
    pairs = [("cat", "dog"), ("cat", "truck"), ("dog", "truck")]
    values = [cosine(*p) for p in pairs]
    assert found.choice == int(np.argmax(values))
    assert [bar.text for bar in found.bars] == [f"{v:.2f}" for v in values]
    found = mistakes.rose(Material())
    first, then = ([cosine(word, c) for c in mistakes.CANDIDATES] for word in ("rose", "roses"))
    assert found.choice == int(np.argmax(first))
    assert [bar.text for bar in found.bars] == [f"{max(0, v):.2f}" for v in (*first, *then)]
    repaired = mistakes.CANDIDATES[int(np.argmax(then))]
    assert f"nearest to {repaired} ({max(then):.2f})" in found.text


def test_the_first_word_pairs_are_the_first_words_of_the_lesson():
    assert mistakes.FIRST == ("cat", "dog", "truck")
    assert "rose" in mistakes.LESSON.steps[2].question


def test_cross_entropy_pays_for_the_true_class_alone_and_simloss_does_not():
    share = 0.99 * (0.15 + 0.05 / len(THINGS)) + 0.01 / len(THINGS)
    found = mistakes.same_to_cross_entropy(Material())
    assert found.choice == 2
    assert [bar.text for bar in found.bars] == [f"{-np.log(share):.2f}"] * 2
    found = mistakes.told_apart(Material())
    near, far = (float(bar.text) for bar in found.bars[:2])
    assert found.choice == (0 if near > far else 1)
    assert near != far


def test_ordered_classes_by_hand():
    found = ordered.dearer_by(Material())
    share = np.full(8, 0.99 * 0.05 / 8 + 0.01 / 8)
    values = []
    for end in (1, 7):
        p = share.copy()
        p[0] += 0.99 * 0.15
        p[end] += 0.99 * 0.8
        assert p.sum() == pytest.approx(1)
        values.append(((np.cumsum(p) - 1)[:-1] ** 2).sum())
    assert found.choice == (0 if values[0] == values[1] else 1 if values[1] <= 2 * values[0] else 2)
    assert f"{values[1] / values[0]:.1f} times as much" in found.text
    assert ordered.three_steps_away(Material()).bars[3].text == f"{0.8**3:.2f}"
    assert ordered.LESSON.steps[1].options[ordered.three_steps_away(Material()).choice] == "About a half"
    assert ordered.around_the_clock(Material()).choice == ordered.APART.index(5)
    ages = np.arange(10, 90, 10)
    p = np.isin(ages, [10, 60, 70]) * np.where(ages == 10, 0.4, 0.3)
    off = [float(p @ np.abs(ages - int(a.split()[0]))) for a in ordered.SAID]
    found = ordered.what_to_say(Material())
    assert found.choice == int(np.argmin(off))
    assert [bar.text for bar in found.bars] == [f"{v:.0f} years off" for v in off]


@pytest.fixture(params=["shipped", "small"])
def learning(request, shipped, trained_distance):
    """A comparison that learned a distance, its seeds' last distances and its classes."""
    given = shipped["A learned distance"] if request.param == "shipped" else Comparison(trained_distance)
    runs = [r for r in given.runs if r.setting.startswith("self_guided")]
    last = [r.epoch_arrays(r.epochs[-1])["ground_distance"] for r in runs]
    return given, last


def pairs(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def test_the_nearest_pair_is_the_least_entry(learning):
    comparison, (first, *_) = learning
    found = learned.nearest_pair(Material((comparison,)))
    names, groups = comparison.classes.names, comparison.classes.groups
    away = np.where(np.eye(len(first)) > 0, np.inf, first)
    i, j = sorted(np.unravel_index(away.argmin(), away.shape))
    assert found.bars[0].text == f"distance {first[i, j]:.2f}"
    assert found.choice == int(groups[i] != groups[j]) or (away == away.min()).sum() > 2
    assert found.bars[0].label.split(" and ")[0] in names


def test_agreement_with_the_words_and_between_seeds(learning):
    comparison, last = learning
    classes = comparison.classes
    vectors = words.embed(classes)[0].astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = pairs(1 - np.maximum(0, vectors @ vectors.T))
    rho = [stats.spearmanr(pairs(d), known.round(6)).statistic for d in last]
    found = learned.like_the_words(Material((comparison,)))
    assert [float(bar.text.removeprefix("rho ")) for bar in found.bars] == pytest.approx(rho, abs=0.006)
    assert found.choice == learned.degree(float(np.mean(rho)))
    found = learned.same_again(Material((comparison,)))
    between = stats.spearmanr(pairs(last[0]), pairs(last[1])).statistic
    assert float(found.bars[0].text.removeprefix("rho ")) == pytest.approx(between, abs=0.006)
    assert found.choice == learned.degree(between)


def test_the_pixels_are_the_control(learning):
    comparison, last = learning
    found = learned.more_than_pixels(Material((comparison,)))
    assert f"{len(last)} seeds" in found.text
    mine, pixels = (float(bar.text.removeprefix("rho ")) for bar in found.bars)
    (change,) = re.findall(r": ([+-][\d.]+) \(95", found.text)
    decimals = len(change.partition(".")[2])
    assert float(change) == pytest.approx(mine - pixels, abs=0.011 + 0.51 * 10**-decimals)
    low, high = map(float, re.search(r"interval ([+-][\d.]+) to ([+-][\d.]+)", found.text).groups())
    assert (found.choice == 2) == (low <= 0 <= high)


@pytest.mark.parametrize("step", range(len(learned.LESSON.steps)))
def test_without_a_learned_distance_it_says_what_learns_one(five, step):
    answer = learned.LESSON.steps[step].answer
    with pytest.raises(ValueError, match=r"cannot answer this: it learned no distance.*self_guided"):
        answer(Material((five,)))
    with pytest.raises(ValueError, match="No comparison here has learned a distance"):
        answer(Material())


@pytest.mark.parametrize(("rho", "choice"), [(-0.3, 0), (0.05, 0), (0.1, 1), (0.4, 1), (0.41, 2)])
def test_the_degrees_are_those_the_options_name(rho, choice):
    assert learned.degree(rho) == choice
