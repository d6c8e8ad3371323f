"""Corrections of a guess: what is said of the difference makes it again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.evaluation import foreign
from simviz.evaluation.foreign import LAYOUTS, SCALES, Guess

COLUMNS = ("y_true", "y_pred", "p_a", "p_b", "p[0]", "none", "a = b", "person")
SOURCE = foreign.source((",".join(COLUMNS) + "\na,b,.1,.9,1,2,3,4\n").encode(), "mine.csv")
COLUMN = st.none() | st.sampled_from(COLUMNS)
GUESSES = st.builds(
    Guess,
    layout=st.sampled_from(LAYOUTS),
    true=COLUMN,
    predicted=COLUMN,
    scores=st.lists(st.sampled_from(COLUMNS), unique=True).map(tuple),
    scale=st.sampled_from(SCALES),
    ids=COLUMN,
    units=COLUMN,
    images=COLUMN,
    names=COLUMN,
    matrix=COLUMN,
    rows=st.sampled_from(["true", "predicted"]),
)


@given(GUESSES, GUESSES)
def test_what_is_spoken_of_a_meaning_makes_it_again(guessed, meaning):
    assert foreign.corrected(SOURCE, guessed, foreign.spoken(guessed, meaning)) == meaning


@given(GUESSES)
def test_nothing_is_said_where_nothing_differs(guessed):
    assert foreign.spoken(guessed, guessed) == {}
    assert foreign.corrected(SOURCE, guessed, {}) == guessed


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("p_*", ("p_a", "p_b")),
        ("p_b,p_a", ("p_b", "p_a")),
        ("p[0]", ("p[0]",)),
        ("person,p_*", ("person", "p_a", "p_b")),
    ],
)
def test_scores_are_named_or_matched(text, columns):
    assert foreign.corrected(SOURCE, Guess(), {"scores": text}).scores == columns
