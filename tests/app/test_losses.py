"""The page of losses shows what the losses themselves say."""

import shutil

import numpy as np
import pytest

from simviz import matrices
from simviz.losses import probe
from simviz.runs import Comparison
from simviz.ui.views import losses as page
from tests.app.reading import array, figures, says, title


def reading(name, classes, part, guess, true=0):
    matrix = matrices.build(part, classes)
    order = page.nearest_first(classes, matrix, part, true)
    case = page.Case(classes, matrix, part, true, order[0], order[-1])
    loss = probe.build(name, classes, matrix)
    p = probe.mixed(page.preset(guess, case))
    return probe.read(loss, classes, p, true, {"near": case.near, "far": case.far})


def gradient(at, title):
    (found,) = [f for f in figures(at) if f["layout"].get("title", {}).get("text", "").replace("<br>", " ") == title]
    return array(found["data"][0]["x"])


def test_values_and_gradients_are_those_of_the_losses(visit):
    at = visit("losses", set="things", between="words", width="0.5", guess="far miss", truth="cat")
    table = at.dataframe[0].value
    for row, name in enumerate(("ce", "simloss", "expected_cost", "ground_distance")):
        expected = reading(name, page.THINGS, "words:keep=0.5", "far miss")
        index = list(table["loss"]).index(probe.get(name).title)
        assert table["value"][index] == pytest.approx(expected.value), row
        assert np.allclose(gradient(at, probe.get(name).title), expected.gradient, atol=1e-6)
    assert "emd2 needs classes in an order" in says(at)
    assert "To ce the two mistakes are the same" in says(at)


def test_it_opens_on_ages_where_the_squared_emd_stands_beside_the_others_and_near_is_the_neighbour(visit):
    at = visit("losses", truth="10 years", guess="uniform")
    assert sorted(at.dataframe[0].value["setting"]) == sorted(page.DEFAULT)
    assert "Not shown" not in says(at)
    titles = [f["layout"]["title"]["text"] for f in figures(at)[-2:]]
    assert titles == ["From 10 years to 20 years", "From 10 years to 80 years"]
    values = at.dataframe[0].value
    assert np.allclose(values["value"], values["at uniform"])


def test_one_at_uniform_scales_value_and_gradient_and_losses_come_from_the_link(visit):
    at = visit("losses", set="ages", one="true", guess="near miss", losses="emd2")
    table = at.dataframe[0].value
    assert table["loss"].tolist() == ["Squared EMD"]
    assert table["at uniform"].tolist() == [1.0]
    expected = reading("emd2", page.AGES, "positions", "near miss").scaled()
    assert table["value"][0] == pytest.approx(expected.value)
    assert np.allclose(gradient(at, "Squared EMD"), expected.gradient, atol=1e-6)


def test_sliders_are_ones_own_prediction_and_a_link_restores_them(visit):
    others = {f"w{i}": "0" for i in range(2, 8)}
    at = visit("losses", guess="own", w0="0", w1="100", **others, losses="ce")
    assert len(at.slider) == len(page.AGES)  # every class has one
    assert at.dataframe[0].value["value"][0] == pytest.approx(-np.log(probe.FLOOR / 8))
    at.slider(key="w0").set_value(100).run()
    assert at.dataframe[0].value["value"][0] == pytest.approx(-np.log(0.99 / 2 + probe.FLOOR / 8))


def test_each_loss_may_have_an_axis_of_its_own(visit):
    def reach(at):
        drawn = {title(f): f["layout"]["xaxis"]["range"][1] for f in figures(at) if "range" in f["layout"]["xaxis"]}
        return drawn["Cross entropy"], drawn["Expected cost"]

    one, other = reach(visit("losses", guess="near miss"))
    assert one == other
    at = visit("losses", guess="near miss", axis="true")
    for found, name in zip(reach(at), ("Cross entropy", "Expected cost"), strict=True):
        assert found == pytest.approx(1.4 * np.abs(gradient(at, name)).max())


def test_the_distance_that_a_run_has_learned_is_a_matrix_for_the_losses(visit, trained_distance, runs):
    shutil.copytree(trained_distance, runs / trained_distance.name)
    comparison = Comparison(runs / trained_distance.name)
    at = visit("losses", set="comparison", between="learned", truth="cat", losses="expected_cost", guess="uniform")
    learned = comparison.run("self-guided-s0").epoch_arrays(4)["ground_distance"]
    expected = learned[comparison.classes.index("cat")].mean()
    assert at.dataframe[0].value["value"][0] == pytest.approx(expected, abs=1e-6)
    assert "After epoch 4 of the run self-guided-s0" in says(at)
    assert at.code[0].value == "expected_cost@learned.csv"
    assert "matrix “learned”" in says(visit("losses", set="ages", between="learned"))


def test_of_all_losses_only_those_that_do_not_fit_are_left_out(visit):
    at = visit("losses", set="ages")
    pills = at.button_group(key="losses")
    pills.set_value(list(pills.options)).run()
    assert not at.exception
    shown = at.dataframe[0].value["setting"].tolist()
    assert set(pills.options) - set(shown) == {"group_ce", "hxe"}  # ages have no groups
    thresholds = gradient(at, "CORAL")
    assert len(thresholds) == len(page.AGES) - 1


def test_where_no_loss_fits_the_reason_is_not_that_none_was_chosen(visit):
    at = visit("losses", set="ages", losses="hxe")
    assert "None of the losses you chose can be shown here" in says(at)
    assert "hxe needs classes in groups" in says(at)
    at.button_group(key="losses").set_value([]).run()
    assert "Choose at least one loss." in says(at)


def test_a_link_to_what_is_not_there_gets_a_sentence(visit):
    at = visit("losses", truth="dragon", losses="magic", guess="own", w0="400")
    for piece in ("true class “dragon”", "loss “magic”", "from 0 to 100"):
        assert piece in says(at)


def test_classes_of_the_comparison_in_view(visit, predicted):
    predicted(page.THINGS.subset(["dog", "car", "cat"]), {"ce": [[0, 1]]}, [0, 1])
    at = visit("losses", set="comparison", truth="car", between="groups")
    assert list(at.selectbox(key="truth").options) == ["dog", "car", "cat"]


def test_without_a_comparison_its_classes_are_missed_in_a_sentence(visit):
    assert "no comparison yet" in says(visit("losses", set="comparison"))
