import io
import json

import numpy as np
import pandas as pd
import pytest

from simviz import ClassSet, compare, evaluation, matrices
from simviz.report import tables
from simviz.ui.text import formula_safe
from simviz.ui.views import severity_classes
from tests.app.reading import array, figures, says, title, unescaped

PETS = ClassSet(["cat", "dog", "truck"], groups=["animal", "animal", "vehicle"])
AGES = ClassSet(["child", "adult", "old"], positions=[8, 35, 75])
TARGET = [0, 0, 0, 0, 1, 1, 2, 2]
CE = [[0, 1, 2, 0, 1, 0, 2, 2], [0, 1, 1, 0, 1, 0, 2, 2]]
SIM = [[0, 1, 0, 0, 1, 1, 2, 0], [0, 1, 0, 0, 1, 1, 2, 2]]
SIMLOSS = "simloss@words:keep=0.5"


@pytest.fixture
def pets(predicted):
    return predicted(PETS, {"ce": CE, SIMLOSS: SIM}, TARGET)


def test_a_ruler_that_was_only_the_first_gives_way_to_the_next_comparisons_own(visit, predicted):
    plain = predicted(ClassSet(["cat", "dog", "truck"]), {"ce": CE}, TARGET, "plain")
    grouped = predicted(PETS, {"ce": CE}, TARGET, "grouped")
    at = visit("severity", c=plain.id)
    own = at.segmented_control(key="ruler").value
    at.sidebar.selectbox(key="c").select(grouped.id).run()
    assert own != "groups"
    assert at.segmented_control(key="ruler").value == "groups"


def costs(predictions, distance):
    return [distance[t][p] for t, p in zip(TARGET, predictions, strict=True)]


def test_without_a_comparison_it_says_what_to_do(visit):
    at = visit("severity")
    assert "There is no comparison yet" in says(at)
    assert not at.dataframe


def test_the_table_is_that_of_the_library_and_names_controls_and_the_trained_ruler(visit, compared):
    at = visit("severity")
    table = at.dataframe[0].value
    assert table["setting"].tolist() == ["ce", "ce", "simloss@words:keep=0.05", "expected_cost@groups"]
    assert table["decoder"].tolist() == ["argmax", "min_cost", "argmax", "argmax"]
    assert table["control"].tolist() == [False, True, False, False]
    assert table["trained on the ruler"].tolist() == [False, False, False, True]
    results = [[r.result() for r in runs] for runs in compared.groups.values()]
    for metric, column, factor in (("accuracy", "accuracy", 100), ("mean_cost", "mean cost", 1)):
        expected = [factor * np.mean([r[metric] for r in runs]) for runs in results]
        assert np.allclose(table[column].iloc[[0, 2, 3]], expected, atol=1e-3 * factor)
    assert "the very matrix that expected_cost@groups was trained on" in says(at)
    pages = [at, visit("severity", detail="calibration")]
    pages.append(visit("confusion", a="ce", b="expected_cost@groups", tone="harm"))
    for drawn in (figures(pages[0]), figures(pages[1]), figures(pages[2])[-1:]):
        assert all("the very matrix" in title(f).replace("<br>", " ") for f in drawn)
    assert says(at).count("against ce: accuracy") == 2
    warned = {r.result()["warning"] for r in compared.runs} - {None}
    assert all(any(w in text for text in says(at).splitlines()) for w in warned)


@pytest.mark.parametrize("room", ["distances", "classes", "pairs", "top-k", "calibration", "gain"])
@pytest.mark.parametrize(
    ("ruler", "distance"),
    [
        ("groups", [[0, 1, 2], [1, 0, 2], [2, 2, 0]]),
        ("zero_one", [[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    ],
)
def test_the_chosen_ruler_measures_everything_and_stands_in_every_title(visit, pets, ruler, distance, room):
    at = visit("severity", ruler=ruler, detail=room)
    expected = [np.mean([costs(seed, distance) for seed in seeds]) for seeds in (CE, SIM)]
    assert np.allclose(at.dataframe[0].value.query("decoder == 'argmax'")["mean cost"], expected)
    assert all(f"ruler {ruler}" in title(f) for f in figures(at))
    diagrams = room == "calibration"  # one of them is of another decoder, a control
    assert all("test, argmax, 2 seeds" in title(f) for f in figures(at)[: 1 if diagrams else None])


def test_intervals_are_half_of_the_t_interval_over_seeds(visit, pets):
    found = visit("severity").dataframe[0].value.iloc[0]
    each = np.array([np.mean(costs(seed, [[0, 1, 2], [1, 0, 2], [2, 2, 0]])) for seed in CE])
    half = 12.7062 * each.std(ddof=1) / np.sqrt(2)  # t at 97.5 % with one degree of freedom
    assert found["± mean cost"] == pytest.approx(half, rel=1e-4)


def test_one_run_has_no_interval_and_no_finding(visit, predicted):
    predicted(PETS, {"ce": CE[:1]}, TARGET)
    at = visit("severity")
    table = at.dataframe[0].value
    assert len(figures(at)) == 2
    assert "± accuracy" not in table
    assert "one seed alone has no interval" in says(at)
    assert "against ce" not in says(at)


def test_blurred_is_offered_where_a_similarity_was_trained_with_and_marks_the_others(visit, compared):
    at = visit("severity", decoder="blurred")
    assert at.segmented_control(key="decoder").options == ["argmax", "min_cost", "blurred"]
    table = at.dataframe[0].value
    assert dict(zip(table["setting"], table["decoder"], strict=True)) == {
        "ce": "min_cost",  # its argmax row comes first
        "simloss@words:keep=0.05": "blurred",
        "expected_cost@groups": "argmax",
    }
    rows = {r.label: r for r in compare.table(compared, decoder="blurred")}
    expected = rows["simloss@words:keep=0.05 | blurred"]
    assert np.allclose(table.query("decoder == 'blurred'")["accuracy"], 100 * expected.mean("accuracy"))
    assert all("blurred (argmax for settings without S)" in title(f) for f in figures(at))
    matrix = compared.groups["simloss@words:keep=0.05"][0].matrix()
    assert f"{evaluation.column_ratio(matrix):.2f} times the smallest" in says(at)


def test_a_matrix_of_other_classes_gets_a_sentence(visit, compared):
    broken = compared.groups["simloss@words:keep=0.05"][0]
    matrices.class_order(3, r=0.3).save(broken.path / "matrix.npz")
    at = visit("severity", decoder="blurred")
    assert f"- {broken.id}: the matrix has no class" in says(at)
    assert at.dataframe[0].value.query("decoder == 'blurred'")["seeds"].tolist() == [1]


def test_blurred_is_not_offered_without_a_similarity(visit, pets):
    at = visit("severity", decoder="blurred")
    assert at.segmented_control(key="decoder").options == ["argmax", "min_cost"]
    assert "blurred" in says(at)


def test_the_decoder_is_recomputed_everywhere(visit, predicted):
    predicted(AGES, {"ce": CE, "emd2": SIM}, TARGET)
    at = visit("severity", decoder="expectation")
    assert at.segmented_control(key="decoder").options == ["argmax", "min_cost", "median", "expectation"]
    assert all("expectation" in title(f) for f in figures(at))
    # 0.8 on one class and 0.1 on each other: the expectation moves the outer classes towards the middle
    nearest = {0: (0.8 * 8 + 0.1 * 35 + 0.1 * 75), 1: (0.1 * 8 + 0.8 * 35 + 0.1 * 75), 2: (0.1 * 8 + 3.5 + 60)}
    place = {k: int(np.argmin(np.abs(np.array(AGES.positions) - v))) for k, v in nearest.items()}
    x = np.array(AGES.positions)
    expected = [
        np.mean([[abs(x[t] - x[place[p]]) for t, p in zip(TARGET, s, strict=True)] for s in seeds])
        for seeds in (CE, SIM)
    ]
    table = at.dataframe[0].value.query("decoder == 'expectation'")
    assert np.allclose(table["mean cost"], expected)
    assert np.allclose(table["MAE"], expected)


def test_words_and_rulers_that_the_classes_lack_are_not_offered(visit, predicted):
    predicted(ClassSet(["qqzzxxw", "xxqqj", "wwzzq"]), {"ce": CE}, TARGET)
    at = visit("severity")
    assert at.segmented_control(key="ruler").options == ["zero_one"]


def test_points_are_seeds_and_their_mean(visit, pets):
    points = {t["name"]: t for t in figures(visit("severity"))[0]["data"] if t.get("showlegend") is not False}
    right = np.mean(np.array(SIM) == TARGET)
    assert array(points[SIMLOSS]["x"])[0] == pytest.approx(right)
    seeds = [t for t in figures(visit("severity"))[0]["data"] if t.get("showlegend") is False]
    assert len(array(seeds[0]["x"])) == 2


@pytest.mark.parametrize(("beyond", "share"), [("0", "100.0%"), ("1", "16.7%"), ("2", "0.0%")])
def test_the_share_of_mistakes_beyond_a_distance(visit, pets, beyond, share):
    at = visit("severity", beyond=beyond, spread="cumulative")
    assert f"ce {share}" in says(at)  # six mistakes in two seeds, one of them across groups
    assert "nearer" in figures(at)[1]["layout"]["yaxis"]["title"]["text"]


def test_classes_have_a_column_a_loss_and_few_mistakes_are_hollow(visit, pets):
    at = visit("severity", detail="classes", quantity="mean_cost", sort="index")
    picture = figures(at)[1]
    expected = evaluation.class_severity(
        evaluation.confusion_matrix(TARGET * 2, CE[0] + CE[1], 3), evaluation.ruler(PETS, "groups")
    )
    dots = [t for t in picture["data"] if t["mode"] == "markers"]
    assert [t["name"] for t in dots] == ["ce", SIMLOSS]
    assert dots[0]["y"] == list(PETS.names)
    assert np.allclose(array(dots[0]["x"]), expected["mean_cost"])
    assert all(symbol.endswith("-open") for symbol in dots[0]["marker"]["symbol"])
    assert "of 3 classes: ce 3" in says(at)


def test_a_stands_first_and_classes_sort_by_the_difference_to_b(visit, pets):
    at = visit("severity", detail="classes", a=SIMLOSS, b="ce-s1", quantity="error_rate", sort="difference")
    dots = [t for t in figures(at)[1]["data"] if t["mode"] == "markers"]
    assert [t["name"] for t in dots] == [SIMLOSS, "ce"]
    change = array(dots[0]["x"]) - array(dots[1]["x"])
    assert np.all(np.diff(change) <= 0)
    without = visit("severity", detail="classes", a=SIMLOSS, sort="difference")
    assert "way to sort “difference”" in says(without)


def test_classes_without_a_value_come_last():
    values = {"ce": np.array([np.nan, 1.0, 2.0]), "b": np.array([0.0, 2.0, 0.5])}
    assert severity_classes.class_order(values, ("b", "C", "a"), "largest") == [2, 1, 0]
    assert severity_classes.class_order(values, ("b", "C", "a"), "difference") == [2, 1, 0]
    assert severity_classes.class_order(values, ("b", "C", "a"), "name") == [2, 0, 1]


def test_worst_pairs_weigh_count_by_distance(visit, pets):
    pairs = visit("severity", detail="pairs", worst=SIMLOSS).dataframe[-1].value
    assert pairs[["true", "predicted", "cost"]].to_numpy().tolist() == [["cat", "dog", 1.0], ["truck", "cat", 1.0]]
    assert pairs["ce"].tolist() == [1.5, 0.0]


def test_the_download_holds_every_metric_and_no_formula(visit, pets):
    at = visit("severity")
    assert [b.label for b in at.get("download_button")] == ["Severity (CSV)"]
    rows = compare.table(pets)
    table = pd.read_csv(io.BytesIO(tables.severity("test", evaluation.ruler(PETS, "groups"), rows)))
    assert table["setting"].tolist() == [r.setting for r in rows]
    for metric in ("accuracy", "nll", "mistake_severity"):
        assert np.allclose(table[metric], [r.mean(metric) for r in rows])
        assert np.allclose(table[f"{metric}_low"], [r.interval(metric)[0] for r in rows])
    assert [formula_safe(t) for t in ("=1+1", "+1", "-1", "@x", "\tx", "ce", "a=b")] == [
        *("'=1+1", "'+1", "'-1", "'@x", "'\tx", "ce", "a=b")
    ]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"ruler": "learned"}, "ruler “learned”"),
        ({"ruler": "matrix"}, "ruler “matrix”"),  # there is none
        ({"decoder": "median"}, "decoder “median”"),
        ({"spread": "pie"}, "way to draw distances “pie”"),
        ({"detail": "classes", "quantity": "x"}, "quantity “x”"),
        ({"detail": "everything"}, "closer look “everything”"),
        ({"detail": "order"}, "closer look “order”"),
        ({"detail": "calibration", "bins": "round"}, "kind of bins “round”"),
        ({"detail": "top-k", "k": "4"}, "gives the number of ranked classes as “4”; it must be a number from 1 to 3"),
        ({"beyond": "9"}, "gives the distance as “9”; it must be a number from 0 to 2"),
        ({"beyond": "far"}, "gives the distance as “far”"),
        ({"detail": "pairs", "worst": "emd2"}, "setting “emd2”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, pets, asked, sentence):
    at = visit("severity", **asked)
    assert sentence in says(at)
    assert len(figures(at)) == {"pairs": 1, "calibration": 4}.get(asked.get("detail", ""), 2)


def test_a_smaller_ruler_lets_go_of_a_distance_beyond_it(visit, pets):
    at = visit("severity", ruler="groups", beyond="1.5")
    at.segmented_control(key="ruler").set_value("zero_one").run()
    assert not at.exception
    assert at.number_input(key="beyond").value == 0.5


def test_names_are_shown_and_never_run(visit, predicted):
    odd = ClassSet(["<b>*cat*</b>", "[dog](x) $y$", "=1+1"])
    predicted(odd, {"ce": CE}, TARGET)
    at = visit("severity", detail="classes")
    assert not any("<b>" in text or "](x)" in text for text in unescaped(at))
    assert "&lt;b&gt;*cat*&lt;/b&gt;" in figures(at)[1]["data"][0]["y"]


def test_many_classes_come_in_pages(visit, predicted):
    many = ClassSet([f"class {i}" for i in range(50)], groups=[str(i // 10) for i in range(50)])
    predicted(many, {"ce": [[(i + 1) % 50 for i in range(50)]]}, list(range(50)))
    at = visit("severity", detail="classes", sort="index")
    shown = figures(at)[1]["data"][0]["y"]
    assert len(shown) == severity_classes.PAGE_SIZE
    assert shown[0] == "class 0"


def test_no_mistake_has_no_severity(visit, predicted):
    predicted(PETS, {"ce": [TARGET, TARGET]}, TARGET)
    at = visit("severity")
    assert "ce no mistakes" in says(at)
    at.segmented_control(key="detail").set_value("classes").run()
    assert not at.exception
    assert "ce makes no mistake" in says(at)
    at.segmented_control(key="detail").set_value("pairs").run()
    assert "ce makes no mistake on the test part" in says(at)
    assert "severity" not in at.dataframe[0].value


def test_a_thousand_classes_are_measured_exactly_and_stay_small_on_the_wire(visit, thousand):
    at = visit("severity", ruler="groups")
    distance = matrices.groups(thousand.classes).to_distance().aligned(thousand.classes).values
    found = at.dataframe[0].value.query("decoder == 'argmax'").set_index("setting")
    for setting, (run,) in thousand.groups.items():
        said = run.predictions()
        cost = distance[said.target, said.log_probabilities.argmax(axis=1)].astype(float)
        assert found.loc[setting, "mean cost"] == pytest.approx(cost.mean())
        assert found.loc[setting, "accuracy"] == pytest.approx(100 * (cost == 0).mean())
    for room in ("distances", "classes", "pairs", "top-k", "calibration", "gain"):
        at = visit("severity", ruler="groups", detail=room)
        assert at.segmented_control(key="detail").value == room
        assert not at.error
        assert figures(at)
        assert sum(len(json.dumps(f)) for f in figures(at)) < 1_000_000
