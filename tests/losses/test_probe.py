"""The probe is a window on the losses that train: what it shows is theirs."""

import numpy as np
import pytest
import torch

from simviz import ClassMatrix, ClassSet, losses
from simviz.losses import probe
from tests.losses.helpers import CLASSES, THRESHOLDS, C, random_distance

NAMES = tuple(n for n in losses.available() if n != "self_guided")
ENDS = {"near": 1, "far": 3}


def prediction(seed=0):
    return probe.mixed(np.random.default_rng(seed).uniform(0, 1, C))


def build(name):
    return probe.build(name, CLASSES, random_distance())


@pytest.mark.parametrize("name", NAMES)
def test_the_probabilities_written_down_are_those_the_loss_reads(name):
    loss, p = build(name), prediction()
    read = loss.log_probabilities(probe.outputs_for(loss, p[None])).exp()
    assert np.allclose(read, p, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_slope_of_the_value(name):
    loss, p = build(name), prediction()
    outputs, target, step = probe.outputs_for(loss, p[None]), torch.tensor([2]), 1e-5
    found = probe.gradient(loss, p, 2)
    assert len(found) == len(probe.output_names(loss, CLASSES))
    for k, slope in enumerate(found):
        change = torch.zeros_like(outputs)
        change[0, k] = step
        rise = loss(outputs + change, target) - loss(outputs - change, target)
        assert slope == pytest.approx(rise.item() / (2 * step), abs=1e-6)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in THRESHOLDS])
def test_gradients_of_losses_of_a_softmax_sum_to_zero(name):
    assert abs(probe.gradient(build(name), prediction(), 0).sum()) < 1e-9


def test_cross_entropy_by_hand():
    found = probe.read(build("ce"), CLASSES, prediction(), 0, ENDS)
    p = prediction()
    assert found.value == pytest.approx(-np.log(p[0]))
    assert found.at_uniform == pytest.approx(np.log(C))
    assert np.allclose(found.gradient, p - np.eye(C)[0])
    assert np.allclose(found.paths["near"], found.paths["far"])  # it does not know near from far
    assert found.paths["near"][-1] == pytest.approx(-np.log(probe.FLOOR / C))


def test_expected_cost_on_the_path_is_the_line_between_two_costs():
    distance = random_distance()
    found = probe.read(build("expected_cost"), CLASSES, prediction(), 0, ENDS)
    rest = probe.FLOOR * distance.values[0].mean()
    line = np.linspace(0, 1, probe.STEPS) * (1 - probe.FLOOR) * distance.values[0, 3] + rest
    assert np.allclose(found.paths["far"], line, atol=1e-6)


def test_simloss_with_the_identity_is_cross_entropy_and_with_unit_columns_forward_correction():
    names = list(CLASSES)
    identity = ClassMatrix(names, np.eye(C), "similarity")
    p = prediction()
    a, b = (probe.read(probe.build(n, CLASSES, identity), CLASSES, p, 1, ENDS) for n in ("simloss", "ce"))
    assert a.value == pytest.approx(b.value)
    assert np.allclose(a.gradient, b.gradient)
    ring = np.eye(C) + 0.3 * (np.roll(np.eye(C), 1, 0) + np.roll(np.eye(C), -1, 0))  # all columns sum alike
    matrix = ClassMatrix(names, ring, "similarity")
    a, b = (probe.read(probe.build(n, CLASSES, matrix), CLASSES, p, 1, ENDS) for n in ("simloss", "forward"))
    assert np.allclose(a.gradient, b.gradient)


@pytest.mark.parametrize("name", NAMES)
def test_scaled_is_one_at_uniform_and_keeps_proportions(name):
    found = probe.read(build(name), CLASSES, prediction(), 0, ENDS)
    one = found.scaled()
    assert one.at_uniform == 1
    assert one.value * found.at_uniform == pytest.approx(found.value)
    assert np.allclose(one.gradient * found.at_uniform, found.gradient)


def test_a_loss_that_is_nothing_at_uniform_cannot_be_scaled():
    matrix = ClassMatrix(list(CLASSES), np.ones((C, C)), "similarity")
    found = probe.read(probe.build("simloss", CLASSES, matrix), CLASSES, prediction(), 0, ENDS)
    with pytest.raises(ValueError, match="uniform"):
        found.scaled()


def test_moving_mass_starts_at_the_true_class_and_ends_at_the_other():
    rows = probe.moved(4, 1, 3, 5)
    assert np.allclose(rows.sum(1), 1)
    assert rows[0].argmax() == 1
    assert rows[-1].argmax() == 3
    assert np.allclose(rows[2], [0.0025, 0.4975, 0.0025, 0.4975])
    with pytest.raises(ValueError, match="negative"):
        probe.mixed([1, -1])


def test_what_does_not_fit_is_refused_with_a_reason():
    bare = ClassSet(["cat", "dog", "truck"])
    built, refused = probe.applicable(bare, losses.available(), None)
    assert {"ce", "gce"} <= set(built)
    assert "positions" in refused["emd2"]
    assert "groups" in refused["hxe"]
    assert "@words" in refused["simloss"]
    assert "learns" in refused["self_guided"]


@pytest.mark.parametrize("name", losses.available())
def test_every_loss_states_formula_and_source(name):
    latex, source = probe.formula(losses.get(name))
    assert latex.startswith("L(z")
    assert len(source) > 3 or name == "ce"  # it belongs to everyone
    assert "---" not in source


def test_a_loss_of_ones_own_is_read_by_its_logits_and_a_strange_head_is_refused():
    class Brier(losses.ClassLoss):
        """Without a formula."""

        name, title = "brier", "Brier score"

        def sample_loss(self, outputs, index):
            return (outputs.softmax(1) - torch.nn.functional.one_hot(index, outputs.shape[1])).square().sum(1)

    p = prediction()
    assert probe.values(Brier(reduction="none"), p[None], 0)[0] == pytest.approx(((p - np.eye(C)[0]) ** 2).sum())
    assert probe.formula(Brier) == ("", "")

    class Odd(Brier):
        def log_probabilities(self, outputs):
            return (-outputs).log_softmax(1)

    with pytest.raises(ValueError, match="does not know"):
        probe.outputs_for(Odd(), p[None])
