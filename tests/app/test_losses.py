"""The page of losses shows what the losses themselves say."""

import numpy as np
import pytest

from simviz import matrices
from simviz.losses import probe
from simviz.ui.views import losses as page
from tests.app.reading import array, figures, says


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
    at = visit("losses", between="words", width="0.5", guess="far miss", truth="cat")
    table = at.dataframe[0].value
    for row, name in enumerate(("ce", "simloss", "expected_cost", "ground_distance")):
        expected = reading(name, page.THINGS, "words:keep=0.5", "far miss")
        index = list(table["loss"]).index(probe.get(name).title)
        assert table["value"][index] == pytest.approx(expected.value), row
        assert np.allclose(gradient(at, probe.get(name).title), expected.gradient, atol=1e-6)
    assert "emd2 needs classes in an order" in says(at)
    assert "To ce the two mistakes are the same" in says(at)


def test_ordered_ages_have_the_squared_emd_and_near_is_the_neighbour(visit):
    at = visit("losses", set="ages", truth="10 years", guess="uniform")
    assert "Squared EMD" in at.dataframe[0].value["loss"].tolist()
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
    at = visit("losses", guess="own", w0="0", w1="100", w2="0", w3="0", w4="0", w5="0", losses="ce")
    assert at.dataframe[0].value["value"][0] == pytest.approx(-np.log(probe.FLOOR / 6))
    at.slider(key="w0").set_value(100).run()
    assert at.dataframe[0].value["value"][0] == pytest.approx(-np.log(0.99 / 2 + probe.FLOOR / 6))


def test_of_all_losses_only_those_that_do_not_fit_are_left_out(visit):
    at = visit("losses", set="ages")
    pills = at.button_group(key="losses")
    pills.set_value(list(pills.options)).run()
    assert not at.exception
    shown = at.dataframe[0].value["setting"].tolist()
    assert set(pills.options) - set(shown) == {"group_ce", "hxe"}  # ages have no groups
    thresholds = gradient(at, "CORAL")
    assert len(thresholds) == len(page.AGES) - 1


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
