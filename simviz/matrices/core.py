"""ClassMatrix: a similarity or a distance between classes, keyed by class name."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.classes import ClassSet

KINDS = ("similarity", "distance")
ROUNDING = 1e-5


class ClassMatrix:
    """How similar, or how far apart, every pair of classes is. Row = true class.

    Parameters
    ----------
    names : sequence of str or ClassSet, length C
    values : array_like, shape (C, C)
        A *similarity* is finite, in [0, 1], with a diagonal of 1. A *distance* is finite, not negative,
        with a diagonal of 0. Asymmetric matrices are allowed (see `symmetric`).
    kind : {"similarity", "distance"}
    recipe : mapping, optional
        How the matrix was made, in plain JSON types; it travels with the matrix.

    Attributes
    ----------
    names : tuple of str
    values : ndarray, float32, shape (C, C), read-only
    kind, recipe

    Raises
    ------
    ValueError
        Naming the bad entry by its classes.
    """

    def __init__(
        self,
        names: Sequence[str] | ClassSet,
        values: ArrayLike,
        kind: str = "similarity",
        *,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; it is 'similarity' or 'distance'")
        self.names = (names if isinstance(names, ClassSet) else ClassSet(names)).names
        self.values = _checked_values(self.names, values, kind)
        self.kind = kind
        self.recipe: dict[str, Any] = dict(recipe or {})

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"ClassMatrix({len(self)} classes, kind={self.kind!r}, recipe={self.recipe})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassMatrix):
            return NotImplemented
        return (self.names, self.kind) == (other.names, other.kind) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    @property
    def symmetric(self) -> bool:
        return bool(np.allclose(self.values, self.values.T, atol=ROUNDING))

    @property
    def hash(self) -> str:
        """Twelve hex digits of names, kind and values."""
        digest = hashlib.sha256("\0".join((self.kind, *self.names)).encode())
        digest.update(np.ascontiguousarray(self.values, "<f4").tobytes())
        return digest.hexdigest()[:12]

    def aligned(self, names: Sequence[str] | ClassSet) -> ClassMatrix:
        """Rows and columns for `names`, in that order; ValueError names the first class that is missing."""
        wanted = tuple(names.names if isinstance(names, ClassSet) else names)
        if wanted == self.names:
            return self
        at = {n: i for i, n in enumerate(self.names)}
        missing = [n for n in wanted if n not in at]
        if missing:
            raise ValueError(
                f"the matrix has no class {missing[0]!r} ({len(missing)} of {len(wanted)} missing); "
                f"it knows {', '.join(self.names[:4])}{', ...' if len(self) > 4 else ''}"
            )
        rows = [at[n] for n in wanted]
        return ClassMatrix(wanted, self.values[np.ix_(rows, rows)], self.kind, recipe=self.recipe)

    def to_distance(self) -> ClassMatrix:
        """D = 1 - S; a distance is returned as it is."""
        if self.kind == "distance":
            return self
        return ClassMatrix(self.names, 1 - self.values, "distance", recipe={**self.recipe, "converted": "1 - S"})

    def to_similarity(self, scale: float | None = None) -> ClassMatrix:
        """S = max(0, 1 - D / scale), scale = max D unless given; a similarity is returned as it is."""
        if self.kind == "similarity":
            return self
        if scale is None:
            scale = float(self.values.max()) or 1.0
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is {scale}; it must be a positive number")
        values = np.maximum(0, 1 - self.values / scale)
        return ClassMatrix(
            self.names, values, "similarity", recipe={**self.recipe, "converted": f"max(0, 1 - D/{scale:g})"}
        )

    def save(self, path: str | Path) -> None:
        """Write a `.csv` or `.tsv` (names on both axes, the kind in the corner) or an `.npz`."""
        from simviz.matrices.files import write

        write(self, path)

    @classmethod
    def load(cls, path: str | Path) -> ClassMatrix:
        """Read what `save` wrote, or any table with class names on both axes."""
        from simviz.matrices.files import read

        return read(path)


def checked_number(
    value: Any, what: str, low: float, high: float, *, above: bool = False, below: bool = False
) -> float:
    """`value` as a float within [low, high]; `above` and `below` leave out the ends.

    ValueError names the option and its range; options come from text, so anything can stand there.
    """
    number = float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else math.nan
    if not (low <= number <= high) or (above and number == low) or (below and number == high):
        span = f"{'(' if above else '['}{low:g}, {high:g}{')' if below else ']'}"
        raise ValueError(f"{what} is {value!r}; it must be a number in {span}")
    return number


def _checked_values(names: tuple[str, ...], values: ArrayLike, kind: str) -> NDArray[np.float32]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("values is not a table of numbers with equally long rows") from None
    count = len(names)
    if array.shape != (count, count):
        shape = " x ".join(map(str, array.shape)) or "a single number"
        raise ValueError(f"values is {shape} for {count} classes; a {count} x {count} matrix is needed")

    def refuse(bad: NDArray[np.bool_], rule: str) -> None:
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise ValueError(
                f"{kind} of ({names[i]!r}, {names[j]!r}) is {array[i, j]:g}; {rule}"
                + (f" ({int(bad.sum())} such entries)" if bad.sum() > 1 else "")
            )

    diagonal = 1.0 if kind == "similarity" else 0.0
    refuse(~np.isfinite(array), "every entry must be finite")
    refuse(array < -ROUNDING, "no entry may be negative")
    if kind == "similarity":
        refuse(array > 1 + ROUNDING, "no entry may exceed 1")
    refuse(np.eye(count, dtype=bool) & (np.abs(array - diagonal) > ROUNDING), f"the diagonal must be {diagonal:g}")
    np.clip(array, 0, 1 if kind == "similarity" else None, out=array)
    np.fill_diagonal(array, diagonal)
    result = array.astype(np.float32)
    result.setflags(write=False)
    return result
