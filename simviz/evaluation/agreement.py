"""How far two distances between the same classes agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pairs(distance: ArrayLike) -> Floats:
    """The distances of all unordered pairs of different classes, (C (C-1) / 2,), of (D + D^T) / 2.

    ValueError for a matrix that is not square or not finite.
    """
    d = np.asarray(distance, dtype=np.float64)
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise ValueError(f"a distance has the shape (C, C), not {d.shape}")
    if not np.isfinite(d).all():
        raise ValueError(f"the distance has {int((~np.isfinite(d)).sum())} entries that are not finite")
    return ((d + d.T) / 2)[np.triu_indices(len(d), 1)]


def spearman(a: ArrayLike, b: ArrayLike) -> float | None:
    """Spearman's rank correlation over the pairs of classes of two distances (C, C); ties share their mean rank.

    None where one of them has a single value, or there are fewer than three classes.

    >>> spearman([[0, 1, 2], [1, 0, 3], [2, 3, 0]], [[0, 2, 4], [2, 0, 9], [4, 9, 0]])
    1.0
    """
    x, y = _ranks(*_pair(a, b))
    return None if x is None or y is None else round(float(x @ y), 12)


@dataclass(frozen=True)
class Mantel:
    """Agreement and how often chance reaches it.

    Attributes
    ----------
    rho : Spearman's rank correlation over pairs of classes
    p : share of permutations of the class names, the identity among them, that agree at least as well
    permutations : how many were drawn; the smallest p is 1 / (permutations + 1)
    """

    rho: float
    p: float
    permutations: int


def mantel(a: ArrayLike, b: ArrayLike, permutations: int = 999, seed: int = 0) -> Mantel | None:
    """One-sided Mantel test (1967) of two distances (C, C): are near classes of one near in the other?

    Rows and columns of `b` are permuted together, because the pairs of one class are not independent.
    None where `spearman` is.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1")
    x, y = _ranks(*_pair(a, b))
    if x is None or y is None:
        return None
    count = len(np.asarray(b))
    rows, columns = np.triu_indices(count, 1)
    square = np.zeros((count, count))
    square[rows, columns] = square[columns, rows] = y
    rho, reached = float(x @ y), 1
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        order = rng.permutation(count)
        reached += float(x @ square[order[rows], order[columns]]) >= rho - 1e-12
    return Mantel(round(rho, 12), reached / (permutations + 1), permutations)


def cophenetic_correlation(a: ArrayLike, b: ArrayLike) -> float | None:
    """Pearson's correlation of the cophenetic distances of two trees over the same classes.

    Parameters
    ----------
    a, b : SciPy linkages, (C-1, 4), as `matrices.anatomy.tree` gives them

    Returns
    -------
    float, or None where all pairs of a tree join at one height
    """
    from scipy.cluster.hierarchy import cophenet

    x, y = (_unit(cophenet(np.asarray(tree, dtype=np.float64))) for tree in (a, b))
    return None if x is None or y is None else float(x @ y)


def procrustes(points: ArrayLike, reference: ArrayLike) -> Floats:
    """Points (C, d) rotated, mirrored and shifted onto reference points (C, d) as closely as possible.

    Their size is kept. Orthogonal Procrustes, Schoenemann 1966.
    """
    x, y = np.asarray(points, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 2:
        raise ValueError(f"points have the shape {x.shape}, the reference {y.shape}; they must be the same (C, d)")
    centred = x - x.mean(0)
    left, _, right = np.linalg.svd(centred.T @ (y - y.mean(0)))
    return centred @ left @ right + y.mean(0)


def collapsed(distance: ArrayLike, tolerance: float = 1e-4) -> bool:
    """Whether all pairs of classes are equally far apart, up to `tolerance` of the largest distance."""
    d = pairs(distance)
    return bool(len(d) == 0 or np.ptp(d) <= tolerance * max(float(np.abs(d).max()), 1e-12))


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    x, y = pairs(a), pairs(b)
    if len(x) != len(y):
        raise ValueError(f"the distances have {len(np.asarray(a))} and {len(np.asarray(b))} classes")
    return x, y


def _ranks(*values: Floats) -> list[Floats | None]:
    from scipy.stats import rankdata

    return [_unit(rankdata(v)) for v in values]


def _unit(values: Floats) -> Floats | None:
    """Centred, of length 1; None for a constant."""
    if len(values) < 3 or np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return None
    centred = values - values.mean()
    return centred / np.linalg.norm(centred)
