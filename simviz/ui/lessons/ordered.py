"""A short lesson on classes in an order: a near miss is worth something, and the scale may close on itself."""

from __future__ import annotations

import numpy as np

from simviz import evaluation, matrices
from simviz.datasets import clock
from simviz.ui.lessons import paying
from simviz.ui.lessons.steps import Answer, Lesson, Material, Step, bars
from simviz.ui.views.losses import AGES

TRUE, NEAR, FAR = "10 years", "20 years", "80 years"
RATIO = 0.8  # likeness of neighbours
STEPS = 3
LIKENESS = (0.8, 0.5, 0.0)  # what may be voted for
MINUTES = ("58", "3")
APART = (55, 30, 5)
SURE = {"10 years": 0.4, "60 years": 0.3, "70 years": 0.3}
SAID = ("10 years", "40 years", "60 years")


def dearer_by(_: Material) -> Answer:
    found = {n: paying.near_and_far(n, AGES, "positions", TRUE, NEAR, FAR) for n in ("ce", "emd2")}
    near, far = found["emd2"]
    ratio = far / near
    choice = 0 if paying.same(near, far) else 1 if ratio <= 2 else 2
    values = {f"{n}: {end}": v for n, both in found.items() for end, v in zip((NEAR, FAR), both, strict=True)}
    text = (
        f"The squared earth mover's distance pays {far:.3g} where the mass lies on {FAR} and {near:.3g} where it "
        f"lies on {NEAR}, {ratio:.1f} times as much; ce pays {found['ce'][1]:.3g} and {found['ce'][0]:.3g}. "
        "It sees how far the mass has to be carried."
    )
    view: dict[str, str | list[str]] = {"set": "ages", "truth": TRUE, "guess": "far miss", "losses": ["ce", "emd2"]}
    return Answer(choice, text, bars(values, {k: f"{v:.3g}" for k, v in values.items()}), view)


def three_steps_away(_: Material) -> Answer:
    row = matrices.class_order(AGES, r=RATIO).values[0]
    value = float(row[STEPS])
    choice = int(np.argmin([abs(value - one) for one in LIKENESS]))
    text = (
        f"{value:.2f}: every step multiplies by {RATIO:g}, so {STEPS} steps make {RATIO:g} to the power of {STEPS}. "
        "With 0 in its place only the class itself would count, and SimLoss would be plain cross entropy."
    )
    values = {f"{AGES.names[0]} and {AGES.names[k]}": float(row[k]) for k in range(STEPS + 2)}
    return Answer(
        choice, text, bars(values), {"from": "order", "data": "own", "names": ", ".join(AGES), "r": str(RATIO)}
    )


def around_the_clock(_: Material) -> Answer:
    classes = clock.classes()
    found = matrices.positions(classes).values
    i, j = (classes.index(m) for m in MINUTES)
    value = float(found[i, j])
    choice = int(np.argmin([abs(value - one) for one in APART]))
    text = (
        f"{value:.0f} minutes: the scale closes on itself after {classes.period:g}, and the way round 0 is the shorter "
        f"one. The farthest two minutes are {found.max():.0f} apart. A class index alone would have said "
        f"{abs(int(MINUTES[0]) - int(MINUTES[1]))}."
    )
    ends = (MINUTES[1], "28", "8", "57")
    values = {f"{MINUTES[0]} and {e}": float(found[i, classes.index(e)]) for e in ends}
    view: dict[str, str | list[str]] = {"from": "positions", "data": "clock"}
    return Answer(choice, text, bars(values, {k: f"{v:.0f} minutes" for k, v in values.items()}), view)


def what_to_say(_: Material) -> Answer:
    """The decoder matters as much as the loss: the same probabilities, read in three ways."""
    p = np.zeros((1, len(AGES)))
    for name, share in SURE.items():
        p[0, AGES.index(name)] = share
    ruler = evaluation.ruler(AGES, "positions")
    with np.errstate(divide="ignore"):
        logs = np.log(p)
    found = {d: _decoded(logs, d, ruler) for d in ("argmax", "min_cost", "expectation")}
    cost = {name: float(p[0] @ ruler.distance[:, AGES.index(name)]) for name in SAID}
    choice = min(range(len(SAID)), key=lambda k: cost[SAID[k]])
    text = (
        f"{SAID[choice]}: expected to be {cost[SAID[choice]]:.0f} years off, the least of the three. Of all ages the "
        f"least expected cost has {found['min_cost']}; the most probable one is {found['argmax']}, and the mean lies "
        f"nearest to {found['expectation']}. The network is the same; only the way to decide has changed."
    )
    view: dict[str, str | list[str]] = {"set": "ages", "truth": TRUE, "guess": "own"}
    view |= {f"w{k}": f"{100 * p[0, k]:.0f}" for k in range(len(AGES))}
    return Answer(choice, text, bars(cost, {n: f"{v:.0f} years off" for n, v in cost.items()}), view)


def _decoded(logs: np.ndarray, decoder: str, ruler: evaluation.Ruler) -> str:
    return AGES.names[int(evaluation.decode(logs, decoder, classes=AGES, ruler=ruler)[0])]


LESSON = Lesson(
    "ordered",
    "Classes in an order",
    "Four questions on ages and minutes: how far a mistake goes, on a line and around a circle.",
    (
        Step(
            "Near and far on a scale",
            f"A child of {TRUE} is taken for {NEAR}, or for {FAR}. How much more does a loss that knows the order, the "
            "squared earth mover's distance, pay for the second mistake?",
            ("The same", "Up to twice as much", "More than twice as much"),
            "losses",
            "Move the mass along the ages",
            dearer_by,
        ),
        Step(
            "How like are neighbours?",
            f"We say that neighbouring ages are alike by {RATIO:g}, and multiply for every step. How alike are two "
            f"that are {STEPS} steps apart?",
            (f"{LIKENESS[0]:g}, as before", "About a half", "Not at all"),
            "similarity",
            "Change the likeness of neighbours",
            three_steps_away,
        ),
        Step(
            "Around the clock",
            f"The classes are the minutes of a clock. How far is minute {MINUTES[0]} from minute {MINUTES[1]}?",
            tuple(f"{one} minutes" for one in APART),
            "similarity",
            "See the circle as a matrix",
            around_the_clock,
        ),
        Step(
            "What should it say?",
            "A network is unsure: "
            + ", ".join(f"{name} {share:.0%}" for name, share in SURE.items())
            + ". Every year that we are off costs the same. Which age costs least?",
            SAID,
            "losses",
            "Write down this prediction",
            what_to_say,
        ),
    ),
)
