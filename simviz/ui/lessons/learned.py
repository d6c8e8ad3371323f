"""A short lesson on what a network itself learns to be close, computed from a run that learned a distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simviz import learned as controls
from simviz.evaluation import agreement, statistics
from simviz.runs import Comparison
from simviz.ui.lessons import trials
from simviz.ui.lessons.steps import Answer, Bar, Lesson, Material, Step, first_that_can
from simviz.ui.views.ground_distance_agreement import controls as controls_of
from simviz.ui.views.ground_distance_runs import Learned, learners, read

HOW = "The loss self_guided does: train it with two seeds or more, beside ce."
NOTHING = f"No comparison here has learned a distance. {HOW}"
LITTLE, MUCH = 0.1, 0.4  # Spearman's rho
DEGREES = (f"Hardly (rho below {LITTLE})", f"Somewhat (rho {LITTLE} to {MUCH})", f"Clearly (rho above {MUCH})")
NEAREST = 3


def seeds_of(material: Material) -> tuple[list[Learned], int]:
    """All seeds of the first setting that learned a distance, and the last epoch they share; ValueError if none has."""
    return first_that_can(material, _seeds, NOTHING)


def _seeds(comparison: Comparison) -> tuple[list[Learned], int]:
    runs = learners(comparison)
    if not runs:
        raise ValueError(f"it learned no distance. {HOW}")
    every = [read(comparison, run) for run in runs if run.setting == runs[0].setting]
    shared = set.intersection(*(set(one.epochs) for one in every))
    if not shared:
        raise ValueError("its seeds share no epoch, so they cannot be compared.")
    return every, max(shared)


def shown(material: Material) -> str:
    try:
        every, epoch = seeds_of(material)
    except ValueError as error:
        return str(error)
    first = every[0]
    seeds = f"{len(every)} seed{'' if len(every) == 1 else 's'}"
    return f"Here: {first.run.setting}, epoch {epoch}, {seeds}, from “{first.comparison.title}”."


def nearest_pair(material: Material) -> Answer:
    every, epoch = seeds_of(material)
    first = every[0]
    classes = first.classes
    if classes.groups is None:
        raise ValueError(f"The classes of “{first.comparison.title}” have no groups, so none can be compared.")
    far = agreement.pairs(_at(first, epoch))
    one, other = np.triu_indices(len(classes), 1)
    inside = np.array([classes.groups[a] == classes.groups[b] for a, b in zip(one, other, strict=True)])
    order = np.argsort(far, kind="stable")[:NEAREST]
    names = [f"{classes.names[one[k]]} and {classes.names[other[k]]}" for k in order]
    kin = [" beside ".join(dict.fromkeys(" / ".join(classes.groups[e[k]]) for e in (one, other))) for k in order]
    listed = "; ".join(f"{name} ({groups})" for name, groups in zip(names, kin, strict=True))
    count = int(inside[order].sum())
    text = (
        f"Seed {first.run.spec.seed} holds these for nearest: {listed}. Of its {len(order)} nearest pairs {count} "
        f"{'lies' if count == 1 else 'lie'} within one group; of all pairs {inside.mean():.0%} do."
    )
    lengths = tuple(Bar(name, float(far[k]), f"distance {far[k]:.2f}") for name, k in zip(names, order, strict=True))
    return Answer(int(not inside[order[0]]), text, lengths, _view(first, epoch))


def like_the_words(material: Material) -> Answer:
    every, epoch = seeds_of(material)
    name, known = _reference(every[0])
    values = _known([agreement.spearman(_at(one, epoch), known) for one in every])
    text = (
        f"Over all pairs of classes the learned distance agrees with that of the {name} by Spearman's rho "
        f"{_mean(values)}. 1 would be the same order of all pairs, 0 none at all. Nobody gave it the {name}."
    )
    return Answer(degree(float(np.mean(values))), text, _by_seed(every, values), _view(every[0], epoch))


def more_than_pixels(material: Material) -> Answer:
    """The finding is the difference to the control, not the agreement itself."""
    every, epoch = seeds_of(material)
    if len(every) < 2:
        raise ValueError("There is one seed that learned a distance, and one seed decides nothing.")
    name, known = _reference(every[0])
    mine = _known([agreement.spearman(_at(one, epoch), known) for one in every])
    pixels = _known([agreement.spearman(_pixels(one, epoch), known) for one in every])
    change = statistics.paired_over_seeds(mine, pixels)
    assert change.low is not None and change.high is not None  # noqa: PT018  (one fact: there are two seeds)
    decided = not change.low <= 0 <= change.high
    choice = 2 if not decided else int(change.mean < 0)
    half = (change.high - change.low) / 2
    size, low, high = (trials.rounded(v, half, sign=True) for v in (change.mean, change.low, change.high))
    said = "0 lies outside" if decided else "0 lies within, so these seeds cannot tell"
    text = (
        f"Agreement with the {name}, learned less {controls.PIXELS}: {size} (95 % interval {low} to {high}, "
        f"{change.n} seeds); {said}. Like things look alike already; the finding is what training adds."
    )
    means = {f"learned, epoch {epoch}": float(np.mean(mine)), controls.PIXELS: float(np.mean(pixels))}
    lengths = tuple(Bar(label, value, f"rho {value:.2f}") for label, value in means.items())
    return Answer(choice, text, lengths, _view(every[0], epoch))


def same_again(material: Material) -> Answer:
    every, epoch = seeds_of(material)
    if len(every) < 2:
        raise ValueError("There is one seed that learned a distance; whether another learns the same is not known.")
    ends = [(i, j) for i in range(len(every)) for j in range(i + 1, len(every))]
    values = _known([agreement.spearman(_at(every[i], epoch), _at(every[j], epoch)) for i, j in ends])
    text = (
        f"Two networks that began with other weights and other batches agree by Spearman's rho {_mean(values)}: "
        f"what is not shared is chance, and no statement about the classes."
    )
    labels = [f"seeds {every[i].run.spec.seed} and {every[j].run.spec.seed}" for i, j in ends]
    lengths = tuple(Bar(label, v, f"rho {v:.2f}") for label, v in zip(labels[:6], values, strict=False))
    return Answer(degree(float(np.mean(values))), text, lengths, _view(every[0], epoch))


def degree(rho: float) -> int:
    """Which of `DEGREES` a correlation is."""
    return 0 if rho < LITTLE else 1 if rho <= MUCH else 2


def _at(one: Learned, epoch: int) -> np.ndarray:
    return one.distances[one.epochs.index(epoch)]


def _reference(one: Learned) -> tuple[str, np.ndarray]:
    """The distance of the words, else of what else is known of the classes."""
    found = one.references
    if not found:
        raise ValueError(f"The classes of “{one.comparison.title}” have no words, groups or positions to compare with.")
    name = "words" if "words" in found else next(iter(found))
    return name, found[name]


def _pixels(one: Learned, epoch: int) -> np.ndarray:
    found, missing = controls_of(one, one.epochs.index(epoch))
    if controls.PIXELS not in found:
        raise ValueError(f"There is nothing to compare with, {controls.PIXELS}: {missing[controls.PIXELS]}")
    return found[controls.PIXELS]


def _known(values: Sequence[float | None]) -> list[float]:
    if any(v is None for v in values):
        raise ValueError("A distance has collapsed to a constant: all classes are equally far apart.")
    return [v for v in values if v is not None]


def _mean(values: Sequence[float]) -> str:
    """The mean, and from where to where the seeds go."""
    return f"{np.mean(values):.2f}" + (f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else "")


def _by_seed(every: Sequence[Learned], values: Sequence[float]) -> tuple[Bar, ...]:
    return tuple(
        Bar(f"seed {one.run.spec.seed}", value, f"rho {value:.2f}") for one, value in zip(every, values, strict=True)
    )


def _view(one: Learned, epoch: int) -> dict[str, str | list[str]]:
    return {"c": one.comparison.id, "learner": one.run.id, "epoch": str(epoch)}


LESSON = Lesson(
    "learned",
    "Which classes the network itself finds close",
    "Four questions on a distance that nobody wrote down: measured from the features of a network while it trains.",
    (
        Step(
            "The nearest two",
            "Nobody told this network which classes are alike. Are the two that it holds for nearest of one group?",
            ("Yes, of one group", "No, of two groups"),
            "ground_distance",
            "See the learned matrix",
            nearest_pair,
            shown,
        ),
        Step(
            "Like the words?",
            "How well does what it learned from pictures agree with what words say about the classes?",
            DEGREES,
            "ground_distance",
            "See the agreement over the epochs",
            like_the_words,
            shown,
        ),
        Step(
            "More than the pixels say?",
            "Like things look alike, even to nobody. Which agrees better with the words?",
            ("The learned distance", "The pixels alone", trials.CHOICES[2]),
            "ground_distance",
            "See it beside its controls",
            more_than_pixels,
            shown,
        ),
        Step(
            "The same again?",
            "Another seed begins elsewhere and sees the pictures in another order. Does it learn the same distance?",
            DEGREES,
            "ground_distance",
            "See all seeds",
            same_again,
            shown,
        ),
    ),
)
