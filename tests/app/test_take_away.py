"""What the pages of results offer to take along."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import plotly.io
import pytest

from simviz import ClassSet, compare, evaluation
from simviz.evaluation import foreign
from simviz.ui.views import take_away
from tests.app.reading import figures, says

PETS = ClassSet(["=cat", "<b>dog</b>", "truck"], groups=["animal", "animal", "vehicle"])
TARGET = [0, 0, 0, 0, 1, 1, 2, 2]
CE = [[0, 1, 2, 0, 1, 0, 2, 2], [0, 1, 1, 0, 1, 0, 2, 2]]
GCE = [[0, 1, 0, 0, 1, 1, 2, 0], [0, 1, 0, 0, 1, 1, 2, 2]]


@pytest.fixture
def made(monkeypatch):
    """What a click on each button would save, by file name: AppTest cannot click a download."""
    found = {}

    def keep(label, make, file, key=None):
        found[file] = make()
        shown(label, make, file, key)

    shown = take_away._download
    monkeypatch.setattr(take_away, "_download", keep)
    return found


def opened(visit, page, **parameters):
    return visit(page, take="true", **parameters)


def test_what_is_closed_is_not_made(visit, predicted, made):
    predicted(PETS, {"ce": CE, "gce": GCE}, TARGET)
    for page in ("confusion", "severity", "runs"):
        visit(page)
    assert made == {}


@pytest.mark.parametrize("page", ["confusion", "severity"])
def test_tables_matrices_pictures_and_the_report(visit, predicted, made, page):
    comparison = predicted(PETS, {"ce": CE, "gce": GCE}, TARGET)
    at = opened(visit, page, ruler="zero_one", decoder="min_cost", a="gce", b="ce")
    assert made.keys() >= {f"{kind}-{comparison.id}.csv" for kind in ("classes", "pairs", "settings")}
    matrix = foreign.read(foreign.source(made["confusion-ce.csv"].replace(b"<b>", b"").replace(b"</b>", b""), "x.csv"))
    back = evaluation.confusion_matrix(matrix.predictions.target, matrix.predictions.predicted, 3)
    counts = sum(evaluation.confusion_matrix(TARGET, seed, 3) for seed in CE)
    np.testing.assert_array_equal(back, counts)
    with np.load(io.BytesIO(made["confusion-ce.npz"])) as file:
        np.testing.assert_array_equal(file["confusion"], counts)
    with zipfile.ZipFile(io.BytesIO(made[f"pictures-{comparison.id}.zip"])) as archive:
        pictures = [plotly.io.from_json(archive.read(name).decode()) for name in archive.namelist()]
    assert len(pictures) == len(figures(at))
    assert [len(p.data) for p in pictures] == [len(f["data"]) for f in figures(at)]
    report = made[f"report-{comparison.id}.html"]
    assert "Difference: gce minus ce" in report
    assert "Ruler: zero_one" in report
    code = "\n".join(c.value for c in at.code)
    assert f"simviz report {comparison.id} --part test --decoder min_cost --ruler zero_one" in code
    assert "@inproceedings{karthik2021no" in code


def test_the_camera_saves_what_was_chosen(visit, predicted):
    predicted(PETS, {"ce": CE, "gce": GCE}, TARGET)
    at = opened(visit, "severity")

    def saved():
        return {json.loads(c.proto.config)["toImageButtonOptions"]["format"] for c in at.get("plotly_chart")}

    assert saved() == {"svg"}
    at.segmented_control(key="camera").set_value("png").run()
    assert saved() == {"png"}


def test_the_runs_page_gives_report_weights_and_python(visit, compared, made):
    run = compared.runs[0]
    at = visit("runs", run=run.id, code="true", take="true")
    assert len(made[f"{run.id}.safetensors"]) > 10_000
    assert any("load_state_dict" in c.value for c in at.code)
    rows = compare.table(compared)
    assert all(f"<td>{r.mean('mean_cost'):.3f}" in made[f"report-{compared.id}.html"] for r in rows)
    (run.path / "checkpoint.safetensors").unlink()
    at = at.run()
    assert "keeps no weights here" in says(at)
