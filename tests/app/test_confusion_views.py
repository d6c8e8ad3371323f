"""What the controls of the confusion page do: rows of groups, orders, tests of a difference, many classes."""

import json

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from simviz import ClassSet
from simviz.evaluation import cell_differences, confusion_matrix, foreign
from simviz.runs import Store
from simviz.runs.foreign import keep
from simviz.ui import pairs
from simviz.ui.views import confusion_cell
from tests.app.reading import array, figures, frame, heat, says, title

ZOO = ClassSet(
    ["lion", "cat", "dog", "truck", "bus", "tram"],
    groups=[("animal", g) for g in ("feline", "feline", "canine")] + [("vehicle", g) for g in ("road", "road", "rail")],
)
LEVEL_1 = ["animal (all 3)", "vehicle (all 3)"]
LEVEL_2 = ["animal / feline (all 2)", "animal / canine (all 1)", "vehicle / road (all 2)", "vehicle / rail (all 1)"]
NAMES = np.array([f"c{i}" for i in range(6)])
RNG = np.random.default_rng(0)
TARGET = np.repeat(np.arange(6), 30)
CE = [np.where(RNG.random(180) < 0.6, TARGET, RNG.integers(0, 6, 180)) for _ in range(2)]
SIM = [np.where((TARGET == 1) & (answer != 1), 0, answer) for answer in CE]  # cats are taken for lions alone


@pytest.fixture
def zoo(predicted):
    return predicted(ZOO, {"ce": CE, "emd2": SIM}, TARGET.tolist())


def counts(answers):
    return np.mean([confusion_matrix(TARGET, a, 6) for a in answers], axis=0)


def drawn(figure):
    """A heat map with its grey cells put back in."""
    z = [array(t["z"]) for t in figure["data"] if t["type"] == "heatmap"]
    return np.where(np.isnan(z[0]), z[1], z[0]) if len(z) > 1 else z[0]


def grey(figure):
    layers = [array(t["z"]) for t in figure["data"] if t["type"] == "heatmap"]
    return ~np.isnan(layers[1]) if len(layers) > 1 else np.zeros(layers[0].shape, bool)


@pytest.mark.parametrize(
    ("asked", "names", "rows"),
    [
        ({"level": "level-1"}, LEVEL_1, [0, 0, 0, 1, 1, 1]),
        ({"level": "level-2"}, LEVEL_2, [0, 0, 1, 2, 2, 3]),
        ({"level": "level-1", "open": "vehicle"}, [LEVEL_1[0], *LEVEL_2[2:]], [0, 0, 0, 1, 1, 2]),
    ],
)
def test_groups_collapse_and_open_and_keep_all_totals(visit, zoo, asked, names, rows):
    at = visit("confusion", norm="counts", **asked)
    for figure, answers in zip(figures(at), (CE, SIM), strict=True):
        assert figure["data"][0]["y"] == names
        expected = np.zeros((len(names),) * 2)
        np.add.at(expected, np.ix_(rows, rows), counts(answers))
        assert np.allclose(heat(figure), expected)
        assert heat(figure).sum() == pytest.approx(180)


def test_opening_a_group_offers_the_groups_inside_it(visit, zoo):
    at = visit("confusion", level="level-1")
    box = at.multiselect(key="open")
    assert box.options == ["animal", "vehicle"]
    box.set_value(["animal"]).run()
    assert at.multiselect(key="open").options == ["animal", "vehicle", "animal / canine", "animal / feline"]
    at.multiselect(key="open").set_value(["animal", "animal / feline"]).run()
    assert figures(at)[0]["data"][0]["y"] == ["lion", "cat", LEVEL_2[1], LEVEL_1[1]]
    at.multiselect(key="open").set_value(["animal / feline"]).run()  # what it lies in is closed again
    assert not at.exception
    assert figures(at)[0]["data"][0]["y"] == LEVEL_1
    at.segmented_control(key="level").set_value("classes").run()
    assert figures(at)[0]["data"][0]["y"] == list(ZOO.names)


def test_a_link_restores_groups_inside_groups(visit, zoo):
    at = visit("confusion", level="level-1", open=["animal", "animal / feline"])
    assert figures(at)[0]["data"][0]["y"] == ["lion", "cat", LEVEL_2[1], LEVEL_1[1]]


def test_a_group_is_a_cell_whose_images_are_those_of_its_classes(visit, zoo):
    at = visit("confusion", level="level-1", t="animal (all 3)", p="vehicle (all 3)")
    frames = [s for s in figures(at)[0]["layout"]["shapes"] if s["type"] == "rect"]
    assert [(s["x0"], s["y0"]) for s in frames] == [(0.5, -0.5)]
    inside = np.zeros(180, bool)
    for answer in (*CE, *SIM):
        inside |= (TARGET < 3) & (answer >= 3)
    assert f"of the {inside.sum()} images" in says(at)
    at.segmented_control(key="level").set_value("classes").run()
    assert not [s for s in figures(at)[0]["layout"].get("shapes", []) if s["type"] == "rect"]
    assert f"of the {inside.sum()} images" in says(at)


def test_a_class_inside_a_collapsed_group_frames_its_group(visit, zoo):
    at = visit("confusion", level="level-1", t="cat", p="truck")
    frames = [s for s in figures(at)[0]["layout"]["shapes"] if s["type"] == "rect"]
    assert [(s["x0"], s["y0"]) for s in frames] == [(0.5, -0.5)]
    assert "cat taken for truck" in says(at)


def test_the_order_of_the_confusions_puts_mixed_up_classes_side_by_side(visit, predicted):
    swapped = np.array([3, 1, 2, 0, 4, 5])[TARGET]
    predicted(ZOO, {"ce": [np.where(np.arange(180) % 3 > 0, TARGET, swapped)]}, TARGET.tolist())
    at = visit("confusion", order="confusion")
    shown = figures(at)[0]["data"][0]["y"]
    assert sorted(shown) == sorted(ZOO.names)
    assert abs(shown.index("lion") - shown.index("truck")) == 1
    assert "taken for each other stand side by side" in says(at)


@pytest.mark.parametrize("order", ["index", "name", "group", "similarity", "confusion"])
def test_every_order_works_on_groups_too(visit, zoo, order):
    at = visit("confusion", order=order, level="level-2")
    for figure in figures(at):
        assert sorted(figure["data"][0]["y"]) == sorted(LEVEL_2)


def test_the_order_of_the_confusions_is_this_pages_alone(visit, zoo):
    at = visit("confusion", order="confusion")
    at.switch_page("pages/similarity.py").run()
    assert not at.exception
    assert at.segmented_control(key="order").value == "index"


def test_empty_classes_can_be_left_out(visit, predicted):
    target = [0, 0, 1, 1, 1]
    predicted(ZOO, {"ce": [[0, 1, 1, 3, 1]]}, target)
    at = visit("confusion", empty="true")
    assert figures(at)[0]["data"][0]["y"] == ["lion", "cat", "truck"]
    assert "3 of 6 classes are without an image or a prediction" in says(at)
    predicted(ZOO, {"ce": [[0, 0, 1, 3, 1]]}, target, "other")
    at = visit("confusion", empty="true", hide="true")
    assert figures(at)[0]["data"][0]["y"] == ["cat", "truck"]
    assert "4 of 6 classes are without a mistake" in says(at)


def test_a_difference_is_tested_and_what_may_be_chance_is_grey(visit, zoo):
    at = visit("confusion", a="ce", b="emd2", norm="counts")
    change, expected = figures(at)[2], cell_differences(TARGET, CE, SIM, np.arange(180), 6)
    assert np.allclose(drawn(change), counts(CE) - counts(SIM))
    assert np.array_equal(grey(change), (expected.change != 0) & ~expected.significant)
    assert expected.significant[1, 0]
    assert f"{expected.significant.sum()} of the {(expected.differing > 0).sum()} cells that changed stand out" in says(
        at
    )
    assert "at least 6 of the 180 images differ" in says(at)
    at.toggle(key="grey").set_value(False).run()
    assert not grey(figures(at)[2]).any()


def test_a_minus_b_is_the_opposite_of_b_minus_a(visit, zoo):
    there, back = (visit("confusion", a=a, b=b, norm="counts") for a, b in (("ce", "emd2"), ("emd2", "ce")))
    for picture in (drawn, grey):
        first, second = (picture(figures(at)[2]).astype(float) for at in (there, back))
        assert np.allclose(first, -second if picture is drawn else second)
    for side in ("A", "B"):
        other = "B" if side == "A" else "A"
        assert frame(there, "A - B")[side].tolist() == frame(back, "A - B")[other].tolist()


def test_harm_is_distance_times_change(visit, zoo):
    at = visit("confusion", a="ce", b="emd2", norm="counts", tone="harm", hide="false")
    assert at.segmented_control(key="tone").value == "harm"
    same = np.array([[len([1 for x, y in zip(p, q, strict=True) if x == y]) for q in ZOO.groups] for p in ZOO.groups])
    distance = np.where(np.eye(6, dtype=bool), 0, 3 - same)
    assert np.allclose(drawn(figures(at)[2]), distance * (counts(CE) - counts(SIM)))
    costs = [(distance * counts(a)).sum() for a in (CE, SIM)]
    assert f"cost {costs[0]:,.1f} in A and {costs[1]:,.1f} in B (tree levels)" in says(at)
    assert "; ruler groups (tree levels), 0..3" in title(figures(at)[2])
    off = ~np.eye(6, dtype=bool)  # what is right does no harm, so it is neither tested nor counted
    changed = int(((counts(CE) != counts(SIM)) & off).sum())
    assert f"of the {changed} cells that changed stand out" in says(at)
    at.segmented_control(key="level").set_value("level-1").run()
    rows = [0, 0, 0, 1, 1, 1]
    expected = np.zeros((2, 2))
    np.add.at(expected, np.ix_(rows, rows), distance * (counts(CE) - counts(SIM)))
    assert np.allclose(drawn(figures(at)[2]), expected)


def test_a_row_of_the_differences_becomes_the_cell(visit, zoo):
    table = frame(visit("confusion", a="ce", b="emd2"), "A - B")
    assert table.loc[0, "stands out"] == "yes"
    assert (table["A - B"] == table["A"] - table["B"]).all()
    st.session_state["rows"] = {"selection": {"rows": [0]}}
    st.session_state["pg"] = 3
    pairs.picked("rows", table, confusion_cell.pick)
    assert [st.session_state[k] for k in ("t", "p", "pg")] == [table.loc[0, "true"], table.loc[0, "predicted"], 1]
    del st.session_state["pg"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"norm": "by-predicted"}, "Tested is a cell's count, not the share that is drawn"),
        ({"hide": "true"}, "The diagonal is hidden, and tested all the same."),
        ({"a": "ce-s0", "b": "emd2-s0"}, "with one seed a side it is about these networks"),
    ],
)
def test_it_says_what_a_difference_is_worth(visit, zoo, asked, sentence):
    assert sentence in says(visit("confusion", **{"a": "ce", "b": "emd2"} | asked))


def test_shares_of_the_predicted_class_are_tested_by_their_counts(visit, zoo):
    at = visit("confusion", a="ce", b="emd2", norm="by-predicted")
    expected = cell_differences(TARGET, CE, SIM, np.arange(180), 6)
    shares = [counts(answers) / counts(answers).sum(axis=0) for answers in (CE, SIM)]
    change = figures(at)[2]
    assert np.allclose(drawn(change), shares[0] - shares[1])
    assert np.array_equal(grey(change), (shares[0] != shares[1]) & ~expected.significant)
    assert f"{expected.significant.sum()} of the {(expected.differing > 0).sum()} cells that changed stand out" in says(
        at
    )
    assert (frame(at, "A - B")["stands out"] == "yes").sum() == (expected.significant & ~np.eye(6, dtype=bool)).sum()
    drawn_change = frame(at, "A - B")["as drawn, A - B"].abs()
    for stands in ("yes", ""):
        assert drawn_change[frame(at, "A - B")["stands out"] == stands].is_monotonic_decreasing


def test_too_few_units_leave_every_change_grey(visit, predicted):
    predicted(ZOO, {"ce": [[0, 1, 2, 3, 4, 5]], "emd2": [[1, 1, 2, 3, 4, 0]]}, [0, 1, 2, 3, 4, 5])
    at = visit("confusion", a="ce", b="emd2")
    assert grey(figures(at)[2]).sum() == 4
    assert "None of the 4 cells that changed can be told from chance" in says(at)
    assert "there are 6 images in all. Rows of groups pool their classes" in says(at)
    assert "So every cell is grey: let go of" in says(at)
    at.toggle(key="grey").set_value(False).run()
    assert "So every cell is grey" not in says(at)


def test_runs_on_other_images_are_not_tested(visit, zoo):
    found = zoo.groups["emd2"][0]
    with np.load(found.path / "test.npz") as file:
        arrays = dict(file)
    np.savez(found.path / "test.npz", **arrays | {"ids": np.array([f"other-{i}" for i in range(180)])})
    at = visit("confusion", a="ce", b="emd2")
    assert "A and B did not answer the same images" in says(at)
    assert not grey(figures(at)[2]).any()


def test_counts_are_not_tested_and_list_no_images(visit, runs):
    tables = [pd.DataFrame(sum(confusion_matrix(TARGET, a, 6) for a in seeds), NAMES, NAMES) for seeds in (CE, SIM)]
    found = [foreign.read(foreign.source(t.to_csv().encode(), f"{n}.csv")) for n, t in zip("ab", tables, strict=True)]
    keep(found, store=Store(runs))
    at = visit("confusion", a="a", b="b", t="c1", p="c0", picture="true")
    assert "counts do not say which images they are of, so no cell can be tested" in says(at)
    assert "a, b: counts name no images, so none are listed." in says(at)
    assert "Counts name no images, so there is none to look at." in says(at)
    assert not [f for f in at.dataframe if "image" in f.value]
    assert not [box for box in at.selectbox if box.label == "Image"]


def test_counts_beside_named_images_leave_these_listed(visit, runs):
    samples = pd.DataFrame({"y_true": NAMES[TARGET], "y_pred": NAMES[CE[0]]}).to_csv(index=False)
    table = pd.DataFrame(confusion_matrix(TARGET, SIM[0], 6), NAMES, NAMES).to_csv()
    files = {"a.csv": samples, "b.csv": table}
    keep([foreign.read(foreign.source(f.encode(), name)) for name, f in files.items()], store=Store(runs))
    at = visit("confusion", a="a", b="b", t="c1", p="c0", picture="true")
    assert "counts do not say which images they are of" in says(at)
    listed = frame(at, "image")
    assert "a" in listed
    assert "b" not in listed
    assert "-" not in "".join(listed["image"])
    assert [len(box.options) for box in at.selectbox if box.label == "Image"] == [len(TARGET)]


def test_samples_are_joined_by_their_ids_and_not_by_their_rows(visit, zoo):
    run = zoo.groups["emd2"][1]
    with np.load(run.path / "test.npz") as file:
        arrays = dict(file)
    turned = {k: v[::-1] if v.shape[:1] == (180,) else v for k, v in arrays.items()}
    before = grey(figures(visit("confusion", a="ce", b="emd2"))[2])
    np.savez(run.path / "test.npz", **turned)
    assert np.array_equal(grey(figures(visit("confusion", a="ce", b="emd2"))[2]), before)


def test_many_images_come_in_pages_that_a_link_restores(visit, zoo):
    at = visit("confusion", t="animal (all 3)", p="animal (all 3)", pg="2")
    shown = frame(at, "image")
    assert len(shown) == 12
    assert at.get("pagination")[0].value == 2
    first = frame(visit("confusion", t="animal (all 3)", p="animal (all 3)"), "image")
    assert not set(first["image"]) & set(shown["image"])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"level": "level-3"}, "level of groups “level-3”"),
        ({"level": "level-1", "open": "plants"}, "group “plants”"),
        ({"open": "plants"}, "group “plants”"),
        ({"order": "size"}, "class order “size”"),
        ({"empty": "maybe"}, "“maybe”"),
        ({"at": "7"}, "epoch “7”"),
        ({"tone": "loud"}, "colour of the difference “loud”"),
        ({"grey": "maybe"}, "value of “Grey where it may be chance”"),
        ({"images": "ugly"}, "kind of images “ugly”"),
        ({"pg": "99"}, "the page of images as “99”; it must be a number from 1 to"),
        ({"pg": "two"}, "the page of images as “two”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, zoo, asked, sentence):
    common = {"a": "ce", "b": "emd2", "t": "animal (all 3)", "p": "animal (all 3)"}
    at = visit("confusion", **common | asked)
    assert sentence in says(at)
    assert len(figures(at)) == 3
    assert frame(at, "image")["image"].size == 12


def test_a_comparison_without_groups_has_no_level(visit, predicted):
    predicted(ClassSet(list("abc")), {"ce": [[0, 1, 2]]}, [0, 1, 2])
    at = visit("confusion", level="level-1", open="x")
    assert not [s for s in at.segmented_control if s.key == "level"]
    assert "level of groups “level-1”" in says(at)
    assert "group “x”" in says(at)


def test_a_thousand_classes_are_an_image_with_a_window_into_it(visit, thousand):
    at = visit("confusion", a="ce", b="emd2", t="class 500", p="class 503")
    images, windows = figures(at)[:2], figures(at)[2:4]
    assert [f["data"][0]["type"] for f in images] == ["image"] * 2
    for figure in (*windows, figures(at)[5]):
        assert figure["data"][0]["type"] == "heatmap"
        assert len(figure["data"][0]["y"]) == len(figure["data"][0]["x"]) == 50
        assert "class 500" in figure["data"][0]["y"]
        shape = next(s for s in figure["layout"]["shapes"] if s["type"] == "rect")
        assert figure["data"][0]["y"][round(shape["y0"] + 0.5)] == "class 500"
        assert figure["data"][0]["x"][round(shape["x0"] + 0.5)] == "class 503"
    assert figures(at)[4]["data"][0]["type"] == "image"
    assert sum(len(json.dumps(f)) for f in figures(at)) < 3_000_000
    assert "1,000 classes are drawn as an image" in says(at)
    at.segmented_control(key="level").set_value("level-1").run()
    assert [f["data"][0]["type"] for f in figures(at)] == ["heatmap"] * 3
    assert len(figures(at)[0]["data"][0]["y"]) == 20


@pytest.mark.parametrize("order", ["similarity", "confusion"])
def test_of_more_classes_than_an_optimal_order_is_found_for_the_page_says_so(visit, thousand, compared, order):
    said = "Of more than 500 classes, neighbours may be less alike than they could be."
    assert said in says(visit("confusion", order=order, c=thousand.id))
    assert said not in says(visit("confusion", order=order, c=compared.id))


def test_without_a_chosen_cell_the_window_is_at_the_most_frequent_confusion(visit, thousand):
    at = visit("confusion", norm="counts")
    first = frame(at, "share").loc[0]
    assert "around the most frequent confusion" in says(at)
    total = np.nansum([array(f["data"][0]["z"]) for f in figures(at)[2:4]], axis=0)
    assert total.max() > first["count"] / 2
    clickable = [t for t in figures(at)[0]["data"] if t.get("customdata")]
    assert 0 < len(clickable[0]["customdata"]) <= 1600


def test_other_images_begin_with_their_first_page_and_leave_no_page_behind(visit, zoo):
    at = visit("confusion", a="ce", b="emd2", t="animal (all 3)", p="animal (all 3)", pg="2")
    assert at.get("pagination")[0].value == 2
    at.segmented_control(key="images").set_value("A right, B wrong").run()
    assert not at.exception
    assert not at.get("pagination")
    assert "the page of images" not in says(at)
    at.segmented_control(key="images").set_value("all").run()
    assert at.get("pagination")[0].value == 1
    at.get("pagination")[0].set_value(2).run()
    at.selectbox(key="p").set_value("vehicle (all 3)").run()
    assert at.get("pagination")[0].value == 1
    assert "the page of images" not in says(at)
