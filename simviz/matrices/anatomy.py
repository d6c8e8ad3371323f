"""What a similarity matrix will do to a loss, read off before training.

SimLoss does not normalise S, and -log (S p)_y = CE of the normalised S p - log sum_c s_c p_c with the column sums s_c:
it pays a bonus for mass on classes with large column sums, the hubs. Everything here is about that, and about
whether the matrix is what it is taken for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.matrices.core import ClassMatrix

Floats = NDArray[np.float64]

OPTIMAL_LEAVES = 500
TRIANGLE_CLASSES = 400  # 64 million triples, about 0.2 s
_TOLERANCE = 1e-5  # of float32 entries of size 1, after a few operations
_STEPS = 200


@dataclass(frozen=True)
class Anatomy:
    """Measures and checks of one matrix; a distance is measured as `to_similarity()` where S is meant.

    Attributes
    ----------
    names, kind : of the matrix
    column_sums : float64 (C,), s_c = sum_y S_yc, the diagonal's 1 included
    effective_neighbours : float64 (C,), exp(-sum_c q_c log q_c) with q the row of S divided by its sum;
        1 where a class is like itself alone, C where it is like all classes alike
    uninformed : float64 (C,), see `uninformed_prediction`
    effective_classes : float, exp of the entropy of `uninformed`; C for cross entropy
    nonzero_share : float, share of the off-diagonal entries of S above zero; 0 with one class
    symmetric : bool
    diagonal_max : bool, no two different classes are as near as a class is to itself
    unit_range : bool, every entry of the matrix lies in [0, 1]
    positive_semidefinite : bool, of (S + S^T)/2; then S is a kernel
    smallest_eigenvalue : float, of (S + S^T)/2
    rank : int, numerical rank of S
    triangle_violations : int, ordered triples of different classes with D_ik > D_ij + D_jk
    triangle_triples : int, ordered triples looked at
    triangle_exact : bool, false where only 400 classes, evenly spread over the list, were looked at
    """

    names: tuple[str, ...]
    kind: str
    column_sums: Floats
    effective_neighbours: Floats
    uninformed: Floats
    effective_classes: float
    nonzero_share: float
    symmetric: bool
    diagonal_max: bool
    unit_range: bool
    positive_semidefinite: bool
    smallest_eigenvalue: float
    rank: int
    triangle_violations: int
    triangle_triples: int
    triangle_exact: bool

    def hubs(self, count: int = 4) -> list[tuple[str, float]]:
        """The classes of largest column sums with those sums, largest first."""
        order = np.argsort(-self.column_sums, kind="stable")[:count]
        return [(self.names[i], float(self.column_sums[i])) for i in order]


def measure(matrix: ClassMatrix) -> Anatomy:
    """Measure a matrix; about a second at 1,000 classes.

    Parameters
    ----------
    matrix : ClassMatrix of either kind
    """
    similarity = matrix.to_similarity().values.astype(np.float64)
    off = ~np.eye(len(matrix), dtype=bool)
    eigenvalues = np.linalg.eigvalsh((similarity + similarity.T) / 2)
    singular = np.linalg.svd(similarity, compute_uv=False)
    drawn = uninformed_prediction(similarity)
    violations, triples, exact = triangle_violations(matrix.to_distance().values)
    self_value, reaches = (1, np.greater_equal) if matrix.kind == "similarity" else (0, np.less_equal)
    return Anatomy(
        names=matrix.names,
        kind=matrix.kind,
        column_sums=similarity.sum(axis=0),
        effective_neighbours=perplexity(similarity / similarity.sum(axis=1, keepdims=True)),
        uninformed=drawn,
        effective_classes=float(perplexity(drawn)),
        nonzero_share=float(np.mean(similarity[off] > 0)) if off.any() else 0.0,
        symmetric=matrix.symmetric,
        diagonal_max=not bool(reaches(matrix.values[off], self_value).any()),
        unit_range=bool((matrix.values <= 1).all()),
        positive_semidefinite=bool(eigenvalues[0] >= -_TOLERANCE * max(1, eigenvalues[-1])),
        smallest_eigenvalue=float(eigenvalues[0]),
        rank=int(np.sum(singular > _TOLERANCE * singular[0])),
        triangle_violations=violations,
        triangle_triples=triples,
        triangle_exact=exact,
    )


def uninformed_prediction(values: ArrayLike) -> Floats:
    """argmin_p -1/C sum_y log (S p)_y, the constant prediction SimLoss likes best when every class is as frequent.

    It is where a network is drawn that has not learnt to tell the classes apart: uniform for cross entropy, and for
    a circulant S; on few classes where S has hubs. 200 steps of the multiplicative update
    p_j <- p_j/C sum_y S_yj / (S p)_y (expectation-maximisation of mixture weights; each step lowers the loss). Ours.

    Parameters
    ----------
    values : array_like (C, C), finite, not negative, with a positive diagonal

    Returns
    -------
    ndarray, float64 (C,), sums to 1
    """
    s = np.asarray(values, dtype=np.float64)
    p = np.full(len(s), 1 / len(s))
    for _ in range(_STEPS):
        p *= (1 / np.maximum(s @ p, np.finfo(float).tiny)) @ s / len(s)
    return p / p.sum()


def split_simloss(values: ArrayLike, log_probabilities: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
    """SimLoss as two parts: -log (S p)_y = blurred - bonus.

    blurred = -log((S p)_y / sum_k (S p)_k), the cross entropy of S p normalised to sum 1; bonus = log sum_c s_c p_c
    with the column sums s_c, what mass on hubs is paid. With columns of sum 1 the bonus is 0.

    Parameters
    ----------
    values : array_like (C, C), finite, not negative, with a positive diagonal
    log_probabilities : array_like (N, C), -inf allowed
    target : array_like of int (N,), in 0 .. C-1

    Returns
    -------
    blurred, bonus : ndarray, float64 (N,), in nats

    Raises
    ------
    ValueError
        If the shapes do not fit, or a target is no class.
    """
    s, log_p = np.asarray(values, dtype=np.float64), np.asarray(log_probabilities, dtype=np.float64)
    y = np.asarray(target)
    count = len(s)
    if s.shape != (count, count) or log_p.ndim != 2 or log_p.shape[1] != count or y.shape != log_p.shape[:1]:
        raise ValueError(f"values {s.shape}, log_probabilities {log_p.shape} and target {y.shape} do not fit together")
    if y.size and not (np.issubdtype(y.dtype, np.integer) and y.min() >= 0 and y.max() < count):
        raise ValueError(f"target has values outside 0 .. {count - 1}, or values that are not whole numbers")
    with np.errstate(divide="ignore"):
        log_s, log_sums = np.log(s), np.log(s.sum(axis=0))
    bonus = np.logaddexp.reduce(log_sums + log_p, axis=1)
    return bonus - np.logaddexp.reduce(log_s[y] + log_p, axis=1), bonus


def triangle_violations(distance: ArrayLike, limit: int = TRIANGLE_CLASSES) -> tuple[int, int, bool]:
    """How often the way through a third class is shorter: D_ik > D_ij + D_jk.

    Parameters
    ----------
    distance : array_like (C, C)
    limit : int
        With more classes, only this many, evenly spread over the list, are looked at.

    Returns
    -------
    violations, triples : int, ordered triples of different classes
    exact : bool, whether all classes were looked at
    """
    d = np.asarray(distance, dtype=np.float32)
    exact = len(d) <= limit
    if not exact:
        some = np.linspace(0, len(d) - 1, limit).astype(int)
        d = d[np.ix_(some, some)]
    slack = _TOLERANCE * max(1.0, float(d.max(initial=0)))
    count = len(d)
    # i = j or j = k never violates (D_jj = 0); i = k never does either (D_ii = 0), so they need no mask
    violations = sum(int(np.count_nonzero(d > d[:, j, None] + d[None, j, :] + slack)) for j in range(count))
    return violations, count * (count - 1) * (count - 2), exact


def order_violations(distance: ArrayLike, positions: ArrayLike, period: float | None = None) -> tuple[int, int]:
    """How often a class is nearer than the one before it on the way along the scale, away from the true class.

    From every true class the others are passed in both directions, around the circle for half a period each, the
    one exactly opposite in one of them. An order, whatever its spacing, has none.

    Parameters
    ----------
    distance : array_like (C, C), row = true class
    positions : array_like (C,), distinct
    period : float, length of the circle if the scale closes on itself

    Returns
    -------
    violations, steps : int
        Of all steps from one class to the next, those that come nearer: D_ik < D_ij.
    """
    d, x = np.asarray(distance, dtype=np.float64), np.asarray(positions, dtype=np.float64)
    slack = _TOLERANCE * max(1.0, float(d.max(initial=0)))
    violations = steps = 0
    for row, here in zip(d, x, strict=True):
        away = x - here
        if period is not None:
            away = (away + period / 2) % period - period / 2
        for side in (away > 0, away < 0):
            met = row[side][np.argsort(np.abs(away[side]), kind="stable")]
            violations += int(np.count_nonzero(np.diff(met) < -slack))
            steps += max(len(met) - 1, 0)
    return violations, steps


def nearest(matrix: ClassMatrix, k: int = 5) -> list[list[tuple[str, float]]]:
    """For every class the k others most like it (row = the class) with the matrix's entries, nearest first.

    Ties are in class order. ValueError if k is not positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    far = matrix.values.astype(np.float64) * (-1 if matrix.kind == "similarity" else 1)
    np.fill_diagonal(far, np.inf)
    order = np.argsort(far, axis=1, kind="stable")[:, : min(k, len(matrix) - 1)]
    return [[(matrix.names[j], float(matrix.values[i, j])) for j in row] for i, row in enumerate(order)]


def tree(matrix: ClassMatrix) -> Floats:
    """Average-linkage tree of the classes by (D + D^T)/2, its leaves in optimal order (Bar-Joseph et al. 2001).

    Returns
    -------
    ndarray, float64 (C-1, 4)
        SciPy's linkage format, as its `dendrogram` takes it. 0.3 to 5 s at 1,000 classes.
    """
    if len(matrix) < 2:
        return np.zeros((0, 4))
    from scipy.cluster.hierarchy import linkage, optimal_leaf_ordering

    condensed = _condensed(matrix)
    merged = linkage(condensed, "average")
    if _constant(condensed):  # every order is optimal: leave the classes where they are
        return merged
    return optimal_leaf_ordering(merged, condensed)


def leaf_order(matrix: ClassMatrix) -> list[int]:
    """Class indices in the order of the tree's leaves, so that like classes lie side by side.

    A matrix with one value off the diagonal keeps the order of the classes. Above 500 classes the leaves are in the
    order of the merges: the optimal one takes up to 20 s at 1,000 classes where many distances are equal.
    """
    condensed = _condensed(matrix)
    if _constant(condensed):
        return list(range(len(matrix)))
    from scipy.cluster.hierarchy import leaves_list, linkage

    found = tree(matrix) if len(matrix) <= OPTIMAL_LEAVES else linkage(condensed, "average")
    return leaves_list(found).tolist()


def class_map(matrix: ClassMatrix) -> tuple[Floats, float]:
    """The classes as points in the plane, by classical multidimensional scaling (Torgerson 1952).

    The two leading eigenvectors of B = -1/2 J D^2 J, J = I - 11^T/C, D = (D + D^T)/2, times the roots of their
    eigenvalues; an eigenvalue that is not positive gives 0. Each axis points to where its largest entry is positive.

    Returns
    -------
    points : ndarray, float64 (C, 2), in the units of D
    shown : float
        Share of the sum of positive eigenvalues in these two; 1 if the plane shows D exactly.
    """
    d = matrix.to_distance().values.astype(np.float64)
    squares = ((d + d.T) / 2) ** 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean()
    eigenvalues, vectors = np.linalg.eigh(-centred / 2)
    positive = np.maximum(eigenvalues[::-1], 0)
    points = np.zeros((len(d), 2))
    for axis in range(min(2, len(d))):
        vector = vectors[:, -1 - axis]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        points[:, axis] = vector * np.sqrt(positive[axis])
    total = positive.sum()
    return points, float(positive[:2].sum() / total) if total > 0 else 1.0


def _condensed(matrix: ClassMatrix) -> Floats:
    d = matrix.to_distance().values.astype(np.float64)
    return ((d + d.T) / 2)[np.triu_indices(len(d), 1)]


def _constant(condensed: Floats) -> bool:
    return bool((condensed == condensed[:1]).all())


def perplexity(p: Floats) -> Floats:
    """exp of the entropy along the last axis."""
    return np.exp(-np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1))
