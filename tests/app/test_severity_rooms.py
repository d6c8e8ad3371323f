from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from simviz import ClassSet, compare, evaluation
from simviz.evaluation.predictions import Predictions
from simviz.runs.files import write_json
from tests.app.reading import array, figures, says, title
from tests.app.test_severity import AGES, CE, PETS, SIM, SIMLOSS, TARGET


@pytest.fixture
def pets(predicted):
    return predicted(PETS, {"ce": CE, SIMLOSS: SIM}, TARGET)


def test_only_the_open_room_is_drawn(visit, pets):
    at = visit("severity")
    rooms = ["distances", "classes", "pairs", "top-k", "calibration", "gain"]
    assert at.segmented_control(key="detail").options == rooms
    heads = {"distances": "How far", "classes": "Class by class", "pairs": "Worst pairs", "top-k": "The best-ranked"}
    for room, head in (heads | {"calibration": "How sure", "gain": "What would"}).items():
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


@pytest.mark.parametrize("detail", ["top-k", "calibration"])
def test_two_runs_of_one_seed_are_two(visit, predicted, detail):
    made = predicted(PETS, {"ce": [CE[0], SIM[1]]}, TARGET)
    for run in made.runs:
        write_json(run.path / "spec.json", run.spec.model_dump() | {"seed": 0})
    at = visit("severity", detail=detail, k="2")
    measure = evaluation.ruler(PETS, "groups")
    each = [run.predictions("test") for run in made.runs]
    both = {
        "top-k": lambda p: evaluation.ahd_curve(p.log_probabilities, p.target, classes=PETS, ruler=measure)[1],
        "calibration": lambda p: p.metrics(PETS, measure)["ece"],
    }
    shown = _numbers(at).query("decoder == 'argmax'")["AHD@2" if detail == "top-k" else "ECE"].item()
    assert shown == pytest.approx(np.mean([both[detail](p) for p in each]), abs=1e-3)


def test_bins_are_a_table_on_demand(visit, pets):
    at = visit("severity", detail="calibration")
    assert not any("samples" in d.value for d in at.dataframe)
    at = visit("severity", detail="calibration", bins_table="true")
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
    assert at.segmented_control(key="detail").options == ["distances", "classes", "pairs", "gain"]
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
        assert f"ce: test, {decoder}, 1 seed; ruler positions (position units)" in says(at)
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
    at = visit("severity", detail="classes", sort="index", class_table="true")
    table = at.dataframe[-1].value.set_index("class")
    assert table["few"].to_dict() == {"cat": False, "dog": True, "truck": True}  # as the hollow marks of severity
