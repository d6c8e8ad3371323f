"""The severity page of a comparison with several values of a parameter, or with tuned learning rates."""

import json

import numpy as np
import pytest

from simviz import ClassSet
from simviz.runs.tuning import Trial, Tuning
from tests.app.reading import figures, says

PETS = ClassSet(["cat", "dog", "truck"], groups=["animal", "animal", "vehicle"])
TARGET = [0, 0, 0, 0, 1, 1, 2, 2]
RIGHT = {0.1: 6, 0.2: 8, 0.4: 4}  # value -> how many of the eight are right
SETTINGS = {f"simloss@words:keep={k:g}": n for k, n in RIGHT.items()} | {"ce": 5}


@pytest.fixture
def swept(predicted):
    wrong = [(t + 1) % 3 for t in TARGET]
    return predicted(PETS, {s: [[*TARGET[:n], *wrong[n:]]] * 2 for s, n in SETTINGS.items()}, TARGET)


def test_three_values_of_a_number_make_a_panel_that_says_which_is_best(visit, swept):
    at = visit("severity")
    (fig,) = [f for f in figures(at) if "keep=…" in f["layout"]["title"]["text"]]
    line = fig["data"][-1]
    assert line["text"] == ["0.1", "0.2", "0.4"]
    assert np.allclose([RIGHT[float(v)] / 8 for v in line["text"]], [6 / 8, 1, 4 / 8])
    assert "Best accuracy at 0.2, least mean cost at 0.2." in says(at)
    assert "to tune on the test part" in says(at)
    assert "Learning rates" not in "".join(e.label for e in at.expander)


def test_the_rates_that_were_tried_and_the_chosen_one_are_a_table(visit, swept):
    tried = {"ce": [Trial(rate=0.1, value=0.5), Trial(rate=0.3, value=0.7)], "emd2": [Trial(rate=0.1, failed="nan")]}
    record = Tuning(metric="mean_cost", seed=5, rates=(0.1, 0.3), done=True, tried=tried, chosen={"ce": 0.1})
    path = swept.path / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tuning": record.model_dump()}))
    at = visit("severity")
    assert [e.label for e in at.expander].count("Learning rates that were tried") == 1
    at = visit("severity", tried="true")
    (table,) = [d.value for d in at.dataframe if "chosen" in d.value]
    assert table.columns.tolist() == ["setting", "chosen", "0.1", "0.3"]
    assert table.iloc[0].tolist() == ["ce", 0.1, 0.5, 0.7]
    assert np.isnan(table["0.1"][1])
    assert "still lies at the edge of those tried: ce" in says(at)
    assert "or failed (1)" in says(at)


def test_a_record_of_tuning_that_cannot_be_read_is_a_sentence(visit, swept):
    path = swept.path / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tuning": {"metric": "luck"}}))
    at = visit("severity")
    assert not at.exception
    assert "the tuning has a wrong metric" in says(at)
