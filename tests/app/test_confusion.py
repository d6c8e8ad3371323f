import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st

from simviz import ClassSet
from simviz.ui.views import confusion_cell, confusion_images
from tests.app.reading import figures, heat, says, title, unescaped

PETS = ClassSet(["cat", "dog", "truck"], groups=["animal", "animal", "vehicle"])
TARGET = [0, 0, 0, 0, 1, 1, 2, 2]
CE = [[0, 1, 2, 0, 1, 0, 2, 2], [0, 1, 1, 0, 1, 0, 2, 2]]
SIM = [[0, 1, 0, 0, 1, 1, 2, 0], [0, 1, 0, 0, 1, 1, 2, 2]]


@pytest.fixture
def pets(predicted):
    return predicted(PETS, {"ce": CE, "simloss@words:keep=0.5": SIM}, TARGET)


def with_column(at, name):
    """The first table that has such a column."""
    return next(frame.value for frame in at.dataframe if name in frame.value)


def table(*answers):
    """Mean counts over seeds, one image at a time."""
    counts = np.zeros((3, 3))
    for predictions in answers:
        for true, guess in zip(TARGET, predictions, strict=True):
            counts[true, guess] += 1 / len(answers)
    return counts


def test_without_a_comparison_it_says_what_to_do(visit):
    at = visit("confusion")
    assert "There is no comparison yet" in says(at)
    assert not figures(at)
    assert [link.proto.page for link in at.main.get("page_link")] == ["train", "runs"]


def test_every_setting_of_a_trained_comparison_has_its_matrix_in_the_same_colours(visit, compared):
    at = visit("confusion")
    drawn = figures(at)
    assert [title(f).split(", test")[0] for f in drawn] == list(compared.groups)
    assert all(title(f).endswith("test, mean of 2 seeds") for f in drawn)
    assert len({(f["data"][0]["zmin"], f["data"][0]["zmax"]) for f in drawn}) == 1
    for figure, runs in zip(drawn, compared.groups.values(), strict=True):
        counts = np.zeros((len(compared.classes),) * 2)
        for run in runs:
            found = run.predictions("test")
            np.add.at(counts, (found.target, found.log_probabilities.argmax(1)), 1)
        assert np.allclose(heat(figure), counts / counts.sum(1, keepdims=True), atol=1e-6)
    assert f"{len(run.predictions('test')):,} images" in says(at)


def test_the_blurred_decoder_blurs_simloss_alone_and_says_its_limit(visit, compared):
    at = visit("confusion", decoder="blurred")
    assert all(", test, blurred, " in title(figure) for figure in figures(at)[:2])
    for figure, (setting, runs) in zip(figures(at), compared.groups.items(), strict=True):
        counts = np.zeros((len(compared.classes),) * 2)
        for run in runs:
            found, similarity = run.predictions("test"), np.eye(len(compared.classes))
            if setting.startswith("simloss"):
                similarity = run.matrix().values
            blurred = np.exp(found.log_probabilities.astype(float)) @ similarity.T
            np.add.at(counts, (found.target, blurred.argmax(1)), 1)
        assert np.allclose(heat(figure), counts / counts.sum(1, keepdims=True), atol=1e-6)
    assert "decided by blurred (argmax for settings without S)" in says(at)
    assert "The blurred probabilities are not calibrated" in says(at)


def test_one_run_is_a_comparison_of_one(visit, predicted):
    predicted(PETS, {"ce": CE[:1]}, TARGET)
    at = visit("confusion")
    assert [title(f) for f in figures(at)] == ["ce, test, seed 0"]
    assert np.allclose(heat(figures(at)[0]), table(CE[0]) / table(CE[0]).sum(1, keepdims=True))


@pytest.mark.parametrize(
    ("by", "divisor"),
    [
        ("counts", lambda t: 1),
        ("by-true", lambda t: t.sum(1, keepdims=True)),
        ("by-predicted", lambda t: t.sum(0, keepdims=True)),
        ("by-all", lambda t: t.sum()),
    ],
)
def test_the_link_says_what_a_cell_is_divided_by(visit, pets, by, divisor):
    drawn = figures(visit("confusion", norm=by))
    for figure, seeds in zip(drawn, (CE, SIM), strict=True):
        assert np.allclose(heat(figure), table(*seeds) / divisor(table(*seeds)))


def test_diagonal_colours_and_order_follow_the_link(visit, pets):
    at = visit("confusion", norm="counts", hide="true", log="true", order="name")
    assert at.toggle(key="hide").value
    shown = heat(figures(at)[0])
    assert np.isnan(np.diag(shown)).all()
    assert np.allclose(10 ** shown[0, 1], table(*CE)[0, 1], atol=1e-6)
    assert figures(at)[0]["data"][0]["zmax"] == pytest.approx(np.log10(1.5))  # the largest mistake of both settings


@pytest.mark.parametrize("order", ["index", "name", "group", "similarity"])
def test_every_order_shows_every_class_once_and_groups_stay_together(visit, compared, order):
    at = visit("confusion", order=order)
    classes = compared.classes
    for figure in figures(at):
        shown = figure["data"][0]["y"]
        assert sorted(shown) == sorted(classes.names)
        if order == "name":
            assert shown == sorted(shown)
        if order == "group":
            groups = [classes.groups[classes.index(n)] for n in shown]
            assert groups == sorted(groups)
    if order == "similarity":
        assert "side by side by the distance “words”" in says(at)


def test_a_and_b_get_their_difference_and_a_run_stands_for_its_setting(visit, pets):
    at = visit("confusion", a="ce-s1", b="simloss@words:keep=0.5", norm="counts", grey="false")
    drawn = figures(at)
    assert [title(f).split(", test")[0] for f in drawn[:2]] == ["ce-s1", "simloss@words:keep=0.5"]
    assert np.allclose(heat(drawn[0]), table(CE[1]))
    expected = table(CE[1]) - table(*SIM)
    assert np.allclose(heat(drawn[2]), expected)
    assert "ce-s1 (seed 1)" in title(drawn[2])
    assert "B makes 1.5 fewer mistakes than A in 8 images" in says(at)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"a": "ce"}, "Choose A and B in the sidebar"), ({"a": "ce", "b": "ce"}, "A and B are the same")],
)
def test_less_than_two_sides_make_no_difference(visit, pets, asked, sentence):
    at = visit("confusion", **asked)
    assert len(figures(at)) == 2
    assert sentence in says(at)


def test_a_link_to_a_cell_frames_it_everywhere_and_lists_its_images(visit, pets):
    at = visit("confusion", t="cat", p="dog")
    assert [at.selectbox(key=k).value for k in "tp"] == ["cat", "dog"]
    for figure in figures(at):
        assert [(s["x0"], s["y0"]) for s in figure["layout"]["shapes"] if s["type"] == "rect"] == [(0.5, -0.5)]
    images = at.dataframe[0].value
    assert images["image"].tolist() == ["image-1", "image-2"]  # in all four runs, in one
    assert images["ce"].tolist() == ["dog 2/2 0.80", "dog 1/2 0.80, truck 1/2 0.80"]
    assert images["simloss@words:keep=0.5"].tolist() == ["dog 2/2 0.80", "✓ 2/2 0.80"]
    assert "keeps no pictures" in says(at)


def test_the_images_of_a_trained_comparison_are_its_pictures(visit, compared):
    names = compared.classes.names
    found = compared.groups["ce"][0].predictions("test")
    guess = int(found.log_probabilities[0].argmax())
    at = visit("confusion", t=names[found.target[0]], p=names[guess])
    images = at.dataframe[0].value
    assert images["picture"].str.startswith("data:image/webp;base64,").all()
    assert found.ids[0] in images["image"].tolist() or at.get("pagination")


def test_images_on_which_a_and_b_disagree_can_be_picked_out(visit, pets):
    at = visit("confusion", a="ce", b="simloss@words:keep=0.5", t="cat", p="dog")
    at.segmented_control(key="images").set_value("A wrong, B right").run()
    assert with_column(at, "image")["image"].tolist() == ["image-2"]
    at.segmented_control(key="images").set_value("A right, B wrong").run()
    assert "None of the images" in says(at)


def test_a_click_fills_the_boxes_and_letting_go_leaves_them():
    st.session_state["plot"] = {"selection": {"points": [{"customdata": [2, 0]}]}}
    confusion_cell.click("plot", PETS.names)
    assert (st.session_state["t"], st.session_state["p"]) == ("truck", "cat")
    st.session_state["plot"] = {"selection": {"points": []}}
    confusion_cell.click("plot", PETS.names)
    assert (st.session_state["t"], st.session_state["p"]) == ("truck", "cat")


def test_pairs_are_ranked_by_count_and_say_what_the_others_do(visit, pets):
    shown = visit("confusion").dataframe[0]
    pairs = shown.value
    assert pairs["cost"].tolist() == [1.5, 1.0, 1.0]
    assert "severity (count x distance)" in shown.proto.columns
    assert pairs[["true", "predicted"]].to_numpy().tolist() == [["cat", "dog"], ["dog", "cat"], ["cat", "truck"]]
    assert pairs["count"].tolist() == [1.5, 1.0, 0.5]
    assert pairs["share"].tolist() == pytest.approx([37.5, 50, 12.5])
    assert pairs["distance"].tolist() == [1, 1, 2]
    assert pairs["simloss@words:keep=0.5"].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"t": "unicorn"}, "true class “unicorn”"),
        ({"p": "<b>"}, "predicted class “<b>”"),
        ({"norm": "rows"}, "way to normalise “rows”"),
        ({"part": "train"}, "part of the data “train”"),
        ({"ruler": "positions"}, "ruler “positions”"),
        ({"decoder": "median"}, "decoder “median”"),
        ({"hide": "perhaps"}, "“perhaps”"),
        ({"of": "emd2"}, "setting “emd2”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, pets, asked, sentence):
    at = visit("confusion", **asked)
    assert sentence in says(at)
    assert len(figures(at)) == 2


DAMAGES = {
    "spec": lambda c: (c.path / "ce-s0" / "spec.json").write_text("{ torn"),
    "predictions": lambda c: (c.path / "ce-s0" / "test.npz").write_bytes(b"no archive"),
    "matrix": lambda c: (c.path / "ce-s0" / "matrix.npz").write_bytes(b"no archive"),
    "folder": lambda c: shutil.rmtree(c.path / "ce-s0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("page", ["confusion", "severity"])
def test_a_broken_run_gets_a_sentence_and_the_others_are_shown(visit, pets, page, damage):
    DAMAGES[damage](pets)
    at = visit(page)
    assert "- ce-s0: " in says(at)
    if page == "confusion":
        assert title(figures(at)[0]) == "ce, test, seed 1"
        assert len(figures(at)) == 2
    else:
        assert at.dataframe[0].value["seeds"].tolist()[0] == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_that_breaks_after_it_was_shown_is_not_remembered(visit, pets, damage):
    visit("confusion")
    at = visit("severity")
    DAMAGES[damage](pets)
    assert "- ce-s0: " in says(at.run())
    assert "- ce-s0: " in says(visit("confusion"))


def test_predictions_that_change_are_read_anew(visit, pets):
    visit("confusion")
    for run in pets.runs:
        if run.setting == "ce":
            found = run.predictions("test")
            right = np.log(0.9 * np.eye(3)[found.target] + 0.1 / 3).astype(np.float16)
            replace(found, log_probabilities=right).save(run.path / "test.npz")
    assert np.allclose(heat(figures(visit("confusion"))[0]), np.eye(3))


@pytest.mark.parametrize("page", ["confusion", "severity"])
def test_a_comparison_that_cannot_be_read_gets_a_sentence(visit, pets, page):
    info = json.loads((pets.path / "comparison.json").read_text())
    (pets.path / "comparison.json").write_text(json.dumps(info | {"classes": {"names": ["a", "a"]}}))
    at = visit(page)
    assert "does not say its classes" in says(at)
    assert not figures(at)


@pytest.mark.parametrize("page", ["confusion", "severity"])
def test_runs_without_predictions_are_counted_and_never_drawn(visit, pets, page):
    for run in pets.runs[1:]:
        (run.path / "test.npz").unlink()
    at = visit(page)
    assert "not shown: 3 queued" in says(at)
    (pets.runs[0].path / "test.npz").unlink()
    at = visit(page)
    assert "No run has predictions on the test part yet: 4 queued" in says(at)
    assert not figures(at)
    ways = [(link.proto.page, link.proto.query_string) for link in at.main.get("page_link")]
    assert ways == [("train", ""), ("runs", "judge=true")]
    assert visit("runs", judge="true").file_uploader(key="judge-files-0").label == "Files of predictions"


def test_damaged_pictures_leave_the_names_of_the_images(visit, pets):
    (pets.path / "images.npz").write_bytes(b"no archive")
    at = visit("confusion", t="cat", p="dog")
    assert "pictures of this comparison cannot be read" in says(at)
    assert at.dataframe[0].value["image"].tolist() == ["image-1", "image-2"]


def test_names_are_shown_and_never_run(visit, predicted):
    odd = ClassSet(["<b>*cat*</b>", "[dog](x) $y$", "=1+1"])
    predicted(odd, {"ce": CE}, TARGET)
    at = visit("confusion", t=odd.names[0], p=odd.names[1])
    assert "<b>*cat*</b> taken for [dog](x) $y$" in says(at)
    assert not any("<b>" in text or "](x)" in text for text in unescaped(at))
    assert figures(at)[0]["data"][0]["y"][0] == "&lt;b&gt;*cat*&lt;/b&gt;"


def test_a_class_chosen_in_another_comparison_is_let_go(visit, predicted):
    older = predicted(ClassSet(["rose", "tulip"]), {"ce": [[0, 1]]}, [0, 1], "flowers")
    newer = predicted(PETS, {"ce": CE}, TARGET, "pets")
    at = visit("confusion", c=newer.id, t="cat", p="dog", of="ce")
    at.selectbox(key="c").set_value(older.id).run()
    assert not at.exception
    assert at.selectbox(key="t").value is None
    assert len(figures(at)) == 1


def test_answers_are_counted_by_class_the_most_frequent_first():
    said = [(1, 0.5), (0, 0.9), (1, 0.7), (2, 0.4)]
    assert confusion_images.verdict(said, 0, PETS.names) == "dog 2/4 0.60, ✓ 1/4 0.90 …"
    assert confusion_images.verdict([(0, 0.25)], 0, PETS.names) == "✓ 0.25"


def test_the_tables_say_how_a_row_is_chosen_by_keyboard(visit, pets):
    at = visit("confusion", t="cat", p="dog")
    hint = "keyboard: Shift+Space chooses the row"
    assert sum(hint in c.value for c in at.caption) == 2  # of the images, of the pairs
    at = visit("confusion", a="ce", b="simloss@words:keep=0.5")
    assert sum(hint in c.value for c in at.caption) == 2  # of the difference, of the pairs
    assert hint not in says(visit("severity"))  # whose rows choose nothing
    assert sum(hint in c.value for c in visit("runs").caption) == 2  # of the comparisons, of their runs
