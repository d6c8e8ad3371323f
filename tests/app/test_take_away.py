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
from tests.app.reading import array, figures, says

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
    at = visit(page, **parameters)
    at.session_state["take-away"] = True
    at.run()
    assert not at.exception, at.exception
    return at


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


def layers(figure):
    """The numbers of a picture's layers, the grey one too."""
    return [array(trace["z"]) for trace in figure["data"] if trace["type"] == "heatmap"]


def executed(at):
    """What the Python that reads the screen makes, when it is run: its names."""
    (code,) = [c.value for c in at.code if "figures.confusion.confusion" in c.value]
    names: dict = {}
    exec(code, names)
    return names


def assert_the_same_is_drawn(at):
    """By the page and by its Python: the matrices, then the difference if there is one."""
    names = executed(at)
    made = [*names["pictures"].values(), *([names["change"]] if "change" in names else [])]
    screen = [f for f in figures(at) if "confusion" not in f and f["data"][0]["type"] == "heatmap"]
    assert len(made) == len(screen)
    for mine, shown in zip(made, screen, strict=True):
        mine = json.loads(mine.to_json())
        assert len(layers(mine)) == len(layers(shown))
        for first, second in zip(layers(mine), layers(shown), strict=True):
            np.testing.assert_allclose(first, second)
    return names, screen


DRAWN = [
    {},
    {"a": "ce-s1"},
    {"a": "ce-s1", "b": "gce"},
    {"a": "ce", "b": "ce-s1", "norm": "counts", "tone": "harm", "ruler": "zero_one"},
    {"a": "gce-s0", "b": "ce-s0", "norm": "by-all", "hide": "true", "order": "name"},
    {"a": "ce", "b": "gce", "norm": "counts"},
    {"a": "ce", "b": "gce", "norm": "counts", "level": "level-1", "tone": "harm"},
    {"a": "ce", "b": "gce", "norm": "by-predicted", "level": "level-1", "open": "animal", "tone": "harm"},
    {"a": "ce", "b": "gce", "grey": "false"},
]


@pytest.mark.parametrize("asked", DRAWN, ids=str)
def test_python_draws_what_the_page_draws(visit, predicted, asked):
    random = np.random.default_rng(3)
    target = np.arange(120) % 3
    some = [np.where(random.random(120) < 0.7, target, random.integers(0, 3, 120)) for _ in range(4)]
    moved = [np.where((target == 0) & (one == 0), 1 + (np.arange(120) // 3) % 2, one) for one in some[2:]]
    predicted(PETS, {"ce": some[:2], "gce": moved}, target.tolist())
    at = opened(visit, "confusion", **asked)
    names, screen = assert_the_same_is_drawn(at)
    assert ("change" in names) == ("b" in asked)
    if "b" in asked:
        some_are_grey = asked.get("grey") != "false" and "level" not in asked
        assert len(layers(screen[-1])) == 1 + some_are_grey


def test_python_reads_the_epoch_in_view(visit, compared):
    for run in compared.runs[:-1]:
        np.savez(run.path / "epochs" / "0002.npz", confusion=run.epoch_arrays(1)["confusion"].T)
    for asked in ({"at": "1"}, {"at": "2", "a": compared.runs[0].id, "b": "expected_cost@groups", "tone": "harm"}):
        at = opened(visit, "confusion", **asked)
        names, _ = assert_the_same_is_drawn(at)
        table = compared.runs[0].epoch_arrays(int(asked["at"]))["confusion"]
        if "a" in asked:
            np.testing.assert_array_equal(names["counts"][compared.runs[0].id].total, table)
            assert names["counts"]["expected_cost@groups"].runs == 1
        assert "of one epoch, on validation" in says(at)
        box = at.selectbox(key=f"take-matrix-{compared.id}")
        assert box.options == list(names["counts"])
        assert not box.set_value("expected_cost@groups").run().exception


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
    at = visit("runs", run=run.id)
    at.session_state[f"py-{run.id}"] = True
    at = at.run()
    assert not at.exception, at.exception
    assert len(made[f"{run.id}.safetensors"]) > 10_000
    assert any("load_state_dict" in c.value for c in at.code)
    at.session_state["take-away"] = True
    at.run()
    rows = compare.table(compared)
    assert all(f"<td>{r.mean('mean_cost'):.3f}" in made[f"report-{compared.id}.html"] for r in rows)
    (run.path / "checkpoint.safetensors").unlink()
    at = at.run()
    assert "keeps no weights here" in says(at)
