from __future__ import annotations

import numpy as np
import pytest

from simviz import compare

NAMES = ("accuracy", "mean_cost")


def row(setting, accuracy, cost, decoder="argmax", control=False, same=False, watched=None):
    values = {"accuracy": list(accuracy), "mean_cost": list(cost)}
    return compare.Row(
        setting, decoder, control, tuple(range(len(values["accuracy"]))), values, same, (), watched or {}
    )


def around(mean, spread=0.01, n=8, turn=0):
    """`n` values of this mean and spread; another `turn` puts them on other seeds."""
    x = np.arange(n, dtype=float)
    return np.roll((x - x.mean()) / x.std(ddof=1) * spread + mean, turn)


CE = row("ce", around(0.5), around(0.4))


def test_differences_are_paired_by_seed(comparison):
    rows = compare.table(comparison)
    base = next(r for r in rows if r.label == "ce")
    differences = compare.against(rows)
    assert "ce" not in differences
    for label, found in differences.items():
        own = next(r for r in rows if r.label == label)
        expected = np.subtract(own.values["accuracy"], base.values["accuracy"])
        assert found.values["accuracy"] == pytest.approx(list(expected))


def test_findings_name_each_setting_asked_for_and_decide_nothing_within_the_interval(comparison):
    rows = compare.table(comparison)
    texts = [t for t in compare.findings(rows) if " against " in t]
    labels = [t.split(" against ")[0] for t in texts]
    assert labels == [r.label for r in rows if not r.control and r.label != "ce"]
    for text, label in zip(texts, labels, strict=True):
        low, high = compare.against(rows)[label].interval("accuracy")
        assert ("not told apart on 2 seeds" in text.split(";")[0]) == (low <= 0 <= high)


def test_it_is_said_plainly_that_no_loss_wins():
    worse, same = row("gce", around(0.4), around(0.5)), row("emd2", around(0.5, turn=3), around(0.4, turn=3))
    texts = compare.findings([CE, worse, same])
    assert (
        texts[0]
        == "In accuracy no loss beats ce: none of 2 is better with its whole interval, 95 % for all 2 together."
    )
    assert texts[1].startswith("In mean cost no loss beats ce")
    assert "worse" in texts[2]
    assert "no number of them tells equal means apart" in texts[3]


def test_a_winner_is_held_against_its_controls():
    loss = row("simloss@words:keep=0.02", around(0.6, turn=1), around(0.3, turn=1))
    decided = row("ce", around(0.5), around(0.3, turn=2), "min_cost", control=True)
    shuffled = row("simloss@words:keep=0.02,shuffle=1", around(0.5, turn=2), around(0.39, turn=2), control=True)
    columns = row("simloss:normalize=columns@words:keep=0.02", around(0.7), around(0.2), control=True)
    accuracy, cost = compare.findings([CE, decided, loss, shuffled, columns])[:2]
    name = "simloss@words:keep=0.02"
    assert accuracy == f"In accuracy 1 of 1 beat ce: {name} (but not simloss:normalize=columns@words:keep=0.02)."
    assert cost == (
        f"In mean cost 1 of 1 beat ce: {name} (but not ce | min_cost, simloss:normalize=columns@words:keep=0.02)."
    )


def test_a_winner_whose_controls_have_no_result_is_said_to_lack_them():
    loss = row("simloss@words:keep=0.02", around(0.6, turn=1), around(0.3, turn=1))
    accuracy = compare.findings([CE, loss])[0]
    assert "without a result of its controls simloss:normalize=columns@words:keep=0.02, simloss@words:" in accuracy


def test_of_many_settings_that_do_nothing_one_seldom_wins():
    """Eleven settings against one cross entropy, ten seeds, no difference at all: 31 % of tables named a winner."""
    rng, tables, wins = np.random.default_rng(0), 200, 0
    for _ in range(tables):
        rows = [row("ce", *rng.normal(0.5, 0.01, (2, 10)))]
        rows += [row(f"gce:q=0.{k}", *rng.normal(0.5, 0.01, (2, 10))) for k in range(1, 12)]
        wins += not compare.findings(rows)[0].startswith("In accuracy no loss beats ce")
    assert wins / tables < 0.06


def test_one_of_many_that_is_better_by_itself_only_is_no_winner():
    better = row("gce", around(0.515, turn=3), around(0.4, turn=3))
    assert "1 of 1 beat ce" in compare.findings([CE, better])[0]
    others = [row(f"gce:q=0.{k}", around(0.4), around(0.5)) for k in range(1, 9)]
    texts = compare.findings([CE, better, *others])
    assert texts[0].startswith("In accuracy no loss beats ce: none of 9")
    assert "better by itself, not as one of 9" in texts[2]


def test_of_several_settings_of_a_loss_the_best_on_validation_is_named():
    low, high = "simloss@words:keep=0.02", "simloss@words:keep=0.2"
    best_here = row(low, around(0.7), around(0.2), watched={"nll": [1.5, 1.7]})
    best_there = row(high, around(0.6), around(0.3), watched={"nll": [1.2, 1.3]})
    alone = row("gce", around(0.6), around(0.3), watched={"nll": [0.1, 0.1]})
    (text,) = (t for t in compare.findings([CE, best_here, best_there, alone]) if "on validation" in t)
    assert text.startswith(f"Of the 2 settings of simloss@words, {high} is best on validation, by nll")
    untold = row(low, around(0.7), around(0.2))
    assert not any("on validation" in t for t in compare.findings([CE, untold, best_there]))


def test_what_runs_watched_is_their_validation_value_at_the_epoch_kept(comparison):
    for found in compare.table(comparison):
        runs = comparison.groups[found.setting]
        lines = [{line["epoch"]: line for line in run.metrics()} for run in runs]
        assert found.watched == {
            "accuracy": [each[run.result()["epoch"]]["accuracy"] for each, run in zip(lines, runs, strict=True)]
        }


def test_a_lower_cost_and_a_higher_accuracy_are_better():
    assert compare.duel(row("gce", around(0.6), around(0.3)), CE, "accuracy").won
    assert compare.duel(row("gce", around(0.6), around(0.3)), CE, "mean_cost").won
    lost = compare.duel(row("gce", around(0.4), around(0.5)), CE, "mean_cost")
    assert (lost.decided, lost.won) == (True, False)


@pytest.mark.parametrize(
    ("shift", "text"), [(0.004, "seeds (about "), (1e-5, "(more than 1000 needed)"), (0.5, "better")]
)
def test_how_many_seeds_would_be_needed_is_never_nonsense(shift, text):
    found = compare.duel(row("gce", around(0.5 + shift, turn=3), around(0.4)), CE, "accuracy")
    assert text in found.text
    assert (found.needed > found.change.n) == (not found.decided)


def test_the_permutation_says_its_p_after_holm_or_the_seeds_it_needs():
    losses = [row(s, around(0.6, turn=1), around(0.3, turn=1)) for s in ("gce", "emd2")]
    enough = compare.findings([CE, *losses])[-1]
    assert "p after Holm over 4 comparisons: gce accuracy 0.031, gce mean cost 0.031" in enough  # 4 x 2/2^8
    few = [row(r.setting, r.values["accuracy"][:7], r.values["mean_cost"][:7]) for r in (CE, *losses)]
    assert compare.findings(few)[-1] == (
        "A sign-flip permutation over seeds can reach p < .05 after Holm over 4 comparisons with 8 seeds or more; "
        "there are 7."
    )


def test_one_seed_decides_nothing():
    texts = compare.findings([row("ce", [0.5], [0.4]), row("gce", [0.9], [0.1])])
    assert all("one seed decides nothing: whether any loss beats ce cannot be said" in t for t in texts[:2])
    assert "on one seed, which decides nothing" in texts[2]
    assert texts[-1].endswith("there is 1.")


def test_nothing_is_said_without_a_baseline_or_a_rival():
    assert compare.findings([]) == compare.findings([CE]) == compare.findings([row("gce", [0.5], [0.4])]) == []
    other = compare.Row("gce", "argmax", False, (91, 92), {m: [0.1, 0.2] for m in NAMES})
    assert compare.findings([CE, other]) == []


def test_a_loss_trained_on_the_ruler_says_so_in_its_finding():
    own = row("gce", around(0.6), around(0.3), same=True)
    (text,) = [t for t in compare.findings([CE, own]) if " against " in t]
    assert text.endswith("It was trained on the very matrix that measures it.")
