"""What a table says, computed: every row against a baseline, paired by seed; who wins, and how many seeds it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simviz.compare.rows import Row
from simviz.compare.settings import with_controls
from simviz.evaluation.statistics import SeedDifference, holm, paired_over_seeds, seeds_needed
from simviz.hyperparameters import RISING
from simviz.settings import parse_setting

METRICS = ("accuracy", "mean_cost")
MANY_SEEDS = 1000
NEEDED = (
    "Seeds needed: so many that the 95 % interval leaves 0 if mean and spread stay what they are; it then does so "
    "about every other time."
)


@dataclass(frozen=True)
class Duel:
    """One row against another in one metric, over the seeds that both have.

    Attributes
    ----------
    change : ours minus theirs, its 95 % t interval and sign-flip p after so many comparisons
    held : the same, its interval so wide that 95 % holds for all rows that are looked at together (Bonferroni)
    among : how many rows these are
    better : whether `change` is to the good
    needed : seeds at which the interval would leave 0 with this mean and spread; None for one seed or no difference
    """

    metric: str
    change: SeedDifference
    held: SeedDifference
    among: int
    better: bool
    needed: int | None

    @property
    def apart(self) -> bool:
        """Whether the 95 % interval excludes 0."""
        return _excludes_0(self.change)

    @property
    def decided(self) -> bool:
        """Whether 0 is excluded however many rows are looked at."""
        return _excludes_0(self.held)

    @property
    def won(self) -> bool:
        return self.decided and self.better

    @property
    def text(self) -> str:
        """The change, its interval, and what it decides."""
        change, name = self.change, self.metric.replace("_", " ")
        if change.n < 2:
            return f"{name} {change.mean:+.3f} on one seed, which decides nothing"
        said = f"{name} {change.mean:+.3f} (95 % {change.low:+.3f} to {change.high:+.3f})"
        if self.apart:
            alone = "" if self.decided else f" by itself, not as one of {self.among}"
            return f"{said}, {'better' if self.better else 'worse'}{alone}"
        return f"{said}, not told apart on {change.n} seeds ({self._needed})"

    @property
    def _needed(self) -> str:
        if self.needed is None:
            return "no number of them tells equal means apart"
        return f"{f'more than {MANY_SEEDS}' if self.needed > MANY_SEEDS else f'about {self.needed}'} needed"


def duel(ours: Row, theirs: Row, metric: str, *, among: int = 1, comparisons: int = 1) -> Duel | None:
    """One row against another; None where they share no seed, or one has no value of the metric.

    Parameters
    ----------
    among : how many rows are held against the same one, and the best of them believed
    comparisons : how many p values Holm's correction will run over
    """
    shared = [s for s in ours.seeds if s in theirs.seeds]
    first, second = (_values(row, metric, shared) for row in (ours, theirs))
    differences = np.subtract(first, second)
    if not shared or np.isnan(differences).any():
        return None
    change = paired_over_seeds(first, second, comparisons=comparisons)
    held = paired_over_seeds(first, second, level=1 - 0.05 / among)
    needed = seeds_needed(differences) if len(shared) > 1 else None
    better = (change.mean > 0) == (metric == "accuracy") and change.mean != 0
    return Duel(metric, change, held, among, better, needed)


def against(rows: Sequence[Row], baseline: str = "ce") -> dict[str, Row]:
    """Rows by label whose values are differences from the baseline's argmax row, seed by seed."""
    base = _base(rows, baseline)
    if base is None:
        return {}
    differences = {}
    for row in rows:
        shared = [s for s in row.seeds if s in base.seeds]
        if row is base or not shared:
            continue
        values = {
            key: [_minus(found[row.seeds.index(s)], base.values[key][base.seeds.index(s)]) for s in shared]
            for key, found in row.values.items()
            if key in base.values
        }
        differences[row.label] = replace(row, seeds=tuple(shared), values=values)
    return differences


def findings(rows: Sequence[Row], baseline: str = "ce") -> list[str]:
    """What the table says, computed: who wins, each setting against the baseline, and what a permutation test needs.

    A loss wins in a metric where the t interval of its paired difference from the baseline lies on the good side of 0;
    of k losses each interval has the level 1 - .05 / k, so that 95 % holds for all of them together (Bonferroni).
    Empty where there is no baseline, or nothing to hold against it.
    """
    base = _base(rows, baseline)
    asked = [] if base is None else [r for r in rows if r is not base and not r.control]
    met = {r.label: found for r in asked if (found := _duels(r, base, len(asked)))}
    if not met:
        return []
    texts = [text for metric in METRICS if (text := _verdict(rows, asked, met, metric, baseline))]
    texts += _chosen(asked)
    for row in asked:
        if row.label in met:
            text = f"{row.label} against {baseline}: {'; '.join(d.text for d in met[row.label].values())}."
            texts.append(text + (" It was trained on the very matrix that measures it." if row.same_ruler else ""))
    if any(d.change.n > 1 and not d.apart for found in met.values() for d in found.values()):
        texts.append(NEEDED)
    return [*texts, _permutation(met)]


def _values(row: Row, metric: str, seeds: Sequence[int]) -> list[float]:
    """One a seed, NaN where there is none."""
    found = dict(zip(row.seeds, row.values.get(metric, ()), strict=False))
    return [math.nan if (value := found.get(s)) is None else value for s in seeds]


def _base(rows: Sequence[Row], baseline: str) -> Row | None:
    return next((r for r in rows if r.setting == baseline and r.decoder == "argmax"), None)


def _duels(row: Row, base: Row | None, among: int) -> dict[str, Duel]:
    if base is None:
        return {}
    tests = among * len(METRICS)
    return {m: d for m in METRICS if (d := duel(row, base, m, among=among, comparisons=tests)) is not None}


def _excludes_0(change: SeedDifference) -> bool:
    return change.low is not None and change.high is not None and not change.low <= 0 <= change.high


def _verdict(
    rows: Sequence[Row], asked: Sequence[Row], met: dict[str, dict[str, Duel]], metric: str, baseline: str
) -> str:
    """Who beats the baseline in one metric, and whom the winners do not beat; "" where the metric is not known."""
    name = metric.replace("_", " ")
    known = [r for r in asked if metric in met.get(r.label, {})]
    if not known:
        return ""
    if all(met[r.label][metric].change.n < 2 for r in known):
        return f"In {name} one seed decides nothing: whether any loss beats {baseline} cannot be said."
    winners = [r for r in known if met[r.label][metric].won]
    interval = "95 % interval" if len(asked) == 1 else f"interval, 95 % for all {len(asked)} together"
    if not winners:
        return f"In {name} no loss beats {baseline}: none of {len(known)} is better with its whole {interval}."
    parts = []
    for row in winners:
        said = ""
        if unbeaten := [c.label for c in _rivals(rows, row, metric, baseline) if not _beats(row, c, metric)]:
            said += f" (but not {', '.join(unbeaten)})"
        if missing := sorted(_own_controls(row, baseline) - {r.setting for r in rows}):
            said += f" (without a result of its control{'s' * (len(missing) > 1)} {', '.join(missing)})"
        parts.append(row.label + said)
    together = "" if len(asked) == 1 else f" with the whole {interval}"
    return f"In {name} {len(winners)} of {len(known)} beat {baseline}{together}: {'; '.join(parts)}."


def _chosen(asked: Sequence[Row]) -> list[str]:
    """Of every loss with several settings, the one that is best on validation (science.md section 5)."""
    families: dict[str, list[Row]] = {}
    for row in asked:
        setting = parse_setting(row.setting)
        families.setdefault("@".join(part.name for part in (setting.loss, setting.matrix) if part), []).append(row)
    texts = []
    for family, rows in families.items():
        metrics = {metric for row in rows for metric in row.watched}
        if len(rows) < 2 or len(metrics) != 1 or not all(row.watched for row in rows):
            continue
        metric = metrics.pop()
        sign = 1 if metric in RISING else -1
        best = max(rows, key=lambda row: sign * np.mean(row.watched[metric]))
        texts.append(
            f"Of the {len(rows)} settings of {family}, {best.setting} is best on validation, by "
            f"{metric.replace('_', ' ')}: the one to choose. The best of them on the test part would be flattered."
        )
    return texts


def _rivals(rows: Sequence[Row], row: Row, metric: str, baseline: str) -> list[Row]:
    """The controls a winner must beat too: the baseline decided by cost, and S shuffled or with unit columns."""
    own = _own_controls(row, baseline)
    decoded = [r for r in rows if r.setting == baseline and r.control and metric != "accuracy"]
    return [*decoded, *(r for r in rows if r.setting in own)]


def _own_controls(row: Row, baseline: str) -> set[str]:
    return set(with_controls([row.setting])) - {row.setting, baseline}


def _beats(row: Row, control: Row, metric: str) -> bool:
    found = duel(row, control, metric)
    return found is not None and found.won


def _permutation(met: dict[str, dict[str, Duel]]) -> str:
    """The sign-flip test over seeds: its p after Holm, or how many seeds it takes before one can be small enough."""
    duels = [(label, d) for label, found in met.items() for d in found.values()]
    over = f"Holm over {len(duels)} comparison{'' if len(duels) == 1 else 's'}"
    if any(d.change.p is None for _, d in duels):
        need, fewest = duels[0][1].change.seeds_for_p, min(d.change.n for _, d in duels)
        return (
            f"A sign-flip permutation over seeds can reach p < .05 after {over} with {need} seeds or more; "
            f"there {'is 1' if fewest == 1 else f'are {fewest}'}."
        )
    adjusted = holm([float(d.change.p or 0) for _, d in duels])
    each = (f"{label} {d.metric.replace('_', ' ')} {p:.2g}" for (label, d), p in zip(duels, adjusted, strict=True))
    return f"Sign-flip permutation over seeds, p after {over}: {', '.join(each)}."


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
