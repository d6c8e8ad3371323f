"""From a setting's matrix part to a ClassMatrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix, checked_number
from simviz.matrices.groups import groups
from simviz.matrices.order import class_order
from simviz.matrices.positions import positions
from simviz.matrices.words import word_similarity
from simviz.settings import MATRIX_FILES, Part, parse_part


@dataclass(frozen=True)
class Builder:
    """A builder of the grammar: its name, its options, and what it builds."""

    name: str
    kind: str
    options: tuple[str, ...]
    summary: str
    make: Callable[..., ClassMatrix]


_BUILDERS = {
    b.name: b
    for b in (
        Builder("order", "similarity", ("r",), "r to the power of the steps between two classes", class_order),
        Builder("positions", "distance", ("power",), "distance on the classes' scale, in its units", positions),
        Builder(
            "words",
            "similarity",
            ("keep", "lower_bound", "vectors"),
            "cosine of the class names' word vectors",
            word_similarity,
        ),
        Builder("groups", "distance", (), "height of the lowest common group in the tree", groups),
    )
}


def available() -> tuple[Builder, ...]:
    """The builders of the grammar. Besides them a matrix may be a file's path."""
    return tuple(_BUILDERS.values())


def build(part: Part | str, classes: ClassSet, vectors: Any = None) -> ClassMatrix:
    """The matrix that a setting's part after the @ describes.

    Parameters
    ----------
    part : Part or str
        ``NAME[:key=value,...]``, NAME one of `available()` or the path of a .csv, .tsv or .npz file. Every
        one takes ``shuffle=SEED`` too: the class names permuted, the control that asks whether the
        meaning of the matrix or its shape is what helps.
    classes : ClassSet
    vectors : word vectors for ``words`` where the part does not name others (``vectors=PATH_OR_NAME``, what
        `simviz.words.load` takes; nothing is downloaded), the bundled ones if None

    Returns
    -------
    ClassMatrix in the order of `classes`

    Raises
    ------
    ValueError
        For an unknown name or option, listing what there is, and for whatever the builder refuses.
    """
    part = parse_part(part) if isinstance(part, str) else part
    options = dict(part.options)
    shuffle = options.pop("shuffle", None)
    known = () if part.is_file else _builder(part.name).options
    for key in options:
        if key not in known:
            listed = ", ".join((*known, "shuffle"))
            raise ValueError(f"the matrix {part.name!r} has no option {key!r}; it takes {listed}")
    if part.is_file:
        matrix = ClassMatrix.load(part.name).aligned(classes)
    elif part.name == "words":
        vectors = options.pop("vectors", vectors)
        if len(options) == 2:
            raise ValueError(f"{str(part)!r} gives both keep and lower_bound; give exactly one of them")
        matrix = word_similarity(classes, vectors, **options)
    else:
        matrix = _builder(part.name).make(classes, **options)
    return matrix if shuffle is None else shuffled(matrix, shuffle)


def shuffled(matrix: ClassMatrix, seed: int) -> ClassMatrix:
    """The same values with the class names permuted: names[i] gets the row and column of names[p(i)].

    ValueError if the seed is not a whole number from 0 on.
    """
    if checked_number(seed, "shuffle", 0, 2**63) != int(seed):
        raise ValueError(f"shuffle is {seed}; it must be a whole number, the seed of the permutation")
    order = np.random.default_rng(int(seed)).permutation(len(matrix))
    values = matrix.values[np.ix_(order, order)]
    return ClassMatrix(matrix.names, values, matrix.kind, recipe={**matrix.recipe, "shuffle": int(seed)})


def _builder(name: str) -> Builder:
    if name not in _BUILDERS:
        import difflib

        near = difflib.get_close_matches(name, _BUILDERS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known, files = ", ".join(_BUILDERS), ", ".join(MATRIX_FILES)
        raise ValueError(f"there is no matrix {name!r}; {hint}There are {known}, or a file ({files})")
    return _BUILDERS[name]
