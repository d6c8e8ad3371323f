"""Would deciding by cost help a model whose probabilities are known? An estimate that does not judge on what it fitted.

Temperatures are fitted on one half of the units and used on the other, both ways round, so that no sample is decided
with a temperature that it helped to fit. What is estimated is the change that the fitted temperatures bring on new
samples of the same kind: given one half's temperature, the other half's mean change is unbiased, and what couples the
two halves vanishes faster than their noise (Bayle, Bayle, Janson & Mackey 2020, "Cross-validation confidence intervals
for test error"). So units are resampled with the temperatures as they are; fitting them anew in each resample would
add the spread of temperatures that nobody is going to use. `benchmarks/gain.py` measures how often the intervals hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet
from simviz.evaluation.decoders import decode, fit_temperature
from simviz.evaluation.probabilities import checked_labels, checked_log_probabilities
from simviz.evaluation.ruler import Ruler

LEAST_UNITS = 20
RESAMPLES = 4000
CHUNK_VALUES = 2**22
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """A mean over samples before and after, and the interval of its change (after - before)."""

    before: float
    after: float
    low: float
    high: float
    level: float

    @property
    def mean(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Outcome:
    """What other decisions on the same samples bring.

    Attributes
    ----------
    cost : of the mean cost, in the ruler's unit; below 0 is better
    accuracy : of the share of right decisions; above 0 is better
    samples, units : how many there are
    changed : samples that are decided otherwise
    """

    cost: Change
    accuracy: Change
    samples: int
    units: int
    changed: int

    def sentence(self, what: str, unit: str) -> str:
        """The answer with its intervals; `what` is done ("Deciding by cost"), `unit` is the ruler's."""
        cost, accuracy = self.cost, self.accuracy
        level = f"{100 * cost.level:.3g} % interval"
        if not self.changed:
            return (
                f"{what} decides all {self.samples:,} samples as before, so it brings nothing here: mean cost "
                f"{cost.before:.3f} {unit} ({level} of the change {_number(cost.low)} to {_number(cost.high)})."
            )
        share = (
            f"Accuracy goes from {accuracy.before:.1%} to {accuracy.after:.1%}: {_number(100 * accuracy.mean, 1)} "
            f"points ({_number(100 * accuracy.low, 1)} to {_number(100 * accuracy.high, 1)})."
        )
        path = f"from {cost.before:.3f} to {cost.after:.3f} {unit}"
        low, mean, high = (_number(-v) for v in (cost.high, cost.mean, cost.low))
        if cost.high < 0:
            return f"{what} would lower the mean cost {path}: a gain of {mean} ({level} {low} to {high}). {share}"
        if cost.low > 0:
            return (
                f"{what} would raise the mean cost {path}: a loss of {_number(cost.mean)} ({level} "
                f"{_number(cost.low)} to {_number(cost.high)}). {share}"
            )
        of = "" if self.units == self.samples else f" of {self.units:,} units"
        return (
            f"Whether {what[0].lower()}{what[1:]} would lower the mean cost cannot be told from these "
            f"{self.samples:,} samples{of}: it goes {path}, a gain of {mean} ({level} {low} to {high}). {share}"
        )


@dataclass(frozen=True)
class Gain:
    """What deciding by least expected cost would bring.

    Attributes
    ----------
    outcome : against the most probable class
    temperatures : fitted on either half, each used on the other
    temperature : fitted on all samples: the one to use from now on
    impossible : samples whose true class has probability 0. No temperature repairs these: where there are any, all
        three temperatures are 1, which is p as it is
    """

    outcome: Outcome
    temperatures: tuple[float, float]
    temperature: float
    impossible: int

    def sentence(self, unit: str) -> str:
        return self.outcome.sentence("Deciding by least expected cost", unit)


def gain_by_cost(
    log_probabilities: ArrayLike,
    target: ArrayLike,
    units: ArrayLike,
    *,
    classes: ClassSet,
    ruler: Ruler,
    level: float = 0.95,
    seed: int = 0,
) -> Gain:
    """What min_cost, after a temperature fitted on other samples, would bring a model that is read by argmax now.

    Parameters
    ----------
    log_probabilities : float (N, C), natural logarithm; of samples that the model was not trained on
    target : int (N,)
    units : (N,)
        Samples with an equal entry belong together: in one half, and in the intervals.
    classes : ClassSet
    ruler : Ruler
    level : of the intervals
    seed : of the halves and of the resampling

    Raises
    ------
    ValueError
        As `decode`; and, in a sentence to be shown, where there is nothing to estimate: a single class, decisions
        without probabilities, a ruler that tells no mistakes apart, no mistakes, fewer than 20 units.

    Source
    ------
    Minimum expected cost after temperature scaling: Karthik et al., ICLR 2021. The estimate: ours, see the module.
    """
    values = checked_log_probabilities(log_probabilities, len(classes))
    labels = checked_labels(target, len(classes), count=len(values))
    at = np.unique(np.asarray(units), return_inverse=True)[1]
    _check_probabilities(values, labels, classes)
    _check_ruler(ruler, classes)
    before = decode(values, classes=classes)
    if (before == labels).all():
        raise ValueError(f"Not one of these {len(values):,} samples is decided wrongly: there is no cost to lower.")
    check_units(at)
    impossible = int(np.isneginf(values[np.arange(len(values)), labels]).sum())
    after = np.empty_like(before)
    found = []
    parts = halves(at, labels, seed)
    for fit, asked in (parts, parts[::-1]):
        found.append(1.0 if impossible else fit_temperature(values[fit], labels[fit]))
        after[asked] = decode(values[asked], "min_cost", classes=classes, ruler=ruler, temperature=found[-1])
    return Gain(
        outcome(labels, before, after, at, classes=classes, ruler=ruler, level=level, seed=seed),
        (found[0], found[1]),
        1.0 if impossible else fit_temperature(values, labels),
        impossible,
    )


def check_units(units: ArrayLike) -> None:
    """ValueError, in a sentence to be shown, where (N,) units are too few to fit on one half and judge by the other."""
    apart = len(np.unique(np.asarray(units)))
    if apart < LEAST_UNITS:
        raise ValueError(
            f"{np.size(units):,} samples of {apart} units are too few to tell: what is fitted on one half of the units "
            f"is judged by the other, and that needs at least {LEAST_UNITS}."
        )


def outcome(
    target: Rows,
    before: Rows,
    after: Rows,
    units: ArrayLike,
    *,
    classes: ClassSet,
    ruler: Ruler,
    level: float = 0.95,
    seed: int = 0,
) -> Outcome:
    """Mean cost and accuracy of two decisions on the same samples, and what changes.

    Parameters
    ----------
    target, before, after : int64 (N,), class indices
    units : (N,)
    level, seed : see `change`
    """
    distance = ruler.distance_for(classes)
    cost = change(distance[target, before], distance[target, after], units, most=distance.max(), level=level, seed=seed)
    accuracy = change(before == target, after == target, units, most=1, level=level, seed=seed)
    apart = len(np.unique(np.asarray(units)))
    return Outcome(cost, accuracy, len(target), apart, int((before != after).sum()))


def change(
    before: ArrayLike, after: ArrayLike, units: ArrayLike, *, most: float, level: float = 0.95, seed: int = 0
) -> Change:
    """The mean of after - before over samples, with an interval over resampled units.

    With S_u the sum of after - before over the n_u samples of unit u, the interval is that of

        (sum_u g_u S_u + (h - h') m) / (sum_u g_u n_u + (h + h') n),   g_u ~ Gamma(1), h and h' ~ Gamma(1/2)

    from the (1 - level) / 2 to the (1 + level) / 2 quantile: units weighted at random (Rubin 1981, the Bayesian
    bootstrap), where drawing them with replacement would often draw none of the few that change. Of changes yet unseen
    speaks half a unit more in either direction, of the mean size n, that changes by m, the largest |S_u| seen, as
    Agresti and Min (2005) add half an observation to each cell of matched pairs: without it, nothing changed would
    be an interval of width 0. It adds m^2 to the variance of the numerator.

    Parameters
    ----------
    before, after : real or bool (N,)
    units : (N,)
    most : the largest |after - before| a sample can have, for m where no unit changes
    level : between 0 and 1
    seed : of the weights

    Raises
    ------
    ValueError
        No samples, other lengths, values that are not finite, or a level outside 0 ... 1.

    Source
    ------
    Rubin 1981, "The Bayesian bootstrap"; Agresti and Min 2005, "Simple improved confidence intervals for comparing
    matched proportions"; their combination is ours.

    >>> found = change([1, 0, 1, 0] * 25, [0, 0, 1, 0] * 25, range(100), most=1)
    >>> found.before, found.after, found.low < found.mean < found.high < 0
    (0.5, 0.25, True)
    """
    a, b, names = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64), np.asarray(units)
    if a.ndim != 1 or not len(a) or a.shape != b.shape or a.shape != names.shape:
        raise ValueError(
            f"before, after and units have the shapes {a.shape}, {b.shape}, {names.shape}; one of each "
            "a sample is needed"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a value before or after is not finite; leave such samples out on both sides, and say so")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it lies between 0 and 1, e.g. 0.95")
    at = np.unique(names, return_inverse=True)[1]
    sums, sizes = np.bincount(at, b - a), np.bincount(at).astype(np.float64)
    largest = np.abs(sums).max() or most * sizes.mean()
    # units alike need one weight together: a sum of k Gamma(1) is Gamma(k)
    alike, times = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    table = np.concatenate([alike, [[largest, sizes.mean()], [-largest, sizes.mean()]]])
    shape = np.concatenate([times, [0.5, 0.5]])
    random, step = np.random.default_rng(seed), max(1, CHUNK_VALUES // len(shape))
    drawn = []
    for start in range(0, RESAMPLES, step):
        total = random.standard_gamma(shape, (min(step, RESAMPLES - start), len(shape))) @ table
        drawn.append(total[:, 0] / total[:, 1])
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Change(float(a.mean()), float(b.mean()), float(low), float(high), level)


def halves(units: ArrayLike, target: ArrayLike, seed: int = 0) -> tuple[Rows, Rows]:
    """Two sets of row indices with no unit in common: of every class, half of its units in each.

    A unit counts for the class of its first sample. A class of one unit is in one of the halves only.

    Parameters
    ----------
    units, target : (N,)
    seed : of the draw

    Returns
    -------
    two int64 arrays, ascending, together 0 ... N - 1
    """
    names, labels = np.asarray(units), np.asarray(target)
    known, first, at = np.unique(names, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(known))
    order = order[np.argsort(labels[first[order]], kind="stable")]
    side = np.empty(len(known), dtype=bool)
    side[order] = np.arange(len(known)) % 2 == 1  # alternating within each class, and on across classes
    right = side[at]
    return np.flatnonzero(~right), np.flatnonzero(right)


def _check_probabilities(values: NDArray[np.floating], labels: Rows, classes: ClassSet) -> None:
    """ValueError, in a sentence to be shown, where these samples cannot tell what a decision by cost brings."""
    if not len(values):
        raise ValueError("There are no samples to judge by.")
    if len(classes) == 1:
        raise ValueError("There is a single class: no other decision is possible.")
    if (np.isneginf(values).sum(axis=1) == len(classes) - 1).all():
        raise ValueError(
            "Only the decided class of each sample is known. Deciding by cost needs a probability for every class; "
            "give a file that has them."
        )
    if (labels == labels[0]).all():
        raise ValueError(
            f"All {len(values):,} samples are of the class {classes.names[labels[0]]!r}: what deciding by cost would "
            "bring on the others cannot be seen."
        )


def _check_ruler(ruler: Ruler, classes: ClassSet) -> None:
    distance = ruler.distance_for(classes)
    apart = distance[~np.eye(len(classes), dtype=bool)]
    if np.ptp(apart) == 0 and not distance.diagonal().any():
        raise ValueError(
            f"Under the ruler {ruler.name} every mistake costs the same, so the class of least expected cost is the "
            "most probable one, whatever the temperature: deciding by cost changes nothing. Choose a ruler that tells "
            "mistakes apart."
        )


def _number(value: float, digits: int = 3) -> str:
    """A change in words, with no minus before 0."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
