"""Whatever the bytes: predictions, or a ValueError of one line. Nothing else."""

import io

import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from simviz.evaluation import foreign
from simviz.evaluation.foreign import FORMATS, LAYOUTS, SCALES, Guess

from .conftest import csv, npz, parquet

TABLE = pd.DataFrame({"id": [1, 2, 3], "y_true": ["a", "b", "a"], "p_a": [0.5, 0.25, 1.0], "p_b": [0.5, 0.75, 0.0]})


def saved(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


WHOLE = [
    ("a.csv", csv(TABLE)),
    ("a.tsv", csv(TABLE, sep="\t")),
    ("a.csv", b",a,b\na,5,1\nb,2,4\n"),
    ("a.csv", b"5,1\n2,4\n"),
    ("a.parquet", parquet(TABLE)),
    ("a.parquet", parquet(pd.DataFrame({"label": [0, 1], "probs": [[0.5, 0.5], [0.1, 0.9]]}))),
    ("a.npz", npz(y_true=np.arange(3), y_pred=np.eye(3), class_names=np.array(["a", "b", "c"]))),
    ("a.npz", npz(y_true=np.arange(3), y_pred=np.arange(3), features=np.linspace(-1, 1, 12).reshape(3, 4))),
    ("a.npy", saved(np.array([[5, 1], [2, 4]]))),
]
PIECES = [
    b",",
    b"\n",
    b'"',
    b"\x00",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"\xff",
    b"=1",
    b"<b>",
    b"'|O'",
    b"9" * 400,
    b"(",
]
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1), st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), st.sampled_from([0, 1, 8, 60])
    ),
    max_size=4,
)


def understood(data, name, meaning=None):
    """Read the bytes; every error but a ValueError of one line fails the test."""
    told = None
    try:
        source = foreign.source(data, name)
        found = foreign.read(source, meaning(source) if meaning else None)
    except ValueError as error:
        told = error
    if told is not None:
        assert type(told) is ValueError, told
        assert "\n" not in str(told)
        assert len(str(told)) < 1500
        return
    predictions, classes = found.predictions, len(found.classes)
    assert len(predictions) > 0
    assert predictions.log_probabilities.shape == (len(predictions), classes)
    assert 0 <= predictions.target.min() <= predictions.target.max() < classes
    assert np.all(np.abs(np.exp(predictions.log_probabilities.astype(float)).sum(axis=1) - 1) <= 0.02)


@given(st.binary(max_size=200), st.sampled_from(FORMATS))
@example(b"\x93NUMPY\x01\x00\x04\x00{'(\n", ".npy")  # a header that ends within a bracket
@example(b"0\r", ".csv")
def test_any_bytes(data, suffix):
    understood(data, f"a{suffix}")


@given(st.sampled_from(WHOLE), CHANGES)
def test_damaged_files(whole, changes):
    name, data = whole
    for place, piece, removed in changes:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + removed :]
    understood(data, name)


@given(st.sampled_from(WHOLE), st.data())
def test_whatever_the_user_makes_of_the_columns(whole, data):
    def meaning(source):
        one = st.sampled_from([None, *source.arrays])
        single = {key: data.draw(one) for key in ("true", "predicted", "ids", "units", "images", "names", "matrix")}
        several = st.lists(st.sampled_from(list(source.arrays)), unique=True)
        scores, features = tuple(data.draw(several)), tuple(data.draw(several))
        kind = {"layout": data.draw(st.sampled_from(LAYOUTS)), "scale": data.draw(st.sampled_from(SCALES))}
        rows = data.draw(st.sampled_from(["true", "predicted"]))
        return Guess(**single, **kind, scores=scores, features=features, rows=rows)

    understood(whole[1], whole[0], meaning)
