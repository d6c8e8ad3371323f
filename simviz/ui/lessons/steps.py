"""What a lesson is made of. Nothing here knows an answer: a step has the function that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from simviz.runs import Comparison

LETTERS = "abcdef"  # how a vote is written in a link
MOST = 20  # comparisons that are looked through for one that can answer
Found = TypeVar("Found")


@dataclass(frozen=True)
class Material:
    """What an answer may be computed from.

    Attributes
    ----------
    comparisons : the one that was chosen, else those of the store, newest first; the first that has what a step needs
        is taken
    a, b : the settings or runs chosen in the sidebar
    """

    comparisons: tuple[Comparison, ...] = ()
    a: str | None = None
    b: str | None = None


def first_that_can(material: Material, read: Callable[[Comparison], Found], nothing: str) -> Found:
    """What `read` finds in the first comparison that has it.

    ValueError, in a sentence, where none has: why the first one cannot, or `nothing` where there is no comparison.
    """
    why = ""
    for comparison in material.comparisons[:MOST]:
        try:
            return read(comparison)
        except (ValueError, OSError) as error:
            why = why or f"The comparison “{comparison.id}” cannot answer this: {error}"
    raise ValueError(why or nothing)


@dataclass(frozen=True)
class Bar:
    """One number behind an answer.

    Attributes
    ----------
    label : whose number it is
    share : the length of its bar, 0 to 1; what lies outside is cut off
    text : the number as it is said, with its unit and what is known of its interval
    """

    label: str
    share: float
    text: str


@dataclass(frozen=True)
class Answer:
    """What came out.

    Attributes
    ----------
    choice : which option holds, its index
    text : why, in sentences with the numbers
    bars : the numbers side by side
    view : query parameters at which the step's page shows the same
    """

    choice: int
    text: str
    bars: tuple[Bar, ...] = ()
    view: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One question.

    Attributes
    ----------
    question, options : what the class is asked, and what it may vote for
    page, link : the page that shows it live, and what the link there says
    answer : computes the answer; ValueError, in a sentence, where the material has none
    shown : says before the vote what the answer will be computed from; None where that is the same for all
    """

    title: str
    question: str
    options: tuple[str, ...]
    page: str
    link: str
    answer: Callable[[Material], Answer]
    shown: Callable[[Material], str] | None = None


@dataclass(frozen=True)
class Lesson:
    """Several steps; `name` is how a link says which."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]


def bars(values: Mapping[str, float], texts: Mapping[str, str] | None = None) -> tuple[Bar, ...]:
    """One bar a value, as long as its share of the largest; a negative one has none. Texts have two decimals."""
    top = max([*values.values(), 0.0]) or 1.0
    return tuple(
        Bar(label, max(0.0, value / top), texts[label] if texts else f"{value:.2f}") for label, value in values.items()
    )
