"""Two settings of a comparison held against each other: plain cross entropy, and one that knows more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simviz import compare
from simviz.compare import Duel, Row
from simviz.compare.differences import MANY_SEEDS
from simviz.evaluation import Ruler
from simviz.runs import Comparison
from simviz.settings import parse_setting
from simviz.ui import cache, evidence
from simviz.ui.lessons.steps import Answer, Bar, Material, first_that_can

PLAIN = "ce"
PART = "test"
NOTHING = (
    "There is no comparison to compute this from. Train plain cross entropy beside another loss, with several seeds."
)
CHOICES = ("Plain cross entropy", "The loss that was told", "These seeds cannot tell")
SHARES = ("accuracy",)  # said in percent, and larger is better


@dataclass(frozen=True)
class Trials:
    """A comparison, measured by its own ruler.

    Attributes
    ----------
    plain, told : the row of plain cross entropy, and of the setting that it is compared with
    rows : all of them
    """

    comparison: Comparison
    ruler: Ruler
    plain: Row
    told: Row
    rows: Sequence[Row]

    @property
    def view(self) -> dict[str, str | list[str]]:
        """Query parameters that bring both settings into view on any page."""
        return {"c": self.comparison.id, "a": self.plain.setting, "b": self.told.setting}


def trials(material: Material) -> Trials:
    """The first comparison that has both; ValueError, in a sentence, where none has."""
    return first_that_can(material, lambda one: _trials(one, (material.b, material.a)), NOTHING)


def told_setting(settings: Sequence[str], wished: Sequence[str | None] = ()) -> str | None:
    """The setting to hold against plain cross entropy.

    One that was wished for; else the first SimLoss, else the first with a matrix, else the first other one. Controls
    only when wished for. None where there is plain cross entropy alone.
    """
    others = [s for s in settings if s != PLAIN]
    for wish in wished:
        if wish in others:
            return wish
    asked = [s for s in others if not compare.is_control(s, settings)]
    parsed = {s: parse_setting(s) for s in asked}
    asked.sort(key=lambda s: (parsed[s].loss.name != "simloss", parsed[s].matrix is None))
    return asked[0] if asked else None


def _trials(comparison: Comparison, wished: Sequence[str | None]) -> Trials:
    groups = comparison.groups
    told = told_setting(list(groups), wished)
    if PLAIN not in groups or told is None:
        raise ValueError(f"it needs plain cross entropy and another loss, and has {', '.join(groups) or 'no run'}.")
    ruler = evidence.own_ruler(comparison)
    stamps = tuple(cache.stamps(run, PART) for run in comparison.runs)
    rows = cache.table(stamps, comparison, PART, "argmax", ruler)
    found = [row_of(rows, setting) for setting in (PLAIN, told)]
    if found[0] is None or found[1] is None:
        raise ValueError(f"it has no predictions of {PLAIN} and {told} yet.")
    return Trials(comparison, ruler, found[0], found[1], rows)


def row_of(rows: Sequence[Row], setting: str) -> Row | None:
    """A setting as it decides by itself, without another decoder."""
    return next((r for r in rows if r.setting == setting and r.label == setting), None)


def shown(material: Material) -> str:
    """What the answer will be computed from, before it is; the sentence that says why not, where it cannot be."""
    try:
        found = trials(material)
    except ValueError as error:
        return str(error)
    seeds = len(set(found.plain.seeds) & set(found.told.seeds))
    return (
        f"Here the loss that was told is {found.told.setting}, against {found.plain.setting}: "
        f"{seeds} seed{'' if seeds == 1 else 's'} of each, {PART} part of “{found.comparison.title}”."
    )


def held_against(found: Trials, metric: str, name: str, other: Row | None = None) -> Answer:
    """Whose metric is better: option 0 plain cross entropy, or `other`; 1 the loss that was told; 2 nobody can tell.

    ValueError where they share no two seeds, or the metric is not known of them.
    """
    other = other or found.plain
    duel = compare.duel(found.told, other, metric)
    if duel is None:
        raise ValueError(f"{found.told.setting} and {other.setting} have no {name} on the same seeds.")
    low, high = duel.change.low, duel.change.high
    if low is None or high is None:
        raise ValueError(
            f"There is one seed of each loss, and one seed decides nothing: the {name} of another seed may turn it "
            "round. Train several seeds."
        )
    if duel.decided:
        choice = int((duel.change.mean > 0) == (metric in SHARES))
        better = (other, found.told)[choice].setting
        verdict = f"All of it lies on one side of 0: {better} is better here."
    else:
        choice, verdict = 2, f"0 lies within it, so these seeds cannot tell them apart{needed(duel)}."
    unit, points = ("", "") if metric not in SHARES else (" %", " percentage points")
    scale = 100 if metric in SHARES else 1
    half = scale * (high - low) / 2
    sizes = [rounded(scale * v, half, sign=True) for v in (duel.change.mean, low, high)]
    text = (
        f"{found.told.setting} minus {other.setting}, in {name}, over {duel.change.n} seeds: {sizes[0]}{points} "
        f"(95 % interval {sizes[1]} to {sizes[2]}). {verdict}{own_ruler(found.told)}"
    )
    lengths = tuple(measured(row, metric, scale, unit, (other, found.told)) for row in (other, found.told))
    return Answer(choice, text, lengths, found.view)


def own_ruler(row: Row) -> str:
    """The sentence that belongs to a loss trained on the very matrix that measures it; else ""."""
    return f" {row.setting} was trained on the very matrix that measures it." if row.same_ruler else ""


def needed(duel: Duel) -> str:
    """How many seeds it would take, as the end of a sentence."""
    if duel.needed is None:
        return "; their means are equal"
    many = f"more than {MANY_SEEDS}" if duel.needed > MANY_SEEDS else f"about {duel.needed}"
    return f"; it would take {many} seeds"


def measured(row: Row, metric: str, scale: float, unit: str, among: Sequence[Row]) -> Bar:
    """A row's mean and the half of its interval, as a bar; the longest among several rows is full."""
    mean, interval = row.mean(metric), row.interval(metric)
    assert mean is not None
    top = scale if metric in SHARES else max(abs(r.mean(metric) or 0) for r in among) * scale or 1.0
    half = None if interval is None else scale * (interval[1] - interval[0]) / 2
    text = rounded(scale * mean, half) + unit + ("" if half is None else f" ± {rounded(half, half)}{unit}")
    return Bar(row.label, scale * mean / top, text)


def rounded(value: float, half: float | None, *, sign: bool = False) -> str:
    """A number with as many decimals as half of its interval supports: two digits of that half, three at most."""
    decimals = 3 if not half else min(3, max(0, 1 - math.floor(math.log10(half))))
    return f"{value:{'+' if sign else ''}.{decimals}f}"
