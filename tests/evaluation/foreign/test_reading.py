"""Columns become predictions: labels find their classes by name, rows and columns may stand in any order."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet
from simviz.evaluation import foreign
from simviz.evaluation.foreign import Guess

from .conftest import csv, npz

ANIMALS = ClassSet(["grey wolf", "cat", "fire_truck"], groups=["animal", "animal", "vehicle"])


def read(data, name="a.csv", meaning=None, **known):
    return foreign.read(foreign.source(data, name), meaning, **known)


def test_blocks_of_unknown_meaning_are_refused_with_a_word_on_what_to_give():
    unknown = npz(stuff=np.random.default_rng(0).normal(size=(200, 16)), labels=np.arange(200) % 3)
    with pytest.raises(ValueError, match=r"'stuff' has 16 columns beside 3 classes in 'labels'.*one column for every"):
        read(unknown, "a.npz")


def test_one_score_that_is_never_below_a_half_is_of_the_decided_class():
    """As pipelines write it: the label they decided for, and how sure they are of it."""
    found = read(b"label,prediction,score\n0,0,.9\n1,1,.8\n0,1,.6\n0,0,.99\n")
    np.testing.assert_allclose(np.exp(found.predictions.log_probabilities[:, 1]), [0.1, 0.8, 0.6, 0.01])
    assert found.notes == (
        "The one score of a row is never below 0.5, and was taken for the probability of the decided class.",
    )
    of_second = read(b"label,prediction,score\n0,0,.1\n1,1,.8\n0,1,.6\n0,0,.01\n")
    np.testing.assert_allclose(of_second.predictions.log_probabilities, found.predictions.log_probabilities)
    assert of_second.notes == ("The one score of a row was taken for the probability of '1'.",)


@pytest.mark.parametrize(
    ("rows", "doubt"),
    [
        ([("cat", 0), ("dog", 1)], r"No label of 'y_pred' \('0', '1'\) stands in 'y_true' \('cat', 'dog'\)"),
        ([("Cat", "cat"), ("dog", "dog")], "'Cat' and 'cat' were taken for two classes. A class table says"),
        ([("cat", "dog"), ("dog", "ox")], None),
    ],
)
def test_columns_that_call_classes_otherwise_are_noted(rows, doubt):
    table = {"classes": ClassSet(["cat", "dog", "ox"]), "aliases": {"0": "cat", "1": "dog"}}
    for known, expected in (({}, doubt), (table, None)):
        notes = " ".join(read(labelled(*rows), **known).notes)
        assert re.search(expected, notes) if expected else "class table" not in notes


def labelled(*rows):
    return b"y_true,y_pred\n" + "".join(f"{a},{b}\n" for a, b in rows).encode()


@given(st.permutations(range(4)), st.integers(0, 2**32))
def test_the_order_of_the_columns_means_nothing(order, seed):
    """With a list of classes; without one the classes stand in the order of the columns."""
    random = np.random.default_rng(seed)
    names = ["a", "b", "c", "d"]
    p, target = random.dirichlet(np.ones(4), 6), random.integers(0, 4, 6)
    table = pd.DataFrame(p, columns=names).assign(y_true=np.array(names)[target])
    mixed = csv(table[[names[i] for i in order] + ["y_true"]])
    found = read(mixed, classes=ClassSet(names)).predictions
    np.testing.assert_array_equal(found.target, target)
    np.testing.assert_array_equal(found.log_probabilities, np.log(p))
    own = read(mixed)
    assert own.classes.names == tuple(names[i] for i in order)
    np.testing.assert_array_equal(own.predictions.log_probabilities, np.log(p[:, order]))


def test_labels_are_matched_by_name_alias_and_number():
    expected = [0, 1, 2, 0]
    for given_as in (
        ["grey wolf", "cat", "fire_truck", "grey wolf"],
        ["Grey_Wolf", "CAT", "fire truck", " grey-wolf "],
        ["n01", "cat", "n03", "n01"],
        [0, 1, 2, 0],
        ["0", "1.0", "2", "0.0"],
    ):
        found = read(
            labelled(*zip(given_as, given_as, strict=True)),
            classes=ANIMALS,
            aliases={"n01": "grey wolf", "n03": "fire_truck"},
        )
        np.testing.assert_array_equal(found.predictions.target, expected)
        assert found.classes == ANIMALS


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("cat", "lion")],
            "'y_pred' of a.csv has the label 'lion', which is none of the 3 classes; the first classes are",
        ),
        ([("cats", "cat")], "'y_true' of a.csv has the label 'cats', which is none of the 3 classes; did you mean cat"),
        ([(0, 3)], "'y_pred' of a.csv has the label 3, but there are 3 classes, counted from 0"),
        ([(0, -1)], "'y_pred' of a.csv has the label '-1'"),
        ([("cat", "")], "row 1 of 'y_pred' in a.csv is empty"),
        ([("cat", "cat"), ("nan", "cat")], "row 2 of 'y_true' in a.csv is empty"),
        ([("cat", "c" * 1001)], "row 1 of 'y_pred' in a.csv has 1001 characters"),
    ],
)
def test_a_label_that_is_no_class_is_named(rows, message):
    with pytest.raises(ValueError, match=message):
        read(labelled(*rows), classes=ANIMALS)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("=cmd|' /C calc'!A0", "begins like a spreadsheet formula; if it is a name, write an apostrophe in front"),
        ("<img src=x onerror=alert(1)>", "has markup in it"),
        ("a\u202eb", "has characters that cannot be seen"),
        ("x" * 600, "has 600 characters; at most 500 are allowed"),
    ],
)
def test_a_label_that_could_be_run_is_refused(label, message):
    with pytest.raises(ValueError, match=message):
        read(csv(pd.DataFrame({"y_true": ["a", label], "y_pred": ["a", "a"]})))


def test_without_a_list_the_classes_are_the_labels_in_order():
    assert read(labelled((10, 9), (2, 2))).classes.names == ("2", "9", "10")
    assert read(labelled(("b10", "b9"), ("a", "a"))).classes.names == ("a", "b10", "b9")
    texts = np.array(["10", "9", "10"])
    assert read(npz(y_true=texts, y_pred=texts), "a.npz").classes.names == ("10", "9")  # as scikit-learn sorts texts
    truth = np.array([True, False])
    assert read(npz(y_true=truth, y_pred=truth), "a.npz").classes.names == ("False", "True")


def test_names_in_an_npz_name_the_scores():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]))
    names = np.array(["cat", "dog", "cow"])
    for labels in (np.array([0, 2]), np.array(["cat", "cow"])):
        found = read(npz(labels=labels, logits=logits, class_names=names), "a.npz")
        assert found.classes.names == ("cat", "dog", "cow")
        np.testing.assert_array_equal(found.predictions.target, [0, 2])
    with pytest.raises(ValueError, match="has 2 class names in 'class_names' and 3 scores a row"):
        read(npz(labels=np.array([0, 2]), logits=logits, class_names=names[:2]), "a.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"when,what\nnoon,tea\n", "no column that is known for the true class; call it y_true. It has 'when', 'what'"),
        (b"y_true,note\na,x\n", "no column that is known for predictions; call the decided class y_pred"),
        (b"y_true,p_a,p_b\na,.5,.5\nc,.5,.5\n", "has the label 'c', which is none of the 2 classes"),
        (b"y_true,p_a,p_b\na,.5,.5\nb,.5,.4\n", "a.csv: the probabilities of row 2 sum to 0.9, not 1"),
        (b"y_true,p_a,p_b\na,80,20\nb,30,70\n", "a.csv: row 1 sums to 100, as all rows do: percentages"),
        (b"y_true,p_a,p_b\na,1.3,.2\nb,.5,.5\n", "a.csv: the probabilities of row 1 sum to 1.5, not 1"),
        (b"y_true,prob\na,20\nb,80\n", "a.csv: row 1 has the probability 20; divide percentages by 100"),
        (b"id,y_true,y_pred\n7,a,a\n8,b,b\n7,a,b\n", "the id '7' of a.csv stands in rows 1 and 3; ids must differ"),
        (b"y_true,score\na,.5\nb,.4\nc,.4\n", "has one score a row for 3 classes; give one for every class"),
        (b"y_true,y_pred,p_a,p_b\na,a,.5,.5\nb,0.25,.4,.6\n", "has the label '0.25', which is none"),
    ],
)
def test_columns_that_do_not_make_predictions_are_named(data, message):
    with pytest.raises(ValueError, match=message):
        read(data)


def test_arrays_of_other_lengths_and_too_many_labels_are_named():
    for meaning in (None, Guess(true="y_true", predicted="y_pred")):
        with pytest.raises(ValueError, match="has 3 rows of 'y_true' and 2 of 'y_pred'; both need the same"):
            read(npz(y_true=np.arange(3), y_pred=np.arange(2)), "a.npz", meaning)
    with pytest.raises(ValueError, match="has 3 rows of 'y_true' and 2 of 'probs'; both need the same"):
        read(npz(y_true=np.arange(3), probs=np.full((2, 4), 1 / 4)), "a.npz")
    with pytest.raises(ValueError, match="has 5,001 different labels in 5,001 rows; at most 5,000 classes"):
        read(npz(y_true=np.arange(5001), y_pred=np.arange(5001)), "a.npz")
    with pytest.raises(ValueError, match="has no rows"):
        read(npz(y_true=np.zeros(0, int), y_pred=np.zeros(0, int)), "a.npz")
    with pytest.raises(ValueError, match="3 scores a row and 2 different labels, 'a', 'b'; name the scores"):
        read(npz(y_true=np.array(["a", "b"]), probs=np.full((2, 3), 1 / 3)), "a.npz")
    with pytest.raises(ValueError, match="has the label 2, but there are 2 classes, counted from 0"):
        read(npz(y_true=np.array([0, 1]), probs=np.full((2, 3), 1 / 3)), "a.npz", classes=ClassSet(["a", "b"]))
    with pytest.raises(ValueError, match="2 scores a row for 3 classes, none for the class 'fire_truck'"):
        read(npz(y_true=np.array([0, 1]), probs=np.full((2, 2), 1 / 2)), "a.npz", classes=ANIMALS)


def test_an_array_with_more_than_two_axes_is_named_with_its_shape():
    odd = np.full((3, 2, 2), 0.25)
    left_out = r"more than two axes, and so not read: 'probs' of shape \(3, 2, 2\)"
    with pytest.raises(ValueError, match=f"known for predictions; .* It has 'y_true'; with {left_out}"):
        read(npz(y_true=np.arange(3), probs=odd, epoch=np.array(7)), "a.npz")
    with pytest.raises(ValueError, match=f"^a.npz holds no table; with {left_out}$"):
        read(npz(probs=odd), "a.npz")
    source = foreign.source(npz(y_true=np.arange(3), y_pred=np.arange(3), probs=odd), "a.npz")
    with pytest.raises(ValueError, match=f"has no column 'probs'; it has 'y_true', 'y_pred'; with {left_out}$"):
        foreign.corrected(source, foreign.guess(source), {"scores": "probs"})
    assert foreign.read(source).notes[0] == "With more than two axes, and so not read: 'probs' of shape (3, 2, 2)."


def test_ids_units_and_pictures_are_kept():
    found = read(b"image,patient_id,y_true,y_pred\nx/1.png,anna,a,b\nx/2.png,bo,b,b\nx/3.png,anna,a,a\n")
    assert found.predictions.ids.tolist() == ["x/1.png", "x/2.png", "x/3.png"]
    assert found.images == ("x/1.png", "x/2.png", "x/3.png")
    a, b, c = found.predictions.units
    assert a == c != b
    assert (found.unit_name, found.named) == ("patient", True)
    plain = read(labelled(("a", "b"), ("b", "b")))
    assert plain.predictions.ids.tolist() == ["1", "2"]
    assert len(set(plain.predictions.units.tolist())) == 2
    assert (plain.unit_name, plain.named, plain.images) == ("image", False, None)


def test_a_decision_that_is_not_the_most_probable_class_is_said():
    found = read(b"y_true,y_pred,p_a,p_b\na,a,.4,.6\nb,b,.1,.9\n")
    assert found.predictions.predicted is None
    assert "In 1 of 2 rows the file's own decision is not its most probable class" in found.notes[-1]


def test_a_block_of_scores_stands_alone():
    data = npz(y=np.array([0, 1]), one=np.array([0.5, 0.5]), both=np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match=r"'both' of a\.npz holds several values a row; choose it alone"):
        read(data, "a.npz", Guess(true="y", scores=("one", "both")))


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8).filter(
        lambda n: "<" not in n and n.lower() not in ("nan",) and n.isprintable()
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda n: n.lower(),
)


@given(NAMES, st.booleans(), st.integers(0, 2**32))
def test_written_as_csv_and_read_again_nothing_has_changed(names, bare, seed):
    """Formulas as names, exact numbers, probabilities of zero, and not transposed."""
    random = np.random.default_rng(seed)
    classes, count = ClassSet(names), 7
    target, ids = random.integers(0, len(names), count), np.array([f"={i}" for i in range(count)])
    units = random.integers(0, 3, count)
    if bare:
        decided = random.integers(0, len(names), count)
        made = foreign.reading.Predictions.of_decisions(ids, units, target, decided, len(names))
    else:
        p = random.dirichlet(np.ones(len(names)), count)
        p[0] = np.eye(len(names))[0]
        with np.errstate(divide="ignore"):
            made = foreign.reading.Predictions(ids, units, target, np.log(p))
    data = foreign.dumps(made, classes)
    found = read(data, classes=classes).predictions
    for field in ("ids", "target", "log_probabilities", "predicted"):
        np.testing.assert_array_equal(getattr(found, field), getattr(made, field), field)
    np.testing.assert_array_equal(found.units[:, None] == found.units, units[:, None] == units)
    assert foreign.dumps(found, classes).splitlines()[0] == data.splitlines()[0]
