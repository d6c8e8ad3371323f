"""Similarity from the word vectors of the class names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import words
from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix, checked_number

KEEP = 0.02
DIGITS = 9  # cosines of float32 vectors; what differs only beyond is one tie, whatever the order of the classes


def word_similarity(
    classes: ClassSet, vectors: Any = None, lower_bound: float | None = None, keep: float | None = KEEP
) -> ClassMatrix:
    """S_ij = max(0, (s_ij - l) / (1 - l)), s the cosine of the classes' word vectors (SimLoss, Kobs et al. 2020).

    Parameters
    ----------
    classes : ClassSet
        Its `words` are looked up; see `simviz.words.resolve`.
    vectors : Vectors, gensim KeyedVectors, or a name or path as `simviz.words.load` takes it, optional
        The bundled GloVe vectors if None.
    lower_bound : float, 0 <= l < 1, optional
        Cosines up to l become 0. Not transferable between embeddings.
    keep : float, 0 <= keep <= 1
        Chooses l as the largest cosine that is not kept, where at least this share of the pairs of different classes
        is (the smallest such number of pairs). Pairs tied there stay or go together, whichever comes nearer to
        the share. Negative cosines are never kept, nor are pairs of cosine 1 ever dropped. Counts unless
        lower_bound is given.

    Returns
    -------
    ClassMatrix of kind "similarity"
        Its recipe has the lower bound, the share of pairs really kept, and how each word was resolved.

    Raises
    ------
    ValueError
        If both or neither of lower_bound and keep are given, one is out of range, or a word is missing.
    """
    if lower_bound is not None and keep not in (None, KEEP):
        raise ValueError(f"lower_bound={lower_bound} and keep={keep} are both given; give exactly one of them")
    if lower_bound is None and keep is None:
        raise ValueError("neither lower_bound nor keep is given; give one of them, e.g. keep=0.02")
    vectors = words.as_vectors(vectors)
    embedding, resolutions = words.embed(classes, vectors)
    cosines = cosine_similarity(embedding)
    pairs = cosines[np.triu_indices(len(cosines), 1)]
    if lower_bound is not None:
        bound, share = checked_number(lower_bound, "lower_bound", 0, 1, below=True), None
    else:
        share = checked_number(keep, "keep", 0, 1)
        bound = bound_for(pairs, share)
    values = np.maximum(0, (cosines - bound) / (1 - bound))
    np.fill_diagonal(values, 1)
    recipe = {
        "matrix": "words",
        "vectors": vectors.name,
        "lower_bound": bound,
        "keep": share,
        "kept": float(np.mean(pairs > bound)) if len(pairs) else 0.0,
        "words": {r.name: {"word": r.word, "tokens": list(r.tokens), "how": r.how} for r in resolutions},
    }
    return ClassMatrix(classes, values, "similarity", recipe=recipe)


def cosine_similarity(embedding: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Cosines of all pairs of rows, (C, dim) -> float64 (C, C), exactly symmetric."""
    unit = np.asarray(embedding, dtype=np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = np.clip(np.round(unit @ unit.T, DIGITS), -1, 1)
    return np.maximum(cosines, cosines.T)


def bound_for(pairs: NDArray[np.float64], keep: float) -> float:
    """The lower bound that leaves the share `keep` of the pairs' cosines above it (see `word_similarity`)."""
    wanted = math.ceil(keep * len(pairs) - 1e-9)
    levels, counts = np.unique(pairs[(pairs > 0) & (pairs < 1)], return_counts=True)
    always = int(np.sum(pairs >= 1))
    bounds = np.concatenate([[0.0], levels])  # above bounds[i] lie the levels from i on
    kept = always + np.concatenate([np.cumsum(counts[::-1])[::-1], [0]])
    error = np.abs(kept - wanted)
    return float(bounds[::-1][np.argmin(error[::-1])])  # on a draw the larger bound: fewer pairs
