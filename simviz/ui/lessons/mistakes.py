"""The ten-minute lesson: why some mistakes are better than others, and when a loss that knows it helps."""

from __future__ import annotations

import numpy as np

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.matrices import ClassMatrix
from simviz.ui import cache
from simviz.ui.lessons import paying, trials
from simviz.ui.lessons.steps import Answer, Lesson, Material, Step, bars
from simviz.ui.views.losses import THINGS

WORDS = "words:lower_bound=0"  # the cosines themselves, none cut off but the negative ones
BETWEEN = "words:keep=0.4"  # as the page of losses begins
FIRST = ("cat", "dog", "truck")
WITH_ROSE = (*FIRST, "rose", "tulip")
ROSE = {"rose": "roses"}
CANDIDATES = ("tulip", "fell", "cat")  # what rose may be nearest to
MISTAKES = ("dog", "truck")
PUNISHED = ("The cat taken for a dog", "The cat taken for a truck", "Both the same")
DECIDERS = (
    "Plain cross entropy",
    "The loss that was told",
    "Plain cross entropy, choosing the class of least expected cost",
    "Another one",
)


def same_to_cross_entropy(_: Material) -> Answer:
    return _punished("ce")


def told_apart(_: Material) -> Answer:
    return _punished("simloss", beside="ce")


def _punished(name: str, beside: str | None = None) -> Answer:
    """What a loss pays for the two mistakes of the first question."""
    found = {
        loss: paying.near_and_far(loss, THINGS, BETWEEN, "cat", *MISTAKES)
        for loss in (name, beside)
        if loss is not None
    }
    near, far = found[name]
    choice = 2 if paying.same(near, far) else int(far > near)
    values = {f"{loss}: {m}": v for loss, both in found.items() for m, v in zip(MISTAKES, both, strict=True)}
    ends = (f"{loss} pays {both[0]:.2f} for the dog and {both[1]:.2f} for the truck" for loss, both in found.items())
    said = "; ".join(ends)
    why = (
        "It looks at the probability of the cat alone, wherever the rest went."
        if choice == 2
        else f"The {MISTAKES[1 - choice]} is {abs(far - near) / max(near, far):.0%} cheaper: its word is nearer."
    )
    losses = [loss for loss in (beside, name) if loss is not None]
    view: dict[str, str | list[str]] = {"set": "things", "between": "words", "truth": "cat", "guess": "near miss"}
    return Answer(choice, f"{said}. {why}", bars(values), view | {"losses": losses})


def nearest_words(_: Material) -> Answer:
    found = cache.matrix(WORDS, ClassSet(FIRST))
    pairs = [(0, 1), (0, 2), (1, 2)]
    values = {f"{FIRST[i]} and {FIRST[j]}": float(found.values[i, j]) for i, j in pairs}
    choice = int(np.argmax(list(values.values())))
    text = (
        f"The cosine of the two word vectors is largest for {list(values)[choice]}: "
        f"{list(values.values())[choice]:.2f}. Nobody wrote this down for these classes; the vectors were "
        "learned from the company that words keep in a large text."
    )
    return Answer(choice, text, bars(values), _similarity_of(FIRST))


def rose(_: Material) -> Answer:
    """What the vector of "rose" is nearest to, and after the word was repaired."""
    classes = ClassSet(["rose", *CANDIDATES])
    before, after = (cache.matrix(WORDS, c) for c in (classes, classes.with_words(ROSE)))
    first, then = (_beside_rose(m) for m in (before, after))
    nearest, repaired = max(first, key=first.__getitem__), max(then, key=then.__getitem__)
    around = ", ".join(token for token, _ in cache.neighbours("rose")[:4])
    turned = f"it is nearest to {repaired}" if repaired != nearest else f"it still is nearest to {repaired}"
    text = (
        f"To the vectors rose is nearest to {nearest} ({first[nearest]:.2f}); of all their words to {around}. "
        f"Looked up as “{ROSE['rose']}” instead, {turned} ({then[repaired]:.2f}). A matrix from words is read before "
        "it is believed; a wrong word is repaired in the table on the page of matrices."
    )
    values = {f"rose and {c}": v for c, v in first.items()} | {f"roses and {c}": v for c, v in then.items()}
    return Answer(CANDIDATES.index(nearest), text, bars(values), _similarity_of(WITH_ROSE))


def _beside_rose(matrix: ClassMatrix) -> dict[str, float]:
    return {name: float(matrix.values[0, i + 1]) for i, name in enumerate(CANDIDATES)}


def _similarity_of(names: tuple[str, ...]) -> dict[str, str | list[str]]:
    return {"from": "words", "data": "own", "names": ", ".join(names), "by": "lower_bound", "lower_bound": "0.0"}


def more_often_right(material: Material) -> Answer:
    return trials.held_against(trials.trials(material), "accuracy", "accuracy")


def milder(material: Material) -> Answer:
    found = trials.trials(material)
    answer = trials.held_against(found, "mistake_severity", f"mean distance of a mistake ({found.ruler.unit})")
    true, predicted, change = _moved_most(found)
    said = f"{abs(change)} {'fewer' if change < 0 else 'more'} under {found.told.setting}"
    text = (
        f"{answer.text} Most changed: {true} taken for {predicted}, {said}, all seeds together."
        if change
        else answer.text
    )
    view = {**answer.view, "order": "similarity"} | ({"t": true, "p": predicted} if change else {})
    return Answer(answer.choice, text, answer.bars, view)


def _moved_most(found: trials.Trials) -> tuple[str, str, int]:
    """The mistake whose count differs most between the two settings over the seeds both have, and by how much."""
    classes = found.comparison.classes
    shared = set(found.plain.seeds) & set(found.told.seeds)
    counts = {}
    for row in (found.plain, found.told):
        counts[row.setting] = np.zeros((len(classes),) * 2, dtype=np.int64)
        for run in found.comparison.groups[row.setting]:
            if run.spec.seed in shared and run.has_predictions(trials.PART):
                one = cache.decoded(cache.stamps(run, trials.PART), classes, found.ruler, "argmax")
                counts[row.setting] += evaluation.confusion_matrix(one.target, one.predicted, len(classes))
    change = counts[found.told.setting] - counts[found.plain.setting]
    np.fill_diagonal(change, 0)
    i, j = np.unravel_index(np.abs(change).argmax(), change.shape)
    return classes.names[i], classes.names[j], int(change[i, j])


def was_it_the_knowledge(material: Material) -> Answer:
    """The setting against its own control, whose class names were shuffled."""
    found = trials.trials(material)
    controls = [s for s in compare.with_controls([found.told.setting]) if "shuffle=" in s]
    rows = [row for s in controls if (row := trials.row_of(found.rows, s)) is not None and row is not found.told]
    if not rows:
        raise ValueError(
            f"“{found.comparison.title}” cannot answer this: it has no run of {found.told.setting} with the class "
            "names of its matrix shuffled. The train page adds such a control to every SimLoss."
        )
    return trials.held_against(found, "mean_cost", f"mean cost ({found.ruler.unit} an image)", rows[0])


def cheapest(material: Material) -> Answer:
    """The row of least mean cost, and whether it is told apart from the next."""
    found = trials.trials(material)
    known = sorted((r for r in found.rows if r.mean("mean_cost") is not None), key=lambda r: r.mean("mean_cost") or 0.0)
    if len(known) < 2:
        raise ValueError(f"“{found.comparison.title}” has no mean cost of two losses to compare.")
    best, second = known[:2]
    by_cost = (best.setting, best.decoder) == (trials.PLAIN, "min_cost")
    choice = 0 if best is found.plain else 1 if best is found.told else 2 if by_cost else 3
    duel = compare.duel(best, second, "mean_cost")
    if duel is None or duel.change.low is None:
        sure = f"With no two seeds in common with {second.label} this may be chance"
    elif duel.decided:
        sure = f"It beats the next, {second.label}, with its whole 95 % interval"
    else:
        sure = f"It is not told apart from the next, {second.label}, on {duel.change.n} seeds{trials.needed(duel)}"
    told = found.told.setting
    won = f" The loss that was told, {told}, does not win here." if choice != 1 else ""
    text = f"{best.label} has the least mean cost, in {found.ruler.unit} an image. {sure}.{won}{trials.own_ruler(best)}"
    lengths = tuple(trials.measured(row, "mean_cost", 1, "", known) for row in _listed(known, found))
    return Answer(choice, text, lengths, found.view)


def _listed(known: list[compare.Row], found: trials.Trials) -> list[compare.Row]:
    """The three best, and in any case the two that the lesson is about."""
    return [r for i, r in enumerate(known) if i < 3 or r is found.plain or r is found.told]


LESSON = Lesson(
    "mistakes",
    "Why some mistakes are better than others",
    "Ten minutes, eight questions: what cross entropy does not see, where knowledge of the classes comes from, and "
    "whether it helped the networks in view.",
    (
        Step(
            "Two mistakes",
            "A picture shows a cat. One network gives the dog 80 %, another the truck; both leave the cat 15 %. "
            "Which answer does plain cross entropy punish harder?",
            PUNISHED,
            "losses",
            "Move the mass yourself",
            same_to_cross_entropy,
        ),
        Step(
            "Where knowledge comes from",
            "Words that stand in like sentences get like vectors. Which two are nearest to such vectors?",
            ("cat and dog", "cat and truck", "dog and truck"),
            "similarity",
            "See the matrix of the three",
            nearest_words,
        ),
        Step(
            "The word that means two things",
            "We add a flower, the rose. Which of these is its word vector nearest to?",
            CANDIDATES,
            "similarity",
            "Repair the word in the table",
            rose,
        ),
        Step(
            "A loss that was told",
            "SimLoss is given the matrix of the words. Which of the two answers does it punish harder now?",
            PUNISHED,
            "losses",
            "Compare the losses",
            told_apart,
        ),
        Step(
            "More often right?",
            "Both losses trained the same network on the same pictures. Which is more often right on new ones?",
            trials.CHOICES,
            "severity",
            "See accuracy and cost of every seed",
            more_often_right,
            trials.shown,
        ),
        Step(
            "Milder when wrong?",
            "Count the mistakes alone, and how far each one goes. Whose mistakes are milder?",
            trials.CHOICES,
            "confusion",
            "See which mistakes moved, and the pictures",
            milder,
            trials.shown,
        ),
        Step(
            "Was it the knowledge?",
            "A third network got the same matrix with the names of the classes shuffled: as soft, and wrong. "
            "Which of the two costs less, counting every image?",
            ("The shuffled one", "The one told the truth", trials.CHOICES[2]),
            "severity",
            "See the controls in the table",
            was_it_the_knowledge,
            trials.shown,
        ),
        Step(
            "Which one would you take?",
            "A clinic pays for every mistake by how far it goes. Which network costs it least?",
            DECIDERS,
            "severity",
            "See every loss and decoder",
            cheapest,
            trials.shown,
        ),
    ),
)
