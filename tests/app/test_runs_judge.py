"""Judge your own model: from a file that scikit-learn made to the pages of results."""

import io
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix

from simviz import ClassSet, evaluation
from simviz.runs import Store
from tests.app.reading import figures, heat, says, unescaped

NAMES = np.array(["cat", "dog", "fire truck"])
RANDOM = np.random.default_rng(3)
TARGET = np.repeat([0, 1, 2], 20)
P = RANDOM.dirichlet([1, 1, 1], 60) + 2 * np.eye(3)[TARGET] * RANDOM.random((60, 1))
P /= P.sum(axis=1, keepdims=True)
PREDICTED = P.argmax(axis=1)
COUNTS = confusion_matrix(TARGET, PREDICTED)
SCORES = pd.DataFrame(P, columns=[f"p_{n}" for n in NAMES]).assign(y_true=NAMES[TARGET])
DECIDED = pd.DataFrame({"y_true": NAMES[TARGET], "y_pred": NAMES[PREDICTED]})
TABLE = b"name,label,group\nfire truck,,vehicle\ncat,,animal\ndog,,animal\n"


def csv(table, **options):
    return table.to_csv(index=options.pop("index", False), **options).encode()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture
def judge(visit):
    """The page with files in its uploader."""

    def go(*files):
        at = visit("runs", judge="true")
        box = at.file_uploader(key="judge-files-0")
        for name, data in files:
            box = box.upload(name, data)
        at = box.run()
        assert not at.exception, at.exception
        return at

    return go


def box(at, label):
    return next(b for b in at.selectbox if b.label == label)


def boxes(at, label):
    """What the boxes of this label hold, in the order of the files."""
    return [b.value for b in at.selectbox if b.label == label]


def added(at, runs):
    """Click, and the comparison that came of it."""
    at.button(key="judge-add").click().run()
    assert not at.exception, at.exception
    (made,) = Store(runs).comparisons()
    assert "It is the comparison in view now" in "".join(s.value for s in at.success)
    assert [link.proto.page for link in at.get("page_link")][-3:] == ["confusion", "severity", "severity"]
    return made


def test_scores_of_sklearn_lead_to_confusion_and_severity(judge, runs):
    at = judge(("mine.csv", csv(SCORES)))
    assert (box(at, "True class").value, box(at, "Decided class").value) == ("y_true", None)
    assert at.multiselect[0].value == ["p_cat", "p_dog", "p_fire truck"]
    assert "60 samples, 3 classes:" in says(at)
    assert f"{accuracy_score(TARGET, PREDICTED):.1%} right. The scores were taken for probabilities" in says(at)
    made = added(at, runs)
    assert made.runs[0].result()["accuracy"] == accuracy_score(TARGET, PREDICTED)
    at.switch_page("pages/confusion.py").run()
    assert not at.exception, at.exception
    np.testing.assert_allclose(heat(figures(at)[0]), COUNTS / COUNTS.sum(axis=1, keepdims=True))
    at.switch_page("pages/severity.py").run()
    assert not at.exception, at.exception
    assert f"mine ({accuracy_score(TARGET, PREDICTED):.1%})" in says(at)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("decided.csv", csv(DECIDED)),
        ("counts.csv", csv(pd.DataFrame(COUNTS, NAMES, NAMES), index=True)),
        ("counts.npz", npz(confusion=COUNTS, class_names=NAMES)),
    ],
)
def test_every_page_works_without_probabilities(judge, runs, name, data):
    at = judge((name, data))
    made = added(at, runs)
    assert not {"nll", "ece"} & made.runs[0].result().keys()
    for target in ("confusion", "severity", "ground_distance", "train", "runs"):
        at.switch_page(f"pages/{target}.py").run()
        assert not at.exception, (target, at.exception)
        if target in ("confusion", "severity"):
            assert f"(only the decided class is known of {name.partition('.')[0]})" in says(at)
            assert "decoder" not in [control.key for control in at.segmented_control]
            assert "ecided by the file's own" in says(at)
        if target == "train":
            assert "Nothing was trained yet" in says(at)
    at.switch_page("pages/confusion.py").run()
    np.testing.assert_allclose(heat(figures(at)[0]), COUNTS / COUNTS.sum(axis=1, keepdims=True))
    assert COUNTS[1, 2] > 0
    at.selectbox(key="t").set_value("dog").run()
    at.selectbox(key="p").set_value("fire truck").run()
    shown = [d.value for d in at.dataframe if "image" in d.value.columns]
    if name.startswith("counts"):
        assert not shown
        assert "counts: counts name no images" in says(at)
        return
    assert len(shown[0]) == min(COUNTS[1, 2], 12)
    assert set(shown[0].iloc[:, 0]) == {"fire truck"}


def test_a_guess_is_corrected(judge, runs):
    """Two columns could be the truth; the numbers beside the scores are none."""
    table = SCORES.rename(columns={"y_true": "what it is"}).assign(label=NAMES[PREDICTED])
    table = table.rename(columns={f"p_{n}": n for n in NAMES}).assign(age=7)
    at = judge(("mine.csv", csv(table)))
    assert box(at, "True class").value == "label"
    box(at, "True class").set_value("what it is").run()
    at.multiselect[0].set_value(list(NAMES)).run()
    made = added(at, runs)
    assert made.runs[0].result()["accuracy"] == accuracy_score(TARGET, PREDICTED)


def test_the_axes_of_counts_are_a_choice(judge, runs):
    at = judge(("counts.csv", csv(pd.DataFrame(COUNTS, NAMES, NAMES), index=True)))
    rows = next(c for c in at.segmented_control if c.label == "A row of the table is a")
    assert rows.value == "true"
    rows.set_value("predicted").run()
    assert "A row was taken for the predicted class" in says(at)
    found = added(at, runs).runs[0].predictions()
    np.testing.assert_array_equal(confusion_matrix(found.target, found.predicted), COUNTS.T)


def test_a_class_table_gives_groups_and_order(judge, runs):
    at = judge(("mine.csv", csv(SCORES)))
    uploader = next(u for u in at.file_uploader if "class table" in u.label)
    uploader.upload("classes.csv", TABLE).run()
    ruler = next(b for b in at.selectbox if b.label.startswith("Ruler"))
    assert (ruler.value, next(iter(ruler.options))) == ("groups", "groups")
    made = added(at, runs)
    assert made.classes.names == ("fire truck", "cat", "dog")
    assert made.classes.groups == (("vehicle",), ("animal",), ("animal",))
    result = made.runs[0].result()
    assert result["accuracy"] == accuracy_score(TARGET, PREDICTED)
    assert result["superclass_accuracy"] == ((TARGET == 2) == (PREDICTED == 2)).mean()


def test_a_class_table_with_positions_makes_ordered_classes(judge, runs):
    """In the order of the positions, which is that of neither the names nor the table."""
    at = judge(("mine.csv", csv(SCORES)))
    assert "positions" not in next(b for b in at.selectbox if b.label.startswith("Ruler")).options
    uploader = next(u for u in at.file_uploader if "class table" in u.label)
    uploader.upload("classes.csv", b"name,position\ndog,9\nfire truck,1\ncat,2\n").run()
    ruler = next(b for b in at.selectbox if b.label.startswith("Ruler"))
    assert ruler.value == "positions"
    made = added(at, runs)
    assert made.classes.ordered
    place = dict(zip(made.classes.names, made.classes.positions, strict=True))
    assert place == {"fire truck": 1, "cat": 2, "dog": 9}
    x = np.array([place[n] for n in NAMES])
    assert made.runs[0].result()["mean_cost"] == pytest.approx(np.abs(x[TARGET] - x[PREDICTED]).mean())
    at.switch_page("pages/severity.py").run()
    assert not at.exception, at.exception
    assert {"median", "expectation"} <= set(at.segmented_control(key="decoder").options)


def test_groups_can_be_typed(judge, runs):
    at = judge(("mine.csv", csv(SCORES)))
    at.toggle[0].set_value(True).run()
    key = f"own-{ClassSet(NAMES.tolist()).fingerprint}/edits"
    assert at.session_state[key] == {}
    at.session_state[key] = {n: {"group": g} for n, g in zip(NAMES, ("animal", "animal", "vehicle"), strict=True)}
    at.run()
    assert not at.exception, at.exception
    next(b for b in at.selectbox if b.label.startswith("Ruler")).set_value("groups").run()
    made = added(at, runs)
    assert made.classes.groups == (("animal",), ("animal",), ("vehicle",))
    assert made.info["ruler"]["text"].startswith("groups")


def test_words_can_be_typed(judge, runs):
    at = judge(("mine.csv", csv(DECIDED.replace("dog", "n02084071"))))
    ruler = next(b for b in at.selectbox if b.label.startswith("Ruler"))
    assert "words" not in ruler.options
    at.toggle[0].set_value(True).run()
    assert any("No word vector for n02084071." in i.value for i in at.info)
    coded = ClassSet(["cat", "fire truck", "n02084071"])
    at.session_state[f"own-{coded.fingerprint}/edits"] = {"n02084071": {"word": "dog"}}
    at.run()
    assert not any("No word vector" in i.value for i in at.info)
    next(b for b in at.selectbox if b.label.startswith("Ruler")).set_value("words").run()
    made = added(at, runs)
    assert made.classes.words == ("cat", "fire truck", "dog")
    plainly_named = evaluation.ruler(ClassSet(["cat", "dog", "fire truck"]), "words").matrix.values
    assert made.runs[0].result()["mean_cost"] == pytest.approx(plainly_named[TARGET, PREDICTED].mean(), rel=1e-5)


def test_two_files_are_two_settings_and_their_difference_is_shown(judge, runs):
    worse = DECIDED.assign(y_pred=np.roll(DECIDED["y_pred"], 7))
    at = judge(("good.csv", csv(SCORES)), ("bad.csv", csv(worse)))
    made = added(at, runs)
    assert list(made.groups) == ["good", "bad"]
    at.switch_page("pages/confusion.py").run()
    at.selectbox(key="a").set_value("good").run()
    at.selectbox(key="b").set_value("bad").run()
    assert not at.exception, at.exception
    mistakes = (np.roll(PREDICTED, 7) != TARGET).sum() - (PREDICTED != TARGET).sum()
    assert f"{mistakes:.1f} more mistakes than" in says(at)


WRONG = np.roll(PREDICTED, 7)
OTHER = pd.DataFrame({"what it is": NAMES[TARGET], "label": NAMES[WRONG]})  # whose truth is taken for "label"


def test_each_file_with_other_columns_has_boxes_of_its_own(judge, runs):
    """The second is guessed wrongly, corrected in its own boxes, and a third like it has these corrections too."""
    like_it = OTHER.assign(label=NAMES[np.roll(PREDICTED, 9)])[["label", "what it is"]]
    at = judge(("good.csv", csv(SCORES)), ("bad.csv", csv(OTHER)), ("worse.csv", csv(like_it)))
    assert [s for s in says(at).splitlines() if s.startswith("**Columns of")] == [
        "**Columns of 'good.csv'**",
        "**Columns of 'bad.csv', 'worse.csv'**; the rows below are from bad.csv",
    ]
    assert (boxes(at, "True class"), boxes(at, "Decided class")) == (["y_true", "label"], [None, None])
    assert "bad.csv has no column that is known for predictions" in says(at)
    assert not [b for b in at.button if b.key == "judge-add"]
    true, decided = ([b for b in at.selectbox if b.label == label][1] for label in ("True class", "Decided class"))
    true.set_value("what it is")
    decided.set_value("label").run()
    assert boxes(at, "True class") == ["y_true", "what it is"]
    made = added(at, runs)
    assert list(made.groups) == ["good", "bad", "worse"]
    accuracies = [(p == TARGET).mean() for p in (PREDICTED, WRONG, np.roll(PREDICTED, 9))]
    assert [r.result()["accuracy"] for r in made.runs] == accuracies
    corrected = {"true": "what it is", "predicted": "label"}
    assert [r.spec.columns for r in made.runs] == [{}, corrected, corrected]


def test_files_with_the_same_columns_share_their_boxes(judge, runs):
    at = judge(("one.csv", csv(OTHER)), ("two.csv", csv(OTHER.assign(label=NAMES[PREDICTED]))))
    assert boxes(at, "True class") == ["label"]
    assert "**Columns of 'one.csv', 'two.csv'**; the rows below are from one.csv" in says(at)
    box(at, "True class").set_value("what it is")
    box(at, "Decided class").set_value("label").run()
    made = added(at, runs)
    assert [r.result()["accuracy"] for r in made.runs] == [(p == TARGET).mean() for p in (WRONG, PREDICTED)]


def test_the_same_columns_that_hold_other_things_have_boxes_of_their_own(judge, runs):
    """Three columns without names are counts, if there are three rows, else classes and their scores."""
    p = P[TARGET > 0][:, 1:] / P[TARGET > 0][:, 1:].sum(axis=1, keepdims=True)
    rows = pd.DataFrame(p).assign(truth=TARGET[TARGET > 0] - 1)[["truth", 0, 1]]
    counts = np.zeros((3, 3), dtype=int)
    counts[:2, :2] = [[12, 8], [5, 15]]
    at = judge(*((name, csv(pd.DataFrame(t), header=False)) for name, t in (("a.csv", rows), ("b.csv", counts))))
    assert [c.value for c in at.segmented_control if c.label == "The file holds"] == ["samples", "confusion"]


def test_a_correction_stays_where_a_file_is_added(judge):
    at = judge(("one.csv", csv(OTHER)))
    box(at, "True class").set_value("what it is").run()
    uploader = at.file_uploader(key="judge-files-0")
    uploader.upload("one.csv", csv(OTHER)).upload("two.csv", csv(SCORES)).run()
    assert boxes(at, "True class") == ["what it is", "y_true"]


def test_two_tables_of_counts_can_be_compared(judge, runs):
    other = confusion_matrix(TARGET, np.roll(PREDICTED, 7))
    tables = [csv(pd.DataFrame(t, NAMES, NAMES), index=True) for t in (COUNTS, other)]
    made = added(judge(("one.csv", tables[0]), ("two.csv", tables[1])), runs)
    assert [r.result()["accuracy"] for r in made.runs] == [np.trace(t) / 60 for t in (COUNTS, other)]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"\xff\xfe\x00", "a.csv is not UTF-8 text"),
        ("a.npz", b"PK torn", "a.npz cannot be read as npz"),
        ("a.csv", b"y_true,p_a,p_b\na,.5,.5\nb,.9,.9\n", "the probabilities of row 2 sum to 1.8, not 1"),
        ("a.csv", b"y_true,y_pred\n<img src=x>,a\n", "has markup in it"),
        ("a.csv", b"when,what\nnoon,tea\n", "call it y_true"),
    ],
)
def test_a_file_that_is_none_is_a_sentence(judge, runs, name, data, message):
    at = judge((name, data))
    assert message in says(at)
    assert not [b for b in at.button if b.key == "judge-add"]
    assert not any(re.search(r"(?<!\\)<img", text) for text in unescaped(at))
    assert Store(runs).comparisons() == []


def test_files_about_other_samples_are_a_sentence(judge):
    at = judge(("one.csv", csv(SCORES)), ("two.csv", csv(DECIDED.iloc[:-1])))
    assert "two.csv has 59 samples and one.csv has 60" in says(at)
    assert not [b for b in at.button if b.key == "judge-add"]


def test_a_large_file_is_read_by_its_path_with_its_pictures(judge, visit, runs, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("SIMVIZ_DATA", str(folder))
    for i in range(60):
        Image.new("RGB", (8, 8), (4 * i, 0, 0)).save(folder / f"{i}.png")
    (folder / "mine.csv").write_bytes(csv(SCORES.assign(image=[f"{i}.png" for i in range(60)])))
    at = judge()
    at.text_input(key="judge-path-0").set_value("../mine.csv").run()
    assert "there is nothing at '../mine.csv'" in says(at)
    at.text_input(key="judge-path-0").set_value("mine.csv").run()
    assert (box(at, "Id").value, box(at, "Picture").value) == ("image", "image")
    made = added(at, runs)
    assert len(made.image_rows()) == 60
    row = made.runs[0].predictions("test")
    true, told = (made.classes.names[int(i)] for i in (row.target[0], row.log_probabilities[0].argmax()))
    gallery = visit("confusion", c=made.id, t=true, p=told)
    assert [
        f for f in gallery.dataframe if "picture" in f.value and str(f.value["picture"].iloc[0]).startswith("data:")
    ]
    at.switch_page("pages/runs.py").run()
    at.selectbox(key="run").set_value("mine-s0").run()
    said = [c.value for c in at.main.code]
    assert f"python -m simviz evaluate {folder}/mine.csv --ruler words" in said
    assert "Predictions of a model made elsewhere" in says(at)


def test_a_store_that_cannot_be_written_is_a_sentence(judge, runs):
    at = judge(("mine.csv", csv(SCORES)))
    shutil.rmtree(runs)
    runs.write_text("a file where the folder was")
    at.button(key="judge-add").click().run()
    assert not at.exception, at.exception
    assert "Nothing was added" in says(at)


@pytest.mark.parametrize("answers", [True, False])
def test_features_lead_to_the_page_that_refits_the_last_layer(judge, visit, runs, answers):
    values = RANDOM.normal(size=(60, 5)) + 2 * np.eye(5)[TARGET]
    arrays = {"y_true": NAMES[TARGET], "features": values, **({"y_pred": NAMES[PREDICTED]} if answers else {})}
    at = judge(("deep.npz", npz(**arrays)))
    (features,) = (b for b in at.multiselect if b.label == "Features")
    assert features.value == ["features"]
    assert ("No predictions; a last layer" in says(at)) != answers
    assert "With 5 features a sample." in says(at)
    at.button(key="judge-add").click().run()
    assert [link.proto.page for link in at.get("page_link")][-1] == "live"
    (made,) = Store(runs).comparisons()
    assert made.runs[0].result()["accuracy"] == accuracy_score(TARGET, PREDICTED) or not answers
    live = visit("live", loss="simloss", matrix="order")
    assert not live.exception
    assert "Fitted to 30 of the samples that were uploaded, judged by 30 others" in says(live)
    assert "(no image is in both)" in says(live)
    assert [heat(f).shape for f in figures(live) if f["data"][0]["type"] == "heatmap"] == [(3, 3)]
    assert "there it can be trained in full" in says(live)
    assert "Accuracy goes from" in says(visit("severity", detail="gain", layers="true", ruler="words"))


def test_features_can_be_left_out(judge, runs):
    at = judge(("deep.npz", npz(y_true=NAMES[TARGET], y_pred=NAMES[PREDICTED], features=np.eye(60, 4))))
    (features,) = (b for b in at.multiselect if b.label == "Features")
    at = features.set_value([]).run()
    assert "features a sample" not in says(at)
    at.button(key="judge-add").click().run()
    (made,) = Store(runs).comparisons()
    assert made.runs[0].predictions(features=True).features is None
    assert made.runs[0].spec.columns == {"features": ""}
