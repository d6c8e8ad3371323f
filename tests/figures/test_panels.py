import numpy as np
import pytest

from simviz.figures import panels

BOUNDS = {f"simloss@words:keep={k}": k for k in (0.3, 0.1, 0.2)}
SHUFFLED = {f"simloss@words:keep={k},shuffle=1": k for k in (0.1, 0.2, 0.3)}
ACCURACY = {"ce": [0.5, 0.7], **{s: [0.4 + k, 0.4 + k] for s, k in (BOUNDS | SHUFFLED).items()}}
COST = {s: [1 - a[0], 1 - a[1]] for s, a in ACCURACY.items()}


def test_a_sweep_is_settings_alike_but_for_one_number_in_rising_order():
    found = panels.sweeps(list(ACCURACY))
    assert list(found) == ["simloss@words:keep=…", "simloss@words:keep=…,shuffle=1"]
    assert list(found["simloss@words:keep=…"].items()) == sorted((k, s) for s, k in BOUNDS.items())


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["ce", "emd2", "gce"],
        ["simloss@words:keep=0.1", "simloss@words:keep=0.2"],  # two values are no line
        [f"simloss@words:shuffle={s}" for s in (1, 2, 3)],  # a shuffle's number means nothing
        ["simloss@words:keep=0.1", "simloss@words:lower_bound=0.2", "simloss@order:r=0.3"],
    ],
)
def test_what_is_no_sweep(settings):
    assert panels.sweeps(settings) == {}


def test_a_number_of_the_loss_makes_a_sweep_as_one_of_the_matrix_does():
    found = panels.sweeps([f"ground_distance:lam={x}@words" for x in (1, 2, 4)])
    assert list(found["ground_distance:lam=…@words"]) == [1, 2, 4]


def test_a_panel_joins_the_means_of_its_values_and_shows_what_is_in_no_sweep_in_grey():
    found = panels.sweeps(list(ACCURACY))
    one, other = (panels.accuracy_cost(s, ACCURACY, COST, unit="<levels>", title="x") for s in found.values())
    grey, line = one.data
    assert list(line.text) == ["0.1", "0.2", "0.3"]
    assert np.allclose(line.x, [0.5, 0.6, 0.7])
    assert np.allclose(line.y, [0.5, 0.4, 0.3])
    assert (grey.name, grey.x[0], grey.marker.color) == ("ce", pytest.approx(0.6), "gray")
    assert one.layout.xaxis.range == other.layout.xaxis.range  # one scale, or the panels could not be compared
    assert one.layout.yaxis.range == other.layout.yaxis.range
    assert "&lt;levels&gt;" in one.layout.yaxis.title.text
