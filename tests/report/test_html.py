"""One file that opens anywhere, shows what the library computes, and runs nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from simviz import compare, evaluation
from simviz.cli import main
from simviz.evaluation import foreign
from simviz.figures import style
from simviz.matrices import anatomy
from simviz.report import pictures
from simviz.report.counts import counted
from simviz.report.html import report
from simviz.report.look import Look
from simviz.runs import Store, StoreError
from simviz.runs.foreign import keep


class Reader(HTMLParser):
    """Tags, their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


def test_nothing_hostile_becomes_markup_and_nothing_is_lost(hostile):
    comparison = hostile()
    page = Reader(report(comparison))
    assert not {tag for tag, _ in page.tags} & {"img", "b", "i", "u", "link", "iframe"}
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert all("src" not in attrs for attrs in scripts)
    assert comparison.title in page.text
    assert "<i>data</i>" in page.text
    assert "<b>a note</b>" in page.text
    figures = 1 + 1 + 2 + 1  # accuracy, classes, a matrix a setting, one difference
    assert len(scripts) == 1 + figures  # no name has closed one and opened another
    assert sum(attrs.get("class") == "plotly-graph-div" for _, attrs in page.tags) == figures


def test_plotly_is_inside_once_and_the_size_is_the_truth(hostile):
    text = report(hostile(seeds=1))
    assert len(re.findall(r"plotly\.js v\d", text)) == 1
    said, plotly = map(float, re.search(r"This file has ([\d.]+) MB, ([\d.]+) MB of it plotly.js", text).groups())
    assert said == pytest.approx(len(text.encode()) / 1e6, abs=0.06)
    assert said > plotly > 4
    assert "With one run a setting there are no intervals" in text


@pytest.mark.parametrize(("decoder", "part"), [("argmax", "test"), ("min_cost", "validation")])
def test_the_table_is_that_of_the_library(shapes, decoder, part):
    page = Reader(report(shapes, decoder=decoder, part=part))
    for row in compare.table(shapes, decoder=decoder, part=part):
        low, high = row.interval("mean_cost")
        assert f"{row.mean('mean_cost'):.3f} ± {(high - low) / 2:.3f}" in page.text
        assert row.label in page.text
    for finding in compare.findings(compare.table(shapes, decoder=decoder, part=part)):
        assert finding in page.text


def test_a_and_b_are_the_only_difference_where_they_are_given(shapes):
    headings = re.findall(r"<h2>Difference: (.*?)</h2>", report(shapes))
    assert headings == ["ce minus simloss@words:keep=0.3", "ce minus self_guided"]  # no control is asked about
    given = report(shapes, sides=("self_guided", "ce"))
    assert re.findall(r"<h2>Difference: (.*?)</h2>", given) == ["self_guided minus ce"]
    assert "--a self_guided --b ce" in given


def test_the_ruler_stands_in_every_heading_and_what_was_decided_elsewhere_is_told(shapes, tmp_path):
    ruler = compare.comparison_ruler(shapes).describe()
    for heading in ("Severity of the mistakes", "Accuracy against mean cost", "Severity class by class"):
        assert f"{heading}, ruler {ruler}" in Reader(report(shapes)).text
    files = {"decided": b"y_true,y_pred\na,b\nb,b\n", "scored": b"y_true,p_a,p_b\na,.9,.1\nb,.2,.8\n"}
    found = [foreign.read(foreign.source(data, f"{name}.csv")) for name, data in files.items()]
    for taken, said in ((found[:1], "the file's own"), (found, "argmax (the file's own for decided)")):
        assert f"Decided by {said}." in Reader(report(keep(taken, store=Store(tmp_path), ruler="zero_one"))).text


def test_runs_can_be_the_sides_of_the_difference(shapes, tmp_path, capsys):
    a, b = (shapes.groups["ce"][k] for k in (0, 1))
    out = tmp_path / "r.html"
    options = ["--runs", str(shapes.path.parent), "--a", a.id, "--b", b.id, "--out", str(out)]
    assert main(["report", shapes.id, *options]) == 0
    text = out.read_text(encoding="utf-8")
    assert re.findall(r"<h2>Difference: (.*?)</h2>", text) == [f"{a.id} minus {b.id}"]
    found = [run.predictions("test") for run in (a, b)]
    wrong = [int((one.log_probabilities.argmax(1) != one.target).sum()) for one in found]
    assert f"Mistakes a run: {wrong[0]:.1f} in {a.id}, {wrong[1]:.1f} in {b.id}" in Reader(text).text


def _order(by, one, total):
    names, groups = one.classes.names, [path[0] for path in one.classes.groups]
    return {
        "index": lambda: list(range(len(names))),
        "name": lambda: sorted(range(len(names)), key=lambda i: names[i].lower()),
        "group": lambda: sorted(range(len(names)), key=lambda i: groups[i]),
        "similarity": lambda: anatomy.leaf_order(evaluation.ruler(one.classes, "words").matrix),
        "confusion": lambda: evaluation.confusion_order(total),
    }[by]()


@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look("counts", "name"),
        Look("all", "group", log=True),
        Look("predicted", "similarity"),
        Look(order="confusion", hide_diagonal=True),
    ],
    ids=lambda look: look.order,
)
def test_the_matrices_are_drawn_as_asked(hostile, look):
    one = hostile()
    ruler = compare.comparison_ruler(one)
    counts = counted(one, part="test", decoder="argmax", ruler=ruler)
    *drawn, moved = pictures.matrices(counts, {}, one.classes, sides=None, ruler=ruler, look=look)
    order = _order(look.order, one, sum(found.mean for found in counts.values()))
    tables = [evaluation.normalise(found.mean, look.normalize)[np.ix_(order, order)] for found in counts.values()]
    off = ~np.eye(len(order), dtype=bool) if look.hide_diagonal else np.ones((len(order),) * 2, dtype=bool)
    high, low = max(t[off].max() for t in tables), min(t[t > 0].min() for t in tables) if look.log else 0
    for picture, table in zip(drawn, tables, strict=True):
        cells = picture.figure.data[0]
        assert list(cells.y) == [style.escape(one.classes.names[i]) for i in order]
        z = np.array(cells.z, dtype=float)
        np.testing.assert_allclose((10**z if look.log else z)[off & (table > 0)], table[off & (table > 0)], rtol=1e-5)
        assert np.isnan(z[~off]).all()
        ends = np.array([cells.zmin, cells.zmax])
        np.testing.assert_allclose(10**ends if look.log else ends, [low, high])
    change = np.array(moved.figure.data[0].z, dtype=float)
    np.testing.assert_allclose(change[off], (tables[0] - tables[1])[off], atol=1e-6)


def test_of_a_level_the_rows_are_groups(hostile):
    one = hostile()
    ruler = compare.comparison_ruler(one)
    counts = counted(one, part="test", decoder="argmax", ruler=ruler)
    first, *_ = pictures.matrices(counts, {}, one.classes, sides=None, ruler=ruler, look=Look("counts", level=1))
    low = np.array([path[0] == "low" for path in one.classes.groups])
    expected = [[counts["ce"].mean[np.ix_(a, b)].sum() for b in (low, ~low)] for a in (low, ~low)]
    np.testing.assert_allclose(first.figure.data[0].z, expected)
    assert f"{np.trace(expected) / np.sum(expected):.1%} of the images" in first.caption


def test_the_command_writes_the_file(hostile, tmp_path, capsys):
    comparison = hostile()
    out = tmp_path / "report.html"
    options = ["--runs", str(comparison.path.parent), "--ruler", "zero_one", "--decoder", "min_cost"]
    assert main(["report", comparison.id, "--out", str(out), *options]) == 0
    assert "Ruler: zero_one" in out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size / 1e6:.1f} MB\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["gone", "--out", "r.html"], "there is no comparison 'gone'"),
        (["ID", "--out", "gone/r.html"], "there is no folder 'gone'"),
        (["ID", "--out", "r.html", "--ruler", "positions"], "needs classes with positions"),
        (["ID", "--out", "r.html", "--decoder", "best"], "there is no decoder 'best'"),
        (["ID", "--out", "r.html", "--a", "ce"], "give both or neither"),
        (["ID", "--out", "r.html", "--a", "ce", "--b", "gone"], "there is no setting or run 'gone'"),
        (["ID", "--out", "r.html", "--a", "ce", "--b", "ce"], "A and B are both 'ce'"),
        (["ID", "--out", "r.html", "--order", "best"], "there is no order 'best' of the classes"),
        (["ID", "--out", "r.html", "--level", "2"], "level is 2; these classes have 1 levels"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_leaves_no_file(hostile, tmp_path, monkeypatch, capsys, arguments, text):
    comparison = hostile()
    monkeypatch.chdir(tmp_path)
    asked = [comparison.id if a == "ID" else a for a in arguments]
    assert main(["report", *asked, "--runs", "runs"]) == 1
    assert text in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_a_comparison_without_predictions_is_refused(hostile):
    comparison = hostile()
    for run in comparison.runs:
        (run.path / "test.npz").unlink()
    with pytest.raises(StoreError, match="there is nothing to report"):
        report(Store(comparison.path.parent).comparison(comparison.id))
