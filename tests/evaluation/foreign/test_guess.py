"""What columns mean, guessed from names and shapes."""

import numpy as np
import pytest

from simviz.evaluation import foreign
from simviz.evaluation.foreign import Guess

from .conftest import npz

SQUARE = np.array([[5, 1], [2, 4]])
CASES = {
    "the plainest": (b"y_true,y_pred\na,b\n", Guess(true="y_true", predicted="y_pred")),
    "other words": (b"Ground Truth,Predicted\na,b\n", Guess(true="Ground Truth", predicted="Predicted")),
    "everything": (
        b"image,id,person,label,prediction,p_a,p_b\nx.png,1,7,a,b,.4,.6\n",
        Guess(true="label", predicted="prediction", scores=("p_a", "p_b"), ids="id", units="person", images="image"),
    ),
    "a picture names its sample": (
        b"path,y_true,y_pred\nx.png,a,b\n",
        Guess(true="y_true", predicted="y_pred", ids="path", images="path"),
    ),
    "scores named by their classes": (b"y_true,a,b,age\na,.4,.6,30\nb,.1,.9,40\n", ("a", "b", "age")),
    "a prefix parts scores from other numbers": (b"y_true,logit_a,logit_b,age\na,3,.6,30\n", ("logit_a", "logit_b")),
    "one score": (b"y_true,score\n0,.4\n1,.7\n", Guess(true="y_true", scores=("score",))),
    "how sure it is of one of three": (
        b"y_true,y_pred,prob\na,a,.9\nb,c,.5\n",
        Guess(true="y_true", predicted="y_pred"),
    ),
    "other numbers beside a decision": (
        b"y_true,y_pred,confidence,loss\na,a,.9,.1\nb,a,.5,1.4\n",
        Guess(true="y_true", predicted="y_pred"),
    ),
    "scores without names beside a decision": (b"y_true,y_pred,s,t\na,a,.9,.1\nb,a,.6,.4\n", ("s", "t")),
    "scores named by classes beside a decision": (b"y_true,y_pred,a,b\na,a,3,.1\nb,a,2,1.4\n", ("a", "b")),
    "shares called y_pred": (b"y_true,y_pred\n0,.4\n1,.7\n", Guess(true="y_true", scores=("y_pred",))),
    "no names": (b"0,1\n2,2\n1,1\n", Guess(true="column 1", predicted="column 2")),
    "no names, a class and its scores": (
        b"0,.9,.1\n1,.2,.8\n",
        Guess(true="column 1", scores=("column 2", "column 3")),
    ),
    "counts": (b"5,1\n2,4\n", Guess("confusion")),
    "counts with names": (b",a,b\na,5,1\nb,2,4\n", Guess("confusion", names="column 1")),
    "counts below true": (b"true,a,b\na,5,1\nb,2,4\n", Guess("confusion", names="true")),
    "counts the other way": (b"Predicted,a,b\na,5,1\nb,2,4\n", Guess("confusion", names="Predicted", rows="predicted")),
    "counts that were divided": (b",a,b\na,.7,.3\nb,.4,.6\n", Guess("confusion", names="column 1")),
    "one sample a class": (b"y_true,a,b\na,.7,.3\nb,.4,.6\n", Guess(true="y_true", scores=("a", "b"))),
    "a class may be called hidden": (b"y_true,hidden,seen\nhidden,.4,.6\nseen,.1,.9\n", ("hidden", "seen")),
    "features in columns": (
        b"y_true,feature_0,feature_1\na,.4,.6\nb,1,2\n",
        Guess(true="y_true", features=("feature_0", "feature_1")),
    ),
    "nothing known": (b"when,what\nnoon,tea\n", Guess()),
}


@pytest.mark.parametrize("case", CASES)
def test_columns_are_known_by_their_names(case):
    data, expected = CASES[case]
    found = foreign.guess(foreign.source(data, "a.csv"))
    assert found.scores == expected if isinstance(expected, tuple) else found == expected


ARRAYS = {
    "features are no scores": (
        {"labels": np.arange(6) % 3, "features": np.ones((6, 3))},
        Guess(true="labels", features=("features",)),
    ),
    "of another width than the classes": ({"labels": np.arange(6) % 3, "rows": np.ones((6, 4))}, Guess(true="labels")),
    "as wide as the classes": (
        {"labels": np.arange(6) % 3, "rows": np.ones((6, 3))},
        Guess(true="labels", scores=("rows",)),
    ),
    "features beside scores": (
        {"labels": np.arange(6) % 3, "features": np.ones((6, 16)), "probs": np.ones((6, 3))},
        Guess(true="labels", scores=("probs",), features=("features",)),
    ),
    "keras": ({"y_true": np.eye(3), "y_pred": np.full((3, 3), 1 / 3)}, Guess(true="y_true", scores=("y_pred",))),
    "decided": ({"y_test": np.arange(3), "preds": np.arange(3)}, Guess(true="y_test", predicted="preds")),
    "named classes": (
        {"labels": np.arange(4), "logits": np.ones((4, 2)), "class_names": np.array(["a", "b"])},
        Guess(true="labels", scores=("logits",), names="class_names"),
    ),
    "labels are names beside y_true": (
        {"y": np.arange(4), "probs": np.ones((4, 2)), "labels": np.array(["a", "b"])},
        Guess(true="y", scores=("probs",), names="labels"),
    ),
    "counts": ({"cm": SQUARE, "classes": np.array(["a", "b"])}, Guess("confusion", matrix="cm", names="classes")),
    "a block is scores though it is square": (
        {"y_true": np.arange(2), "proba": np.eye(2)},
        Guess(true="y_true", scores=("proba",)),
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_are_known_by_names_and_shapes(case):
    arrays, expected = ARRAYS[case]
    assert foreign.guess(foreign.source(npz(**arrays), "a.npz")) == expected
