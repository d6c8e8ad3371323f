"""What SimLoss compares with the labels: the blurred probabilities S p / sum(S p), and how far to trust them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.evaluation.probabilities import Chunk, checked_log_probabilities, chunks
from simviz.matrices import ClassMatrix

EVEN = 1.005  # column sums this near to each other are the same to two decimals


def blurred(log_probabilities: ArrayLike, similarity: ClassMatrix | ArrayLike) -> NDArray[np.floating]:
    """log q, q = S p / sum(S p): the probabilities that SimLoss fits to the labels.

    SimLoss is -log (S p)_y = -log q_y - log sum_c s_c p_c with the column sums s_c of S: the cross
    entropy of q, less a bonus for p on large columns. p itself is sharpened, not calibrated.

    **Limits.** q is calibrated only where the columns of S sum alike, and only for posteriors that some
    p gives: q is a mixture of the columns of S, so it is never sure of a class that has neighbours.
    Where the column sums differ, q leans to the hubs and can be wrong about the most probable class
    even where p is right: with S_ij = .3^abs(i-j) on five classes and the posterior (.43, .31, .18,
    .04, .04) the best possible p has its maximum at class 0, its q at class 1. See
    `blur_error_bound`. For a run with class weights q belongs to the reweighted labels.

    Parameters
    ----------
    log_probabilities : float16, float32 or float64, shape (N, C)
        Rows are renormalised; -inf is a probability of 0.
    similarity : ClassMatrix or array_like, shape (C, C)
        The S of the loss, row = true class; divided by its column sums where the loss did so
        (``normalize="columns"``).

    Returns
    -------
    (N, C), float64 where the input is float64, else float32

    Raises
    ------
    ValueError
        For bad rows, a distance, or an S that is not finite, has a negative entry or no positive diagonal.

    Source
    ------
    Derived from Kobs et al., ISMIS 2020, arXiv:2003.03182, equation 2; ours.

    >>> import numpy as np
    >>> np.exp(blurred(np.log([[0.8, 0.2]]), [[1.0, 0.5], [0.5, 1.0]])).round(2)
    array([[0.6, 0.4]])
    """
    values = checked_log_probabilities(log_probabilities)
    checked = checked_similarity(similarity, values.shape[1])
    out = np.empty(values.shape, dtype=np.float64 if values.dtype == np.float64 else np.float32)
    for chunk in blurred_chunks(chunks(values), checked):
        out[chunk.rows] = chunk.log_p
    return out


def blurred_chunks(pieces: Iterable[Chunk], similarity: NDArray[np.float64]) -> Iterator[Chunk]:
    """Each chunk with q in the place of p."""
    log_own = np.log(np.diagonal(similarity))
    for rows, log_p, p in pieces:
        exact = log_p.astype(np.float64)  # in float32 a p below e^-103 would vanish, and its relatives' share with it
        mass = np.exp(exact) @ similarity.T
        total = mass.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            # S p >= S_yy p_y, which holds where p has underflowed too
            log_mass = np.maximum(np.log(mass), exact + log_own)
        yield Chunk(rows, (log_mass - np.log(total)).astype(p.dtype), (mass / total).astype(p.dtype))


def column_ratio(similarity: ClassMatrix | ArrayLike) -> float:
    """The largest column sum of S over the smallest; 1 where `blurred` is calibrated."""
    sums = checked_similarity(similarity).sum(axis=0)
    return float(sums.max() / sums.min())


def blur_error_bound(similarity: ClassMatrix | ArrayLike) -> float:
    """How far `blurred` can be from a posterior that S can express, in total variation, after perfect training.

    At the best p, KL(posterior || q) <= log R with R the `column_ratio`, because the calibrated p would
    lose at most log R of the bonus; hence by Pinsker and by Bretagnolle and Huber (1979)
    min(sqrt(log(R) / 2), sqrt(1 - 1/R)). Between 0 and 1. Ours; an upper bound, rarely reached.
    """
    ratio = column_ratio(similarity)
    return float(min(np.sqrt(np.log(ratio) / 2), np.sqrt(1 - 1 / ratio)))


def blur_warning(similarity: ClassMatrix | ArrayLike) -> str | None:
    """A sentence where the column sums of S differ, with their ratio; None where they are the same."""
    ratio = column_ratio(similarity)
    if ratio < EVEN:
        return None
    return (
        f"The blurred probabilities are not calibrated: the largest column of S sums to {ratio:.2f} times the "
        f"smallest. Even after perfect training they may be wrong by up to {blur_error_bound(similarity):.2f} in total "
        "variation where S can express the posterior, in favour of classes with many relatives. Unit columns "
        "(normalize=columns) avoid this."
    )


def checked_similarity(similarity: ClassMatrix | ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """S as float64 (C, C); ValueError names what is wrong with it."""
    if isinstance(similarity, ClassMatrix):
        if similarity.kind != "similarity":
            raise ValueError("a distance was given where a similarity is needed; call .to_similarity() on it")
        similarity = similarity.values
    values = np.asarray(similarity, dtype=np.float64)
    size = len(values) if num_classes is None and values.ndim else num_classes
    if values.shape != (size, size):
        raise ValueError(f"similarity has the shape {values.shape}; ({size}, {size}) is needed")
    bad = ~np.isfinite(values) | (values < 0) | (np.eye(len(values), dtype=bool) & (values == 0))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"similarity[{row}, {column}] is {values[row, column]:g}; entries are finite and not negative, "
            "on the diagonal positive"
        )
    return values
