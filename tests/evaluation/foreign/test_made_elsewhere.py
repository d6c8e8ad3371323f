"""Files that scikit-learn, torchvision and Keras-style code really leave: the numbers are those of their libraries."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from simviz import evaluation
from simviz.evaluation import foreign

from .conftest import WRITERS, npz


def read(data, name):
    return foreign.read(foreign.source(data, name))


def decided(found):
    bare = found.predictions.predicted
    return found.predictions.log_probabilities.argmax(axis=1) if bare is None else bare


def measured(found):
    return found.predictions.metrics(found.classes, evaluation.ruler(found.classes, "zero_one"))


def agrees_with_sklearn(found, digits):
    assert found.classes.names == tuple("0123456789")
    np.testing.assert_array_equal(found.predictions.target, digits.target)
    np.testing.assert_array_equal(decided(found), digits.predicted)
    counts = evaluation.confusion_matrix(found.predictions.target, decided(found), 10)
    np.testing.assert_array_equal(counts, confusion_matrix(digits.target, digits.predicted))
    values = measured(found)
    assert values["accuracy"] == accuracy_score(digits.target, digits.predicted)
    if "nll" in values:
        assert values["nll"] == pytest.approx(log_loss(digits.target, digits.probabilities), rel=1e-6)
    return values


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("prefix", ["", "p_", "prob "])
def test_predict_proba_with_the_classes_as_columns(digits, name, prefix):
    table = pd.DataFrame(digits.probabilities, columns=[f"{prefix}{i}" for i in range(10)]).assign(y_true=digits.target)
    assert "nll" in agrees_with_sklearn(read(WRITERS[name](table), name), digits)


@pytest.mark.parametrize("name", WRITERS)
def test_predict_alone_gives_what_needs_no_probabilities(digits, name):
    table = pd.DataFrame({"y_true": digits.target, "y_pred": digits.predicted})
    values = agrees_with_sklearn(read(WRITERS[name](table), name), digits)
    assert not {"nll", "ece", "top5", "rps"} & values.keys()


@pytest.mark.parametrize("scores", ["probabilities", "log_proba", "y_score"])
def test_arrays_saved_together(digits, scores):
    values = np.log(digits.probabilities) if scores == "log_proba" else digits.probabilities
    agrees_with_sklearn(read(npz(y_test=digits.target, **{scores: values}), "a.npz"), digits)


def test_columns_in_the_order_of_text_labels(digits):
    words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    order = np.argsort(words)  # as scikit-learn's classes_
    found = read(npz(y_true=words[digits.target], y_score=digits.probabilities[:, order]), "a.npz")
    assert found.classes.names == tuple(sorted(words))
    assert measured(found)["accuracy"] == accuracy_score(digits.target, digits.predicted)
    assert any("taken in the order 'eight', 'five'" in note for note in found.notes)


def test_confusion_matrix_of_sklearn_however_it_was_written(digits, tmp_path):
    counts = confusion_matrix(digits.target, digits.predicted)
    table = pd.DataFrame(counts)
    np.savetxt(tmp_path / "spaces.csv", counts)
    np.savetxt(tmp_path / "commas.csv", counts, delimiter=",", fmt="%d")
    np.save(tmp_path / "a.npy", counts)
    table.to_csv(tmp_path / "names.csv")
    table.to_csv(tmp_path / "columns.csv", index=False)
    pd.crosstab(digits.target, digits.predicted, rownames=["true"]).to_csv(tmp_path / "crosstab.csv")
    pd.crosstab(digits.predicted, digits.target, rownames=["predicted"]).to_csv(tmp_path / "turned.csv")
    (tmp_path / "a.npz").write_bytes(npz(confusion_matrix=counts))
    for path in sorted(tmp_path.iterdir()):
        found = foreign.read(foreign.source(path))
        assert found.counted, path
        target, predicted = found.predictions.target, decided(found)
        np.testing.assert_array_equal(evaluation.confusion_matrix(target, predicted, 10), counts, str(path))
        side = "predicted" if path.name == "turned.csv" else "true"
        assert found.notes[0].startswith(f"A row was taken for the {side} class")


def test_logits_of_a_torchvision_network(tmp_path):
    import torch
    from torchvision.models import shufflenet_v2_x0_5

    torch.manual_seed(0)
    network = shufflenet_v2_x0_5(num_classes=7).eval()
    with torch.no_grad():
        logits = 20 * network(torch.randn(24, 3, 64, 64))
    labels = torch.arange(24) % 7
    np.savez(tmp_path / "a.npz", logits=logits.numpy(), labels=labels.numpy())
    found = foreign.read(foreign.source(tmp_path / "a.npz"))
    assert "logits" in found.notes[0]
    np.testing.assert_array_equal(decided(found), logits.argmax(1))
    expected = torch.nn.functional.cross_entropy(logits.double(), labels).item()
    assert measured(found)["nll"] == pytest.approx(expected, rel=1e-6)
    wanted = torch.log_softmax(logits.double(), 1).numpy()
    np.testing.assert_allclose(found.predictions.log_probabilities, wanted, atol=1e-6)


@pytest.mark.parametrize("shape", ["one-hot", "column", "flat"])
@pytest.mark.parametrize("answer", ["softmax", "argmax"])
def test_arrays_as_keras_users_save_them(digits, shape, answer):
    """`y_true` as `to_categorical` or as (N, 1) labels, `y_pred = model.predict(x)` or its argmax."""
    labels = {"one-hot": np.eye(10)[digits.target], "column": digits.target[:, None], "flat": digits.target}[shape]
    answers = digits.probabilities.astype(np.float32) if answer == "softmax" else digits.predicted
    agrees_with_sklearn(read(npz(y_true=labels, y_pred=answers), "a.npz"), digits)


@pytest.mark.parametrize("kind", ["sigmoid", "logit"])
def test_one_output_for_two_classes(kind):
    z = np.array([[-2.0], [0.5], [3.0], [-0.1]], dtype=np.float32)
    p = 1 / (1 + np.exp(-z))
    found = read(npz(y_true=np.array([0, 1, 1, 1]), y_pred=p if kind == "sigmoid" else z), "a.npz")
    np.testing.assert_array_equal(decided(found), [0, 1, 1, 0])
    np.testing.assert_allclose(np.exp(found.predictions.log_probabilities), np.hstack([1 - p, p]), atol=1e-6)
    kind = "logit" if kind == "logit" else "probability"
    assert found.notes == (f"The one score of a row was taken for the {kind} of '1'.",)
