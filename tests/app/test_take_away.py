"""What the pages of results offer to take along."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.io
import pytest
import streamlit as st

from simviz import ClassSet, compare, evaluation
from simviz.cli import main
from simviz.evaluation import foreign
from simviz.ui import charts
from simviz.ui.views import take_away
from tests.app.reading import array, figures, frame, says
from tests.app.test_confusion_views import CE as ZOO_CE
from tests.app.test_confusion_views import SIM as ZOO_SIM
from tests.app.test_confusion_views import TARGET as ZOO_TARGET
from tests.app.test_confusion_views import ZOO

PETS = ClassSet(["=cat", "<b>dog</b>", "truck"], groups=["animal", "animal", "vehicle"])
AGES = ClassSet(["child", "adult", "old"], positions=[8, 35, 75])
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


@pytest.fixture
def saved(monkeypatch):
    """What makes the file of every download button of a page, by file name."""
    found = {}
    shown = st.download_button

    def keep(label, *, data, file_name, **how):
        found[file_name] = data
        return shown(label, data=data, file_name=file_name, **how)

    monkeypatch.setattr(st, "download_button", keep)
    return found


def read(made):
    return pd.read_csv(io.BytesIO(made()))


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


def layers(figure):
    """The numbers of a picture's layers, the grey one too."""
    return [array(trace["z"]) for trace in figure["data"] if trace["type"] == "heatmap"]


def executed(at):
    """What the Python that reads the screen makes, when it is run: its names."""
    (code,) = [c.value for c in at.code if "compare.table(" in c.value]
    names: dict = {}
    exec(code, names)
    return names


def assert_the_same_is_drawn(at):
    """By the page and by its Python: the matrices, then the difference if there is one; colours, lines and frames."""
    names = executed(at)
    made = [*names["pictures"].values(), *names.get("windows", {}).values()]
    made += [names[one] for one in ("change", "window") if one in names]
    screen = [f for f in figures(at) if "confusion" not in f and f["data"][0]["type"] in ("heatmap", "image")]
    assert len(made) == len(screen)
    for mine, shown in zip(made, screen, strict=True):
        mine = json.loads(mine.to_json())
        assert len(layers(mine)) == len(layers(shown))
        for first, second in zip(layers(mine), layers(shown), strict=True):
            np.testing.assert_allclose(first, second)
        np.testing.assert_allclose(colours(mine), colours(shown), rtol=1e-6)
        assert mine["layout"].get("shapes") == shown["layout"].get("shapes")
        assert [t.get("source") for t in mine["data"]] == [t.get("source") for t in shown["data"]]
    return names, screen


def colours(figure):
    """The ends of the colours of each layer, and of an image's bar."""
    bars = [t["marker"] for t in figure["data"] if "cmin" in t.get("marker", {})]
    ends = [(t["zmin"], t["zmax"]) for t in figure["data"] if t["type"] == "heatmap"]
    return [*ends, *((bar["cmin"], bar["cmax"]) for bar in bars)]


def many(predicted, classes, second="gce"):
    """Two settings of two seeds, 120 samples of three classes; the second takes many of class 0 for the others."""
    random = np.random.default_rng(3)
    target = np.arange(120) % 3
    some = [np.where(random.random(120) < 0.7, target, random.integers(0, 3, 120)) for _ in range(4)]
    moved = [np.where((target == 0) & (one == 0), 1 + (np.arange(120) // 3) % 2, one) for one in some[2:]]
    return predicted(classes, {"ce": some[:2], second: moved}, target.tolist())


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
    {"t": "truck", "p": "=cat", "log": "true"},
    {"t": "truck", "p": "animal (all 2)", "level": "level-1", "a": "ce", "b": "gce", "order": "confusion"},
]


@pytest.mark.parametrize("asked", DRAWN, ids=str)
def test_python_draws_what_the_page_draws(visit, predicted, asked):
    many(predicted, PETS)
    at = opened(visit, "confusion", **asked)
    names, screen = assert_the_same_is_drawn(at)
    assert len({tuple(colours(f)[0]) for f in screen[:2]}) == 1
    framed = [[s for s in f["layout"].get("shapes", []) if s["type"] == "rect"] for f in screen]
    assert [len(found) for found in framed] == [int("t" in asked)] * len(screen)
    assert ("change" in names) == ("b" in asked)
    if "b" in asked:
        some_are_grey = asked.get("grey") != "false" and ("level" not in asked or "open" in asked)
        assert len(layers(screen[-1])) == 1 + some_are_grey


@pytest.mark.parametrize("asked", [{}, {"t": "class 500", "p": "class 503", "hide": "true"}], ids=str)
def test_python_draws_an_image_and_a_window_into_it(visit, thousand, asked):
    _, screen = assert_the_same_is_drawn(opened(visit, "confusion", a="ce", b="emd2", norm="counts", **asked))
    assert [f["data"][0]["type"] for f in screen] == ["image"] * 2 + ["heatmap"] * 2 + ["image", "heatmap"]


def whole(figure):
    """A picture without its title, and the room that takes."""
    layout = {k: v for k, v in figure["layout"].items() if k not in ("title", "margin")}
    return figure["data"], layout


def assert_severity_is_drawn(at):
    """The same pictures by the page and by its Python, in every number and colour; their names."""
    names = executed(at)
    of_room = [names[one] for one in ("distances", "by_class", "ranked") if one in names]
    made = [names["scatter"], *names.get("sweeps", {}).values(), *of_room, *names.get("diagrams", {}).values()]
    assert [whole(json.loads(fig.to_json())) for fig in made] == [whole(f) for f in figures(at)]
    return names


LOOKED = [
    {"detail": "distances", "decoder": "min_cost"},
    {"detail": "distances", "spread": "cumulative", "ruler": "zero_one", "part": "validation"},
    {"detail": "classes"},
    {"detail": "classes", "quantity": "error_rate", "sort": "difference", "a": "gce", "b": "ce"},
    {"detail": "classes", "quantity": "mean_cost", "sort": "name"},
    {"detail": "top-k", "k": "2", "decoder": "min_cost"},
    {"detail": "calibration"},
    {"detail": "calibration", "bins": "equal-mass", "decoder": "min_cost"},
]


@pytest.mark.parametrize("asked", LOOKED, ids=str)
def test_python_draws_the_open_room_of_the_severity_page(visit, predicted, asked):
    many(predicted, PETS)
    at = opened(visit, "severity", **asked)
    assert len(figures(at)) > 1
    assert_severity_is_drawn(at)


def printed(capsys, rows):
    """The lines that the Python prints after those of the table, as words."""
    return [line.split() for line in capsys.readouterr().out.splitlines()[rows:]]


def test_python_prints_the_numbers_of_the_room(visit, predicted, capsys):
    many(predicted, AGES, "emd2")
    at = opened(visit, "severity", detail="distances", beyond="30")
    rows = len(assert_severity_is_drawn(at)["rows"])
    shares = {line[0]: f"{float(line[-1]):.1%}" for line in printed(capsys, rows)}
    said = says(at).partition("farther than 30 (position units): ")[2]
    assert said.startswith(f"ce {shares['ce']} (seeds ")
    assert f"), emd2 {shares['emd2']} (seeds " in said
    for asked, columns in (
        ({"detail": "top-k", "k": "2"}, ["AHD@2"]),
        ({"detail": "calibration", "bins": "equal-mass"}, ["NLL", "ECE", "leans"]),
        ({"detail": "order"}, ["MAE", "MSE", "within 1", "QWK", "RPS"]),
    ):
        at = opened(visit, "severity", **asked)
        assert_severity_is_drawn(at)
        table = at.dataframe[1].value[columns] / [100 if column == "within 1" else 1 for column in columns]
        said = [[float(word) for word in line[-len(columns) :]] for line in printed(capsys, rows)]
        np.testing.assert_allclose(said, table)
    at = opened(visit, "severity", detail="pairs", worst="emd2")
    assert_severity_is_drawn(at)
    table = at.dataframe[1].value
    assert [line[:2] for line in printed(capsys, rows)] == table[["true", "predicted"]].to_numpy().tolist()


def test_python_draws_the_values_of_a_parameter(visit, predicted):
    answers = {f"simloss@words:keep=0.{k}": [[*TARGET[:k], *[2] * (8 - k)]] for k in (1, 2, 4)}
    predicted(PETS, answers | {"ce": CE[:1]}, TARGET)
    names = assert_severity_is_drawn(opened(visit, "severity", decoder="min_cost", detail="pairs"))
    assert len(names["sweeps"]) == 1


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("severity", {"ruler": "zero_one", "decoder": "min_cost", "a": "gce", "b": "ce"}),
        ("confusion", {"norm": "by-all", "order": "confusion", "hide": "true", "log": "true"}),
        ("confusion", {"norm": "counts", "level": "level-1", "a": "gce-s0", "b": "ce"}),
    ],
)
def test_the_command_writes_the_report_of_the_button(visit, predicted, made, tmp_path, monkeypatch, page, asked):
    comparison = many(predicted, PETS)
    at = opened(visit, page, **asked)
    (line,) = [c.value for c in at.code if "simviz report" in c.value]
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[3:]) == 0
    alike = lambda text: re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text)  # noqa: E731  (plotly's own ids)
    written = alike((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert written == alike(made[f"report-{comparison.id}.html"])
    assert page == "severity" or html.escape(line) in written


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
        box = at.selectbox(key="matrix_of")
        assert box.options == [*names["counts"], *(["A - B"] if "a" in asked else [])]
        assert not box.set_value("expected_cost@groups").run().exception


def test_the_camera_saves_what_was_chosen(visit, predicted):
    predicted(PETS, {"ce": CE, "gce": GCE}, TARGET)
    at = opened(visit, "severity")

    def saved():
        return {json.loads(c.proto.config)["toImageButtonOptions"]["format"] for c in at.get("plotly_chart")}

    assert saved() == {"svg"}
    at.segmented_control(key="camera").set_value("png").run()
    assert saved() == {"png"}
    link = next(c.value for c in at.code if "camera=" in c.value)
    assert "camera=png" in link
    at = opened(visit, "severity", camera="png")
    assert saved() == {"png"}
    assert at.segmented_control(key="camera").value == "png"
    at = opened(visit, "severity", camera="gif")
    assert saved() == {"svg"}
    assert "format of the camera “gif”" in says(at)


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


@pytest.mark.parametrize(
    ("page", "asked", "names"),
    [
        (
            "confusion",
            {"a": "ce", "b": "gce", "t": PETS.names[0], "p": PETS.names[1], "picture": "true", "img": "image-1"},
            {"cells-of-a-minus-b", "images-of-the-cell", "pairs-of-ce-by-count", "decisions", "best-classes-of-gce"},
        ),
        ("severity", {"detail": "top-k"}, {"severity", "ahd-k"}),
        ("severity", {"detail": "calibration", "bins_table": "true"}, {"calibration", "reliability-by-bin"}),
        ("severity", {"detail": "classes", "class_table": "true"}, {"severity-of-the-mistakes-by-class"}),
        ("severity", {"detail": "pairs"}, {"pairs-of-ce-by-cost"}),
        ("runs", {"run": "ce-s0"}, {"comparisons", "runs", "results-of-ce-s0-on-the-test-part"}),
    ],
)
def test_every_table_has_its_csv_and_all_of_them_are_one_zip(visit, predicted, saved, page, asked, names):
    comparison = predicted(PETS, {"ce": CE, "gce": GCE}, TARGET)
    at = visit(page, take="true", **asked)
    files = {f"{name}-{comparison.id}.csv" for name in names}
    assert files <= saved.keys()
    with zipfile.ZipFile(io.BytesIO(saved[f"tables-{comparison.id}.zip"]())) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert files <= inside.keys()
    assert len(inside) == len(at.dataframe)  # no table is without its file
    assert all(inside[name] == saved[name]() for name in inside)
    assert not any(cell.startswith("=") for data in inside.values() for cell in data.decode().split(","))


def test_no_table_is_drawn_without_its_csv():
    """But for the first rows of a visitor's own file, and the board of a training that is under way."""
    root = Path(charts.__file__).parent
    found = {f.name for f in root.rglob("*.py") if re.search(r"st\.dataframe\(", f.read_text())}
    assert found == {"charts.py", "runs_judge.py", "train_board.py"}


def test_the_cells_of_a_difference_come_with_their_numbers(visit, predicted, saved):
    made = predicted(ZOO, {"ce": ZOO_CE, "emd2": ZOO_SIM}, ZOO_TARGET.tolist())
    at = visit("confusion", a="ce", b="emd2", norm="counts")
    table = read(saved[f"cells-of-a-minus-b-{made.id}.csv"])
    expected = evaluation.cell_differences(ZOO_TARGET, ZOO_CE, ZOO_SIM, np.arange(180), 6)
    rows, columns = np.nonzero(expected.change)  # the diagonal too
    assert table["true"].tolist() == [ZOO.names[i] for i in rows]
    np.testing.assert_allclose(table["A - B"], expected.change[rows, columns])
    np.testing.assert_allclose(table["adjusted p"], expected.adjusted[rows, columns])
    np.testing.assert_array_equal(table["differing"], expected.differing[rows, columns])
    np.testing.assert_array_equal(table["stands out"], expected.significant[rows, columns])
    assert "too few differ" in frame(at, "A - B")["adjusted p"].tolist()


def test_the_difference_itself_is_a_matrix_to_take(visit, predicted, saved):
    predicted(ZOO, {"ce": ZOO_CE, "emd2": ZOO_SIM}, ZOO_TARGET.tolist())
    at = opened(visit, "confusion", a="ce-s1", b="emd2", matrix_of="A - B")
    assert at.selectbox(key="matrix_of").options == ["ce-s1", "emd2", "A - B"]
    counts = lambda answers: np.mean([evaluation.confusion_matrix(ZOO_TARGET, one, 6) for one in answers], axis=0)  # noqa: E731
    expected = counts(ZOO_CE[1:]) - counts(ZOO_SIM)
    table = pd.read_csv(io.BytesIO(saved["difference-ce-s1-minus-emd2.csv"]()), index_col=0)
    assert list(table.index) == list(ZOO.names)
    np.testing.assert_allclose(table.to_numpy(), expected)
    with np.load(io.BytesIO(saved["difference-ce-s1-minus-emd2.npz"]())) as file:
        np.testing.assert_allclose(file["difference"], expected)
    assert "Counts a run of ce-s1 - emd2" in says(at)
    assert "A - B" not in opened(visit, "confusion", a="ce").selectbox(key="matrix_of").options


def test_what_is_more_than_a_screen_is_whole_in_the_file(visit, predicted, saved):
    made = predicted(ZOO, {"ce": ZOO_CE, "emd2": ZOO_SIM}, ZOO_TARGET.tolist())
    at = visit("confusion", t="animal (all 3)", p="animal (all 3)", pg="2")
    images = read(saved[f"images-of-the-cell-{made.id}.csv"])
    assert len(images) > 2 * len(frame(at, "image")) > 0
    assert set(frame(at, "image")["image"]) <= set(images["image"])
    visit("severity", detail="top-k", k="2")
    curve = read(saved[f"ahd-k-{made.id}.csv"]).set_index("setting")
    assert [c for c in curve if c.startswith("ahd@") and c.count("_") == 0] == [f"ahd@{k}" for k in range(1, 7)]


def test_at_an_epoch_the_matrices_are_of_the_runs_that_kept_it(visit, compared, saved):
    for file in (compared.groups["ce"][1].path / "epochs").iterdir():
        file.unlink()
    at = opened(visit, "confusion", at="1")
    assert len(at.selectbox(key="matrix_of").options) == 3
    with np.load(compared.groups["ce"][0].path / "epochs" / "0001.npz") as epoch:
        kept = epoch["confusion"]
    table = pd.read_csv(io.BytesIO(saved["confusion-ce.csv"]()), index_col=0)
    np.testing.assert_array_equal(table.to_numpy(), kept)
