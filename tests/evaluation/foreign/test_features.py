"""Features in a file of predictions: recognised, read, and refused where they cannot be kept."""

import io

import numpy as np
import pandas as pd
import pytest

from simviz.evaluation import foreign

RANDOM = np.random.default_rng(2)
TRUE = np.repeat(["cat", "dog", "emu"], 4)
VALUES = RANDOM.normal(size=(12, 5))
HOLED = np.where(np.arange(60).reshape(12, 5) == 17, np.nan, VALUES)
P = RANDOM.dirichlet(np.ones(3), 12)


def npz(name="mine.npz", **arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return foreign.source(buffer.getvalue(), name)


def csv(**columns):
    return foreign.source(pd.DataFrame({"y_true": TRUE, **columns}).to_csv(index=False).encode(), "mine.csv")


def columns(prefix, values=VALUES):
    return {f"{prefix}{i}": values[:, i] for i in range(values.shape[1])}


@pytest.mark.parametrize("name", ["features", "embeddings", "penultimate", "hidden"])
def test_a_block_of_features_is_read_beside_the_scores(name):
    source = npz(y_true=TRUE, probabilities=P, **{name: VALUES})
    assert foreign.guess(source).features == (name,)
    found = foreign.read(source)
    assert found.answered
    assert np.array_equal(found.predictions.features, VALUES.astype(np.float16))
    assert np.allclose(np.exp(found.predictions.log_probabilities), P, atol=1e-6)


@pytest.mark.parametrize("prefix", ["feature_", "feat", "emb_", "Embedding "])
def test_columns_of_one_feature_each_are_read_beside_decisions(prefix):
    source = csv(y_pred=TRUE[::-1], **columns(prefix))
    known = prefix != "emb_"
    assert foreign.guess(source).features == (tuple(columns(prefix)) if known else ())
    meaning = foreign.corrected(source, foreign.guess(source), {"features": f"{prefix}*"})
    found = foreign.read(source, meaning).predictions
    assert np.array_equal(found.features, VALUES.astype(np.float16))
    assert found.predicted.tolist() == [2] * 4 + [1] * 4 + [0] * 4


def test_features_alone_are_no_answers():
    found = foreign.read(npz(y_true=TRUE, features=VALUES))
    assert not found.answered
    assert found.predictions.features.shape == (12, 5)
    assert np.ptp(found.predictions.log_probabilities) == 0


def test_as_many_features_as_classes_are_still_features():
    meaning = foreign.guess(npz(y_true=TRUE, features=VALUES[:, :3]))
    assert (meaning.features, meaning.scores) == (("features",), ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (HOLED, "row 4 of the features 'features' in mine.npz is nan"),
        (VALUES * 1e6, "row 1 of the features 'features' in mine.npz is .*at most 65,504"),
        (VALUES[:7], "has 12 rows of 'y_true' and 7 of 'features'; both need the same"),
    ],
)
def test_what_cannot_be_kept_is_named(values, message):
    source = npz(y_true=TRUE, y_pred=TRUE, features=values)
    meaning = foreign.corrected(source, foreign.guess(source), {"features": "features"})
    with pytest.raises(ValueError, match=message):
        foreign.read(source, meaning)


def test_more_than_can_be_read_is_refused(monkeypatch):
    from simviz.evaluation.foreign import features

    monkeypatch.setattr(features, "MAX_VALUES", 59)
    with pytest.raises(ValueError, match=r"mine.npz has 12 x 5 features; at most 59 are read"):
        foreign.read(npz(y_true=TRUE, y_pred=TRUE, features=VALUES))


def test_a_block_and_columns_are_not_mixed():
    source = npz(y_true=TRUE, y_pred=TRUE, features=VALUES, extra=VALUES[:, 0])
    meaning = foreign.corrected(source, foreign.guess(source), {"features": "features,extra"})
    with pytest.raises(ValueError, match=r"'features' of mine.npz holds several values a row; choose it alone"):
        foreign.read(source, meaning)
