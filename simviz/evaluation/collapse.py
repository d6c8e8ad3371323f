"""Classes put together by their groups: fewer rows and columns, the same totals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from simviz.classes import ClassSet

Path = tuple[str, ...]


@dataclass(frozen=True)
class Nodes:
    """The rows (and columns) that are shown of C classes.

    Attributes
    ----------
    names : K strings, no two alike
        A class's name, or its group's (see `group_names`).
    row : intp, shape (C,), read-only
        The row each class falls into.
    paths : K tuples
        The groups above, from coarse to fine; for a group its own path, for a class its groups and its name.
    """

    names: tuple[str, ...]
    row: NDArray[np.intp]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.names)

    def sum(self, table: ArrayLike) -> NDArray[np.float64]:
        """A (C, C) table as (K, K): the sum of each block. Totals of rows and columns are kept."""
        values = np.asarray(table, dtype=np.float64)
        if values.shape != (len(self.row),) * 2:
            raise ValueError(f"the table has the shape {values.shape} for {len(self.row)} classes")
        if len(self) == len(self.row):  # every row is one class, in the order of the classes
            return values.copy()
        member = np.zeros((len(self.row), len(self)))
        member[np.arange(len(self.row)), self.row] = 1
        return member.T @ values @ member

    def mean(self, table: ArrayLike) -> NDArray[np.float64]:
        """A (C, C) table as (K, K): the mean of each block."""
        size = np.bincount(self.row, minlength=len(self))
        return self.sum(table) / np.outer(size, size)


def group_names(classes: ClassSet) -> dict[Path, str]:
    """A name for every group of every depth, from coarse to fine: "animal (all 12)", "animal / cat (all 3)".

    Empty where the classes have no groups. No name is that of a class or of another group.
    """
    sizes: dict[Path, int] = {}
    for path in classes.groups or ():
        for depth in range(1, len(path) + 1):
            sizes[path[:depth]] = sizes.get(path[:depth], 0) + 1
    taken, named = set(classes.names), {}
    for path in sorted(sizes, key=lambda p: (len(p), p)):
        name = f"{' / '.join(path)} (all {sizes[path]})"
        while name in taken:
            name += "′"
        taken.add(name)
        named[path] = name
    return named


def collapse(classes: ClassSet, level: int = 0, opened: Iterable[Path] = ()) -> Nodes:
    """Put the classes of each group into one row.

    Parameters
    ----------
    classes : ClassSet
    level : int
        0: every class its own row. k: the groups of depth k, 1 being the coarsest.
    opened : paths of groups
        Groups that are shown by their parts: those of the next depth, or their classes. One that lies inside a
        group that is not opened changes nothing.

    Raises
    ------
    ValueError
        For a level the classes do not have.
    """
    depth = 0 if classes.groups is None else len(classes.groups[0])
    if not 0 <= level <= depth:
        raise ValueError(f"level is {level}; these classes have {depth} levels of groups")
    open_ = set(opened)
    named = group_names(classes)
    places: dict[Path, int] = {}
    names, rows = [], []
    for name, groups in zip(classes.names, classes.groups or ((),) * len(classes), strict=True):
        at = level
        while 0 < at <= depth and groups[:at] in open_:
            at += 1
        path = (*groups, name) if at in (0, depth + 1) else groups[:at]
        if path not in places:
            places[path] = len(places)
            names.append(name if len(path) > depth else named[path])
        rows.append(places[path])
    row = np.array(rows, dtype=np.intp)
    row.setflags(write=False)
    return Nodes(tuple(names), row, tuple(places))
