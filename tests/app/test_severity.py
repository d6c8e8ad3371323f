import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from simviz import ClassSet, compare, evaluation, matrices
from simviz.evaluation.predictions import Predictions
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
    assert all("the very matrix" in title(f) for f in figures(at))
    assert says(at).count("against ce: accuracy") == 2
    warned = {r.result()["warning"] for r in compared.runs} - {None}
    assert all(any(w in text for text in says(at).splitlines()) for w in warned)


@pytest.mark.parametrize(
    ("ruler", "distance"),
    [
        ("groups", [[0, 1, 2], [1, 0, 2], [2, 2, 0]]),
        ("zero_one", [[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    ],
)
def test_the_chosen_ruler_measures_everything_and_stands_in_every_title(visit, pets, ruler, distance):
    at = visit("severity", ruler=ruler)
    expected = [np.mean([costs(seed, distance) for seed in seeds]) for seeds in (CE, SIM)]
    assert np.allclose(at.dataframe[0].value.query("decoder == 'argmax'")["mean cost"], expected)
    assert all(f"ruler {ruler}" in title(f) for f in figures(at))
    assert all("test, argmax, 2 seeds" in title(f) for f in figures(at))


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
    assert [b.label for b in at.get("download_button")] == ["Table as CSV"]
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


def test_only_the_open_room_is_drawn(visit, pets):
    at = visit("severity")
    assert at.segmented_control(key="detail").options == ["distances", "classes", "pairs", "top-k", "calibration"]
    heads = {"distances": "How far", "classes": "Class by class", "pairs": "Worst pairs", "top-k": "The best-ranked"}
    for room, head in (heads | {"calibration": "How sure"}).items():
        at.segmented_control(key="detail").set_value(room).run()
        assert not at.exception
        assert [s.value for s in at.subheader][1:] == [s.value for s in at.subheader if s.value.startswith(head)]


def _numbers(at):
    """The table of the open room, below that of the whole page."""
    return at.dataframe[1].value


@pytest.mark.parametrize("decoder", ["argmax", "min_cost"])
def test_the_best_ranked_classes_are_those_of_the_library(visit, pets, decoder):
    at = visit("severity", detail="top-k", k="2", decoder=decoder)
    measure = evaluation.ruler(PETS, "groups")
    curves = {}
    for setting, runs in pets.groups.items():
        each = []
        for run in runs:
            found = run.predictions("test")
            validation = run.predictions("validation")
            fitted = evaluation.fit_temperature(validation.log_probabilities, validation.target)
            temperature = fitted if decoder == "min_cost" else None
            each.append(
                evaluation.ahd_curve(
                    found.log_probabilities,
                    found.target,
                    classes=PETS,
                    ruler=measure,
                    decoder=decoder,
                    temperature=temperature,
                )
            )
        curves[setting] = np.mean(each, axis=0)
    table = _numbers(at).query("decoder == @decoder").set_index("setting")["AHD@2"]
    assert table.to_dict() == pytest.approx({setting: curve[1] for setting, curve in curves.items()})
    lines = {
        t["name"].split(" |")[0]: t for t in figures(at)[1]["data"] if decoder in t["name"] or "|" not in t["name"]
    }
    assert array(lines[SIMLOSS]["y"]) == pytest.approx(curves[SIMLOSS])
    main = at.dataframe[0].value.query("decoder == @decoder").set_index("setting")["mean cost"]
    assert array(lines[SIMLOSS]["y"])[0] == pytest.approx(main[SIMLOSS])
    assert f"test, {decoder}, 2 seeds" in title(figures(at)[1])
    at.number_input(key="k").set_value(3).run()
    assert "AHD@3" in _numbers(at)


def test_fewer_classes_let_go_of_a_larger_k(visit, predicted):
    ten = ClassSet([f"class {i}" for i in range(10)], groups=[str(i // 5) for i in range(10)])
    large = predicted(ten, {"ce": [[0] * 10]}, list(range(10)), title="ten")
    small = predicted(PETS, {"ce": CE[:1]}, TARGET, title="three")
    at = visit("severity", detail="top-k", c=large.id, k="8")
    assert at.number_input(key="k").value == 8
    at.selectbox(key="c").set_value(small.id).run()
    assert not at.exception
    assert at.number_input(key="k").value == 3


@pytest.mark.parametrize("binning", ["equal-width", "equal-mass"])
def test_calibration_is_read_as_the_decoder_reads_and_counts_every_sample(visit, compared, binning):
    at = visit("severity", detail="calibration", decoder="min_cost", bins=binning)
    table = _numbers(at)
    rows = compare.table(compared, decoder="min_cost")
    assert list(zip(table["setting"], table["decoder"], strict=True)) == [
        *((s, d) for s in compared.groups for d in (("min_cost", "argmax") if s == "ce" else ("min_cost",)))
    ]
    by_row = {(r.setting, r.decoder): r for r in rows}
    for _, shown in table.iterrows():
        row = by_row[shown["setting"], shown["decoder"]]
        assert shown["NLL"] == pytest.approx(row.mean("nll"))
        if binning == "equal-width":
            assert shown["ECE"] == pytest.approx(row.mean("ece"))
    diagrams = figures(at)[1:]
    assert len(diagrams) == len(table)
    samples = sum(len(r.predictions("test").target) for r in compared.groups["ce"])
    for diagram in diagrams:
        counts = array(diagram["data"][2]["customdata"])
        assert counts.sum() == samples
        assert binning != "equal-mass" or np.ptp(counts) <= 1
        assert binning in title(diagram)
    assert "min_cost" in title(diagrams[0])
    assert f"15 bins of {'equal width' if binning == 'equal-width' else 'as many samples'}" in says(at)


def test_bins_are_a_table_on_demand(visit, pets):
    at = visit("severity", detail="calibration")
    assert not any("samples" in d.value for d in at.dataframe)
    at.session_state["bins-table"] = True
    at.run()
    bins = next(d.value for d in at.dataframe if "samples" in d.value)
    assert bins.groupby("setting")["samples"].sum().to_dict() == {"ce": 16, "ce | min_cost": 16, SIMLOSS: 16}
    plain_ce = bins[bins["setting"] == "ce"]
    assert plain_ce["confidence"].tolist() == pytest.approx([0.8], rel=1e-4)  # kept as half precision
    assert plain_ce["accuracy"].tolist() == pytest.approx([np.mean(np.array(CE) == TARGET)])


def test_temperatures_stand_beside_what_was_decided_by_them(visit, pets):
    both = [r.predictions("validation") for r in pets.groups["ce"]]
    mean = np.mean([evaluation.fit_temperature(v.log_probabilities, v.target) for v in both])
    at = visit("severity")
    assert f"fitted on validation: ce {mean:.2f}." in says(at)  # of its control
    chosen = visit("severity", decoder="min_cost", part="validation")
    assert SIMLOSS in says(chosen).split("fitted on validation: ")[1].split("samples it was fitted on")[0]


def test_a_temperature_that_does_not_carry_over_is_named(visit, pets):
    for run in pets.runs:  # on validation never wrong, so the sharpest p is the best
        found = run.predictions("validation")
        replace(found, target=found.log_probabilities.argmax(axis=1)).save(run.path / "validation.npz")
    said = says(visit("severity", detail="calibration"))
    assert "ce: the temperature fitted on validation makes the NLL worse here" in said
    assert f"right for 100.0% of validation and {np.mean(np.array(CE) == TARGET):.1%} here" in said
    assert "does not carry over" not in says(visit("severity", detail="calibration", part="validation"))


def test_without_a_validation_part_nothing_is_fitted_and_it_says_so(visit, pets):
    for run in pets.runs:
        (run.path / "validation.npz").unlink()
    at = visit("severity", decoder="min_cost")
    assert f"no validation part to fit a temperature of ce, {SIMLOSS} on" in says(at)


def test_probabilities_that_no_temperature_repairs_get_a_sentence(visit, pets):
    run = pets.runs[0]
    found = run.predictions("validation")
    logs = np.full((len(TARGET), 3), -np.inf, dtype=np.float32)
    logs[np.arange(len(TARGET)), (np.array(TARGET) + 1) % 3] = 0
    replace(found, log_probabilities=logs).save(run.path / "validation.npz", dtype=np.float32)
    at = visit("severity")
    assert "no temperature repairs that" in says(at)


def test_ordered_classes_have_a_room_of_their_own(visit, predicted):
    made = predicted(AGES, {"ce": CE, "emd2": SIM}, TARGET)
    at = visit("severity", detail="order", decoder="median")
    table = _numbers(at).query("decoder == 'median'").set_index("setting")
    rows = {r.setting: r for r in compare.table(made, decoder="median") if r.decoder == "median"}
    for column, metric, factor in (
        ("MAE", "mae", 1),
        ("MSE", "mse", 1),
        ("within 1", "within_1", 100),
        ("QWK", "qwk", 1),
        ("RPS", "rps", 1),
    ):
        assert table[column].to_dict() == pytest.approx({s: factor * r.mean(metric) for s, r in rows.items()})


def test_on_a_circle_only_the_error_around_it_is_shown(visit, predicted):
    hours = ClassSet(["0", "8", "16"], positions=[0, 8, 16], period=24)
    predicted(hours, {"ce": CE}, TARGET)
    at = visit("severity", detail="order")
    assert {"MAE", "MSE", "within 1", "QWK", "RPS"} & set(_numbers(at).columns) == {"MAE"}
    assert "circle of 24" in says(at)


@pytest.fixture
def bare(runs):
    """Of one setting of two only the decided classes are known."""

    def make(comparison, *settings):
        for setting in settings:
            for run in comparison.groups[setting]:
                found = run.predictions("test")
                decided = found.log_probabilities.argmax(axis=1)
                Predictions.of_decisions(found.ids, found.units, found.target, decided, 3).save(run.path / "test.npz")
        return comparison

    return make


def test_what_needs_probabilities_is_left_out_where_there_are_none(visit, predicted, bare):
    bare(predicted(AGES, {"ce": CE, "emd2": SIM}, TARGET), "emd2")
    at = visit("severity", decoder="min_cost", detail="calibration")
    assert set(_numbers(at)["setting"]) == {"ce"}
    assert "Only the decided class is known of emd2: no probabilities" in says(at)
    assert "min_cost (the file's own for emd2)" in title(figures(at)[0])
    main = at.dataframe[0].value.set_index("setting")["decoder"]
    assert main["emd2"] == "the file's own"
    at.segmented_control(key="detail").set_value("top-k").run()
    assert set(_numbers(at)["setting"]) == {"ce"}
    at.segmented_control(key="detail").set_value("order").run()
    order = _numbers(at).set_index("setting")
    assert np.isnan(order.loc["emd2", "RPS"])
    kappas = [cohen_kappa_score(TARGET, seed, weights="quadratic") for seed in SIM]
    assert order.loc["emd2", "QWK"] == pytest.approx(np.mean(kappas))


def test_nothing_decodes_what_came_decided(visit, predicted, bare):
    bare(predicted(PETS, {"ce": CE, "emd": SIM}, TARGET), "ce", "emd")
    at = visit("severity", decoder="min_cost", detail="calibration")
    assert "decoder" not in [c.key for c in at.segmented_control]
    assert "decoder “min_cost”" in says(at)
    assert at.segmented_control(key="detail").options == ["distances", "classes", "pairs"]
    assert at.dataframe[0].value["decoder"].tolist() == ["the file's own"] * 2
    assert not {"NLL", "ECE"} & set(at.dataframe[0].value)
    assert all("the file's own" in title(f) for f in figures(at))


def test_the_decoder_changes_table_pictures_classes_and_pairs_at_once(visit, predicted):
    """An answer between two far classes: by cost the class in the middle is named."""
    made = predicted(AGES, {"ce": CE[:1]}, TARGET)
    logs = np.log(np.array([[0.5, 0.0001, 0.4999]] * len(TARGET)))
    for part in ("test", "validation"):
        found = made.runs[0].predictions(part)
        replace(found, log_probabilities=logs).save(made.runs[0].path / f"{part}.npz", dtype=np.float64)
    x = np.array(AGES.positions)
    for decoder, named in (("argmax", 0), ("expectation", 1)):
        at = visit("severity", decoder=decoder, detail="pairs")
        cost = np.abs(x[TARGET] - x[named]).mean()
        row = at.dataframe[0].value.query("decoder == @decoder").iloc[0]
        assert row["mean cost"] == pytest.approx(cost)
        assert set(at.dataframe[-1].value["predicted"]) == {AGES.names[named]}
        assert f"decided by {decoder}" in says(at)
        points = figures(at)[0]["data"]
        name = "ce" if decoder == "argmax" else f"ce | {decoder}"
        assert next(array(t["y"])[0] for t in points if t["name"] == name) == pytest.approx(cost)
        at.segmented_control(key="detail").set_value("distances").run()
        far = array(figures(at)[1]["data"][0]["customdata"])
        assert far.sum() == np.sum(np.array(TARGET) != named)
        at.segmented_control(key="detail").set_value("classes").run()
        at.segmented_control(key="quantity").set_value("mean_cost").run()
        dots = next(t for t in figures(at)[1]["data"] if t["mode"] == "markers")
        assert dict(zip(dots["y"], array(dots["x"]), strict=True)) == pytest.approx(
            {name: abs(x[i] - x[named]) for i, name in enumerate(AGES.names)}
        )
        assert all(decoder in title(f) for f in figures(at))


def test_small_classes_are_marked_by_what_stands_behind_the_number(visit, predicted):
    target = [0] * 40 + [1] * 10 + [2] * 40
    answers = [1] * 30 + [0] * 10 + [0] * 10 + [1] * 5 + [2] * 35
    predicted(PETS, {"ce": [answers]}, target)
    hollow = {"severity": {"dog", "truck"}, "error_rate": {"dog"}}
    at = visit("severity", detail="classes", sort="index")
    for quantity, expected in hollow.items():
        at.segmented_control(key="quantity").set_value(quantity).run()
        dots = next(t for t in figures(at)[1]["data"] if t["mode"] == "markers")
        open_ = {n for n, s in zip(dots["y"], dots["marker"]["symbol"], strict=True) if s.endswith("-open")}
        assert open_ == expected
    at.session_state["class-table"] = True
    at.run()
    table = at.dataframe[-1].value.set_index("class")
    assert table["few"].to_dict() == {"cat": False, "dog": True, "truck": False}
