"""ClassSet: the names of the classes and what is known of how they relate.

It is the one key that joins data, matrices, losses and figures: everything is looked up by class
name, never by position in a list.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

MAX_CLASSES = 50_000
_SHOWN = 60  # characters of a text that a message quotes


@dataclass(frozen=True, init=False, eq=True)
class ClassSet:
    """The classes of a task, in the order of their indices.

    Parameters
    ----------
    names : sequence of str, length C
        Unique, non-empty.
    positions : sequence or mapping name -> float, optional
        Where each class lies on a scale, in real units (years, minutes). Distinct and finite. Their
        presence makes the classes *ordered*.
    period : float, optional
        Length of the scale if it closes on itself (60 for minutes); positions lie in [0, period).
    groups : sequence or mapping name -> str or tuple of str, optional
        The group of each class, or its groups from coarse to fine.
    words : sequence or mapping name -> str, optional
        The word looked up in word vectors for each class; the name where it is not given.

    Raises
    ------
    ValueError
        Naming the class and the value that is wrong.

    Examples
    --------
    >>> ages = ClassSet(["child", "adult", "old"], positions=[8, 35, 75])
    >>> ages.ordered, ages.index("adult"), len(ages)
    (True, 1, 3)
    """

    names: tuple[str, ...]
    positions: tuple[float, ...] | None
    period: float | None
    groups: tuple[tuple[str, ...], ...] | None
    words: tuple[str, ...]

    def __init__(
        self,
        names: Sequence[str],
        positions: Sequence[float] | Mapping[str, float] | None = None,
        period: float | None = None,
        groups: Sequence[str | Sequence[str]] | Mapping[str, str | Sequence[str]] | None = None,
        words: Sequence[str] | Mapping[str, str] | None = None,
    ) -> None:
        names = _checked_names(names)
        placed = _per_class(names, positions, "positions")
        grouped = _per_class(names, groups, "groups")
        if isinstance(words, Mapping):  # a partial mapping repairs single words
            unknown = sorted(set(words) - set(names))
            if unknown:
                raise ValueError(f"words names {quoted(unknown[0])}, which is not a class")
            worded: list[Any] | None = [words.get(n, n) for n in names]
        else:
            worded = _per_class(names, words, "words")
        set_ = object.__setattr__
        set_(self, "names", names)
        set_(self, "positions", _checked_positions(names, placed, period))
        set_(self, "period", None if period is None else float(period))
        set_(self, "groups", _checked_groups(names, grouped))
        set_(self, "words", _checked_words(names, worded))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @property
    def ordered(self) -> bool:
        """Whether the classes have positions."""
        return self.positions is not None

    @property
    def circular(self) -> bool:
        """Whether the scale closes on itself."""
        return self.period is not None

    def index(self, name: str) -> int:
        """The index of a class; ValueError with the nearest names if there is no such class."""
        try:
            return self.names.index(name)
        except ValueError:
            import difflib

            near = difflib.get_close_matches(str(name), self.names, n=3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise ValueError(f"there is no class {quoted(name)} among the {len(self)} classes{hint}") from None

    def subset(self, names: Sequence[str]) -> ClassSet:
        """The same knowledge about fewer classes, in the order given."""
        rows = [self.index(n) for n in names]
        pick = lambda values: None if values is None else [values[i] for i in rows]  # noqa: E731
        return ClassSet(list(names), pick(self.positions), self.period, pick(self.groups), pick(self.words))

    def with_words(self, words: Mapping[str, str]) -> ClassSet:
        """A copy in which some classes are looked up under another word."""
        known = dict(zip(self.names, self.words, strict=True))
        for name, word in words.items():
            self.index(name)
            known[name] = word
        return ClassSet(self.names, self.positions, self.period, self.groups, known)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `ClassSet.from_dict` reads them back."""
        return {
            "names": list(self.names),
            "positions": None if self.positions is None else list(self.positions),
            "period": self.period,
            "groups": None if self.groups is None else [list(g) for g in self.groups],
            "words": list(self.words),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassSet:
        return cls(**{k: data.get(k) for k in ("names", "positions", "period", "groups", "words")})  # type: ignore[arg-type]

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that change with any of the five fields."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def quoted(text: object) -> str:
    """A text as a message quotes it: on one line, cut where it is long.

    >>> print(quoted("a rose"), quoted("rose " * 100))
    'a rose' 'rose rose rose rose rose rose rose rose rose rose rose rose...'
    """
    whole = repr(text)
    return whole if len(whole) <= 2 * _SHOWN else f"{whole[:_SHOWN]}...{whole[-1]}"


def _checked_names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ValueError(f"names is the single string {quoted(names)}; give a list of class names")
    names = tuple(names)
    if not names:
        raise ValueError("names is empty; at least one class is needed")
    if len(names) > MAX_CLASSES:
        raise ValueError(f"{len(names)} classes; at most {MAX_CLASSES} are supported")
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"class {i} has the name {quoted(name)}; a name is a non-empty string")
        if name in seen:
            where = f"classes {seen[name]} and {i}"
            raise ValueError(f"class name {quoted(name)} stands twice ({where}); names must differ")
        seen[name] = i
    return names


def _per_class(names: tuple[str, ...], values: Any, what: str) -> list[Any] | None:
    """A sequence in class order from a sequence or a mapping by name."""
    if values is None:
        return None
    if isinstance(values, Mapping):
        missing = [n for n in names if n not in values]
        if missing:
            raise ValueError(f"{what} has no entry for class {quoted(missing[0])} ({len(missing)} missing)")
        unknown = [k for k in values if k not in set(names)]
        if unknown:
            raise ValueError(f"{what} names {quoted(unknown[0])}, which is not a class")
        return [values[n] for n in names]
    values = list(values)
    if len(values) != len(names):
        raise ValueError(f"{what} has {len(values)} entries for {len(names)} classes")
    return values


def _checked_positions(
    names: tuple[str, ...], positions: list[Any] | None, period: float | None
) -> tuple[float, ...] | None:
    if positions is None:
        if period is not None:
            raise ValueError(f"period={period} without positions; give positions too")
        return None
    if period is not None and not (isinstance(period, Real) and math.isfinite(period) and period > 0):
        raise ValueError(f"period is {quoted(period)}; it must be a positive number")
    at: dict[float, str] = {}
    for name, value in zip(names, positions, strict=True):
        try:
            x = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"the position of class {quoted(name)} is {quoted(value)}, not a number") from None
        if not math.isfinite(x):
            raise ValueError(f"the position of class {quoted(name)} is {x}; it must be finite")
        if period is not None and not 0 <= x < period:
            raise ValueError(f"the position of class {quoted(name)} is {x:g}, outside [0, {period:g})")
        if x in at:
            both = f"{quoted(at[x])} and {quoted(name)}"
            raise ValueError(f"classes {both} share the position {x:g}; positions must differ")
        at[x] = name
    return tuple(float(x) for x in positions)


def _checked_groups(names: tuple[str, ...], groups: list[Any] | None) -> tuple[tuple[str, ...], ...] | None:
    if groups is None:
        return None
    paths = [group_path(name, group) for name, group in zip(names, groups, strict=True)]
    depth = len(paths[0])
    for name, path in zip(names, paths, strict=True):
        if len(path) != depth:
            raise ValueError(
                f"class {quoted(name)} has {len(path)} group levels and {quoted(names[0])} has {depth}; all need the "
                "same"
            )
    return tuple(paths)


def group_path(name: object, group: Any) -> tuple[str, ...]:
    """The groups of a class from coarse to fine, from one name or several; ValueError for what is neither."""
    path = (group,) if isinstance(group, str) or not isinstance(group, Iterable) else tuple(group)
    if not path or any(not isinstance(p, str) or not p.strip() for p in path):
        said = f"the group of class {quoted(name)} is {quoted(group)}"
        raise ValueError(f"{said}; give a name, or names from coarse to fine")
    return path


def _checked_words(names: tuple[str, ...], words: list[Any] | None) -> tuple[str, ...]:
    for name, word in zip(names, words or names, strict=True):
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"the word of class {quoted(name)} is {quoted(word)}; give a non-empty string")
    return tuple(words or names)
