"""A ready confusion matrix: unfolded exactly, its axes said, refused where it holds no counts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simviz import ClassSet, evaluation
from simviz.evaluation import foreign
from simviz.evaluation.foreign import Guess

from .conftest import csv, npz

NAMES = ["cat", "dog", "=x", "d", "e"]


def counts_of(found):
    return evaluation.confusion_matrix(found.predictions.target, found.predictions.predicted, len(found.classes))


def read(data, name="a.csv", meaning=None, **known):
    return foreign.read(foreign.source(data, name), meaning, **known)


def square(side):
    return arrays(np.int64, (side, side), elements=st.integers(0, 9)).filter(lambda t: 0 < t[:-1].sum() != t.sum())


@given(st.integers(2, 5).flatmap(square))
def test_unfolded_and_counted_again_it_is_the_same(table):
    names = [f"'{n}" if n.startswith("=") else n for n in NAMES[: len(table)]]
    found = read(csv(pd.DataFrame(table, names, names), index=True))
    assert found.classes.names == tuple(NAMES[: len(table)])
    np.testing.assert_array_equal(counts_of(found), table)
    turned = read(
        csv(pd.DataFrame(table, names, names), index=True),
        meaning=Guess("confusion", names="column 1", rows="predicted"),
    )
    np.testing.assert_array_equal(counts_of(turned), table.T)
    values = found.predictions.metrics(found.classes, evaluation.ruler(found.classes, "zero_one"))
    assert values["accuracy"] == np.trace(table) / table.sum()
    assert "nll" not in values


def test_rows_and_columns_are_matched_by_name():
    found = read(b",dog,cat\ncat,1,5\ndog,4,2\n", classes=ClassSet(["dog", "cat"]))
    np.testing.assert_array_equal(counts_of(found), [[4, 2], [1, 5]])


def test_a_class_that_is_never_predicted_has_no_column():
    found = read(b",cat,dog\ncat,5,1\ndog,2,4\ncow,3,0\n")
    np.testing.assert_array_equal(counts_of(found), [[5, 1, 0], [2, 4, 0], [3, 0, 0]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b",a,b\na,.9,.1\nb,.2,.8\n", r"has 0.9 for \('a', 'a'\); .* for shares, save the counts from before"),
        (b".9,.1\n.2,.8\n", r"has 0.9 for \('0', '0'\); a count is a whole number, .* save the counts from before"),
        (b"9,1.5\n2,8\n", r"has 1.5 for \('0', '1'\); a count is a whole number, not negative$"),
        (b"9,-1\n2,8\n", r"has -1 for \('0', '1'\)"),
        (b"9,nan\n2,8\n", r"has nan for \('0', '1'\)"),
        (b"9,inf\n2,8\n", r"has inf for \('0', '1'\)"),
        (b"0,0\n0,0\n", "counts 0 samples"),
        (b"9000000,0\n0,1\n", "counts 9,000,001 samples; between 1 and 2,000,000 are read"),
        (
            b",a,b,All\na,5,1,6\nb,2,4,6\nAll,7,5,12\n",
            "last row and column of a.csv, 'All', are the sums of the others",
        ),
    ],
)
def test_what_holds_no_counts_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read(data)


def test_a_block_that_is_not_square_or_not_named_in_full_is_refused():
    with pytest.raises(ValueError, match=r"'m' of a.npz has the shape \(2, 3\); a square one is needed"):
        read(npz(m=np.ones((2, 3), int)), "a.npz", Guess("confusion", matrix="m"))
    with pytest.raises(ValueError, match="do not fit its class names"):
        read(npz(cm=np.ones((2, 2), int), classes=np.array(["a", "b", "c"])), "a.npz")
    with pytest.raises(ValueError, match="names the class 'a' twice"):
        read(npz(cm=np.ones((2, 2), int), classes=np.array(["a", "a"])), "a.npz")
    with pytest.raises(ValueError, match="has markup in it"):
        read(npz(cm=np.ones((2, 2), int), classes=np.array(["a", "<b onclick=x>"])), "a.npz")
