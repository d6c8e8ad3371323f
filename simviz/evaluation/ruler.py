"""The ruler: the distance by which errors are measured. It never depends on the loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.matrices.core import ROUNDING, ClassMatrix
from simviz.settings import MATRIX_FILES

RULERS = ("groups", "positions", "words", "zero_one")


@dataclass(frozen=True)
class Ruler:
    """A distance between classes, with the name and unit under which its numbers are shown.

    Parameters
    ----------
    matrix : ClassMatrix of kind "distance"
        D[i, j]: what it costs to take class i for class j.
    name : str
        "groups", "positions", "words", "zero_one", or a file's name.
    unit : str
        The unit of a distance, e.g. "tree levels".
    """

    matrix: ClassMatrix
    name: str
    unit: str

    def __post_init__(self) -> None:
        if self.matrix.kind != "distance":
            raise ValueError(f"the ruler {self.name!r} is a {self.matrix.kind}; convert it with .to_distance()")

    @property
    def hash(self) -> str:
        """Twelve hex digits of class names and distances."""
        return self.matrix.hash

    @cached_property
    def distance(self) -> NDArray[np.float64]:
        """D as float64 (C, C), read-only."""
        values = self.matrix.values.astype(np.float64)
        values.setflags(write=False)
        return values

    def distance_for(self, classes: ClassSet) -> NDArray[np.float64]:
        """D in the order of `classes`, float64 (C, C); ValueError names a class the ruler lacks."""
        if self.matrix.names == classes.names:
            return self.distance
        return self.matrix.aligned(classes).values.astype(np.float64)

    def describe(self) -> str:
        """Name, unit, range and the start of the hash: ``groups (tree levels), 0..2, a1b2c3``."""
        return f"{self.name} ({self.unit}), 0..{self.matrix.values.max():g}, {self.hash[:6]}"

    def same_as(self, matrix: ClassMatrix) -> bool:
        """Whether a loss that was given `matrix` was trained on this very ruler.

        The matrix is aligned by class name and converted to a distance; a factor does not count
        (a similarity 1 - D/2 made from this D is the same knowledge).
        """
        if set(matrix.names) != set(self.matrix.names):
            return False
        other = matrix.aligned(self.matrix.names).to_distance().values
        return bool(np.allclose(_unit_maximum(other), _unit_maximum(self.matrix.values), rtol=0, atol=ROUNDING))


def ruler(classes: ClassSet, choice: str | Path | ClassMatrix | None = None, vectors: Any = None) -> Ruler:
    """The ruler for these classes.

    Parameters
    ----------
    classes : ClassSet
    choice : optional
        "groups" (tree height: 0 same class, 1 same group, ...), "positions" (|x_i - x_j|, around the
        circle where the classes have a period), "words" (1 - cosine, negative cosines count as 0),
        "zero_one" (every mistake costs 1), a matrix file, or a ClassMatrix (a similarity becomes 1 - S).
        None: groups if the classes have them, else positions, else words if every class has a vector,
        else zero_one.
    vectors : optional
        Word vectors for "words"; the bundled ones if None.

    Raises
    ------
    ValueError
        For a choice the classes do not allow, or a matrix that lacks a class.
    """
    if choice is None:
        choice = _default(classes, vectors)
    if isinstance(choice, ClassMatrix):
        return Ruler(choice.aligned(classes).to_distance(), "given matrix", "matrix units")
    if isinstance(choice, Path) or Path(choice).suffix.lower() in MATRIX_FILES:
        matrix = ClassMatrix.load(choice).aligned(classes).to_distance()
        return Ruler(matrix, Path(choice).name, "matrix units")
    return _named(classes, choice, vectors)


def _default(classes: ClassSet, vectors: Any) -> str:
    if classes.groups is not None:
        return "groups"
    if classes.ordered:
        return "positions"
    from simviz import words

    resolved = words.resolve(classes, vectors)
    return "zero_one" if any(r.how == "missing" for r in resolved) else "words"


def _named(classes: ClassSet, choice: str, vectors: Any) -> Ruler:
    if choice not in RULERS:
        raise ValueError(
            f"there is no ruler {choice!r}; choose {', '.join(RULERS)}, or a matrix file ({', '.join(MATRIX_FILES)})"
        )
    if choice == "zero_one":
        values = 1 - np.eye(len(classes))
        return Ruler(ClassMatrix(classes, values, "distance", recipe={"matrix": "zero_one"}), choice, "errors")
    if choice == "groups" and classes.groups is None:
        raise ValueError("the ruler 'groups' needs classes with groups; these have none, choose positions or words")
    if choice == "positions" and not classes.ordered:
        raise ValueError("the ruler 'positions' needs classes with positions; these have none, choose groups or words")
    from simviz import matrices

    if choice == "groups":
        return Ruler(matrices.groups(classes), choice, "tree levels")
    if choice == "positions":
        return Ruler(matrices.positions(classes), choice, "position units")
    matrix = matrices.word_similarity(classes, vectors, lower_bound=0.0).to_distance()
    return Ruler(matrix, choice, "1 - cosine (clipped)")


def _unit_maximum(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values.astype(np.float64) / (float(values.max()) or 1.0)
