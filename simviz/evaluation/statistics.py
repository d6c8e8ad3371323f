"""Is a difference real? Over seeds, over samples, over units (samples of one unit are not independent).

Every function that draws random numbers takes a seed and gives the same answer for the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
EXACT_FLIPS = 16  # up to here all 2^n sign patterns are counted
SAMPLED_FLIPS = 10_000
CHUNK_VALUES = 2**22


@dataclass(frozen=True)
class Interval:
    """A mean and its interval; `low` and `high` are None where `n` values allow none."""

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float


@dataclass(frozen=True)
class SeedDifference:
    """What `paired_over_seeds` found.

    Attributes
    ----------
    mean, low, high, level : the mean of a - b and its t interval (None for a single seed)
    n : number of seeds
    p : sign-flip p, or None where this few seeds cannot reach significance
    smallest_p : the smallest p that n seeds can give, 2/2^n
    seeds_for_p : how many seeds a p needs at this level and number of comparisons
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float
    p: float | None
    smallest_p: float
    seeds_for_p: int


@dataclass(frozen=True)
class McNemar:
    """Samples that only the first (`only_a`), or only the second, gets right; the difference of accuracies; p."""

    only_a: int
    only_b: int
    difference: float
    n: int
    p: float


@dataclass(frozen=True)
class Permutation:
    """The mean of a - b over samples, its permutation p and the smallest p that was reachable."""

    difference: float
    p: float
    smallest_p: float
    samples: int
    units: int


@dataclass(frozen=True)
class Bootstrap:
    """A mean over samples and its percentile interval over resampled units (and seeds)."""

    mean: float
    low: float
    high: float
    level: float
    units: int
    seeds: int


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean and Student t interval, mean +- t_{n-1} s / sqrt(n), of independent values, shape (n,).

    A single value has no interval. ValueError for no value, or one that is not finite.
    """
    x = _finite(values, "values")
    _check_level(level)
    mean = float(x.mean())
    if len(x) < 2:
        return Interval(mean, None, None, len(x), level)
    half = _t_quantile(level, len(x)) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return Interval(mean, mean - half, mean + half, len(x), level)


def paired_over_seeds(
    a: ArrayLike, b: ArrayLike, *, level: float = 0.95, comparisons: int = 1, seed: int = 0
) -> SeedDifference:
    """The mean of a_s - b_s over seeds s, its t interval, and an exact sign-flip p where one is possible.

    Under "no difference" every difference could as well have the other sign: p is the share of the
    2^n sign patterns whose mean is at least as far from 0 (all of them for n <= 16; 10,000 sampled
    ones, plus the observed, above). Its smallest value is 2/2^n: .25 at 3 seeds, .0625 at 5.

    Parameters
    ----------
    a, b : float, shape (n,)
        One number a seed, the same seed at the same place.
    comparisons : int
        How many comparisons Holm's correction will run over; p is None unless the smallest reachable
        p, times this, is at most 1 - level (6 seeds for one comparison at 95 %, 8 for four).

    Raises
    ------
    ValueError
        For lengths that differ, no seeds, or a value that is not finite.
    """
    first, second = _pair(a, b)
    if comparisons < 1:
        raise ValueError(f"comparisons is {comparisons}; at least one is made")
    differences = first - second
    n = len(differences)
    interval = mean_interval(differences, level)
    needed = math.ceil(1 + math.log2(comparisons / (1 - level)) - 1e-9)
    p, smallest = _sign_flip(differences, SAMPLED_FLIPS, seed)
    return SeedDifference(
        interval.mean, interval.low, interval.high, n, level, p if n >= needed else None, smallest, needed
    )


def seeds_needed(differences: ArrayLike, level: float = 0.95) -> int | None:
    """About how many seeds would resolve the observed mean difference.

    The smallest n with t_{n-1} s / sqrt(n) < |mean|. It takes mean and spread of `differences`, shape
    (at least 2,), for the truth, so at n seeds the interval excludes 0 in about half of all
    repetitions. None where the mean is 0. (Ours.)
    """
    x = _finite(differences, "differences")
    _check_level(level)
    if len(x) < 2:
        raise ValueError(f"{len(x)} difference; at least 2 seeds are needed to see a spread")
    mean, spread = abs(float(x.mean())), float(x.std(ddof=1))
    if mean == 0:
        return None
    resolved = lambda n: _t_quantile(level, n) * spread < mean * math.sqrt(n)  # noqa: E731
    high = 2
    while not resolved(high):
        high *= 2
    low = high // 2
    while high - low > 1:  # resolved(high), not resolved(low), and the ratio only falls with n
        middle = (low + high) // 2
        low, high = (low, middle) if resolved(middle) else (middle, high)
    return high


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Exact McNemar test of two accuracies on the same samples.

    Two-sided binomial test of the samples that exactly one of the two gets right, against 1/2 (the exact
    p, not the mid-p: never too small). Takes samples for independent; where they share units use
    `paired_permutation` with 0/1 costs. Source: McNemar 1947.

    Parameters
    ----------
    correct_a, correct_b : bool, shape (N,)
    """
    from scipy.special import bdtr

    a, b = np.asarray(correct_a), np.asarray(correct_b)
    for name, values in (("correct_a", a), ("correct_b", b)):
        if values.dtype != bool or values.ndim != 1 or not len(values):
            raise ValueError(
                f"{name} is {values.dtype} of shape {values.shape}; booleans of shape (samples,) are needed"
            )
    if len(a) != len(b):
        raise ValueError(f"correct_a has {len(a)} samples and correct_b {len(b)}; they must be the same samples")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5))) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, (only_a - only_b) / len(a), len(a), p)


def paired_permutation(
    cost_a: ArrayLike, cost_b: ArrayLike, units: ArrayLike, n: int = SAMPLED_FLIPS, *, seed: int = 0
) -> Permutation:
    """Sign-flip test of the mean of cost_a - cost_b, where all samples of one unit flip together.

    All patterns for at most 16 units that differ, else `n` sampled ones and the observed:
    p = (1 + #{|flipped| >= |observed|}) / (1 + n).

    Parameters
    ----------
    cost_a, cost_b : float, shape (N,)
        The cost of each sample under the two models.
    units : shape (N,)
        Samples with an equal entry belong together.
    """
    a, b = _pair(cost_a, cost_b)
    at, count = _unit_index(units, len(a))
    sums = np.bincount(at, a - b, count).astype(np.float64)
    p, smallest = _sign_flip(sums, n, seed)
    return Permutation(float((a - b).mean()), p, smallest, len(a), count)


def cluster_bootstrap(
    values: ArrayLike, units: ArrayLike, n: int = 2000, *, level: float = 0.95, seed: int = 0
) -> Bootstrap:
    """Percentile interval of the mean of `values`, shape (N,), when whole units are drawn with replacement.

    Each resample is the ratio of summed values to summed samples of the drawn units. For a paired difference give
    the differences. With fewer than about 20 units it is too narrow. Source: Davison & Hinkley
    1997, section 3.8.
    """
    return two_level_bootstrap([values], units, n, level=level, seed=seed)


def two_level_bootstrap(
    values: Sequence[ArrayLike], units: ArrayLike, n: int = 2000, *, level: float = 0.95, seed: int = 0
) -> Bootstrap:
    """Percentile interval of a mean over seeds and samples: seeds and units are both drawn with replacement.

    Parameters
    ----------
    values : sequence of float arrays, each of shape (N,)
        One array a training seed, on the same N samples (for a paired difference: the differences).
    units : shape (N,)
        The unit of each sample, common to all seeds, so the two levels are crossed.
    n : int
        Resamples.

    Notes
    -----
    A single seed leaves the interval over units alone (`seeds` in the result says so). With S seeds the
    seeds' share of the variance comes out (S - 1)/S of its size: see the t interval over seeds
    beside it.
    """
    runs = [_finite(v, f"values of seed {s}") for s, v in enumerate(values)]
    _check_level(level)
    if not runs or any(len(r) != len(runs[0]) for r in runs):
        raise ValueError(f"the seeds have {[len(r) for r in runs]} samples; all need the same, and at least one seed")
    if n < 1:
        raise ValueError(f"n is {n}; at least one resample is needed")
    at, count = _unit_index(units, len(runs[0]))
    sums = np.stack([np.bincount(at, r, count) for r in runs], axis=1)
    sizes = np.bincount(at, minlength=count).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = []
    for times in _drawn(rng, n, count):
        drawn_seeds = rng.integers(0, len(runs), (len(times), len(runs)))
        total = np.take_along_axis(times @ sums, drawn_seeds, axis=1).mean(axis=1)
        means.append(total / (times @ sizes))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Bootstrap(float(sums.sum() / (sizes.sum() * len(runs))), float(low), float(high), level, count, len(runs))


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjusted p values, any shape: those at most q are a set with at most a share q of false discoveries expected.

    min_{j >= i} m p_(j) / j over ascending p, at most 1; for independent or positively dependent tests
    (Benjamini & Hochberg 1995).
    """
    flat, order = _ascending(p)
    m = len(flat)
    scaled = flat[order] * m / np.arange(1, m + 1)
    return _back(np.minimum.accumulate(scaled[::-1])[::-1], order, p)


def holm(p: ArrayLike) -> Floats:
    """Adjusted p values, any shape: those at most alpha keep the chance of any false one below alpha.

    max_{j <= i} (m - j + 1) p_(j) over ascending p, at most 1; for any dependence (Holm 1979).
    """
    flat, order = _ascending(p)
    m = len(flat)
    return _back(np.maximum.accumulate(flat[order] * np.arange(m, 0, -1)), order, p)


def _sign_flip(differences: Floats, n: int, seed: int) -> tuple[float, float]:
    """Two-sided p of the sum under sign flips, and the smallest p that could have come out."""
    if n < 1:
        raise ValueError(f"n is {n}; at least one sampled sign pattern is needed")
    observed = abs(float(differences.sum()))
    reach = observed - 1e-9 * float(np.abs(differences).sum())  # equal sums may differ by rounding
    moving = differences[differences != 0] if len(differences) > EXACT_FLIPS else differences
    if len(moving) <= EXACT_FLIPS:
        sums = np.zeros(1)
        for d in moving:
            sums = np.concatenate([sums + d, sums - d])
        return float((np.abs(sums) >= reach).mean()), min(1.0, 2 / len(sums))
    rng = np.random.default_rng(seed)
    extreme = 0
    for rows in _pieces(n, len(moving)):
        bits = np.frombuffer(rng.bytes(rows * -(-len(moving) // 8)), np.uint8).reshape(rows, -1)
        plus = np.unpackbits(bits, axis=1, count=len(moving)).astype(np.float64) @ moving
        extreme += int((np.abs(2 * plus - moving.sum()) >= reach).sum())
    return (1 + extreme) / (1 + n), 1 / (1 + n)


def _drawn(rng: np.random.Generator, n: int, units: int) -> Iterator[Floats]:
    """How many times each unit is drawn in each of n resamples: rows of shape (units,)."""
    for rows in _pieces(n, units):
        at = rng.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(at.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def _pieces(n: int, width: int) -> Iterator[int]:
    step = max(1, CHUNK_VALUES // width)
    for start in range(0, n, step):
        yield min(step, n - start)


def _unit_index(units: ArrayLike, n: int) -> tuple[NDArray[np.intp], int]:
    values = np.asarray(units)
    if values.shape != (n,):
        raise ValueError(f"units has the shape {values.shape} for {n} samples")
    names, at = np.unique(values, return_inverse=True)
    return at, len(names)


def _finite(values: ArrayLike, what: str) -> Floats:
    x = np.array([np.nan if v is None else v for v in values] if isinstance(values, list | tuple) else values, float)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"{what} has the shape {x.shape}; at least one number in a row is needed")
    if not np.isfinite(x).all():
        at = int(np.argmin(np.isfinite(x)))
        raise ValueError(f"{what} has {x[at]} at {at}; leave such a seed or sample out on both sides, and say so")
    return x


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = _finite(a, "a"), _finite(b, "b")
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} entries and b {len(second)}; pairs are needed")
    return first, second


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it lies between 0 and 1, e.g. 0.95")


def _t_quantile(level: float, n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + level) / 2))


def _ascending(p: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    flat = np.asarray(p, dtype=np.float64).ravel()
    bad = ~((flat >= 0) & (flat <= 1))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"p value {at} is {flat[at]}; it lies in 0..1 (leave untested cells out)")
    return flat, np.argsort(flat, kind="stable")


def _back(adjusted: Floats, order: NDArray[np.intp], p: ArrayLike) -> Floats:
    out = np.empty(len(order))
    out[order] = np.minimum(adjusted, 1)
    return out.reshape(np.shape(p))
