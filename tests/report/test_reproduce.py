"""Commands and Python that make the very comparison: executed."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simviz import ClassSet, compare
from simviz.cli import main
from simviz.evaluation import foreign
from simviz.report import reproduce
from simviz.report.look import Look
from simviz.runs import Comparison, Store, checked
from simviz.runs.foreign import keep

GIVEN = {"dataset": "pictograms", "epochs": 5, "words": {"a b": "it's"}}


def laid_out(root, specs, title="it's $HOME"):
    info = {"classes": {"names": ["a", "b"]}, "dataset": {"name": "x"}}
    return Store(root).create(title, specs, info)


def run(text: str, comparison_store) -> Comparison:
    names: dict = {}
    exec(text, names)
    return names["comparison"]


def specs_of(comparison):
    return [r.spec for r in comparison.runs]


def test_python_makes_the_same_runs_with_the_same_numbers(shapes, store):
    again = run(reproduce.python(shapes), store)
    assert sorted(map(repr, specs_of(again))) == sorted(map(repr, specs_of(shapes)))
    assert list(again.groups) == list(shapes.groups)
    assert again.title == shapes.title
    for a, b in zip(compare.table(again), compare.table(shapes), strict=True):
        assert (a.label, a.seeds) == (b.label, b.seeds)
        assert a.values["accuracy"] == pytest.approx(b.values["accuracy"], abs=1e-6)


def test_the_command_asks_for_the_same_runs(shapes, store, capsys):
    (line,) = reproduce.commands(shapes).splitlines()
    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "simviz", "compare"]
    assert main([*words[3:], "--epochs", "1"]) == 0
    (made,) = Store().comparisons()
    assert [s.model_copy(update={"epochs": 3}) for s in specs_of(made)] == specs_of(shapes)
    assert made.title == "shapes"


def test_the_report_is_asked_for_with_all_that_was_chosen(shapes):
    sides, look = ("self_guided", "ce"), Look("counts", "name", 0, hide_diagonal=True)
    line = reproduce.report(shapes, "validation", "min_cost", ruler="zero_one", sides=sides, look=look)
    assert shlex.split(line)[4:] == [
        *(shapes.id, "--part", "validation", "--decoder", "min_cost", "--ruler", "zero_one"),
        *("--a", "self_guided", "--b", "ce", "--normalize", "counts", "--order", "name", "--hide-diagonal"),
        *("--out", "report.html"),
    ]


@pytest.mark.parametrize(
    ("specs", "lines"),
    [
        ([checked(loss=s, seed=seed, **GIVEN) for seed in (0, 1) for s in ("ce", "gce")], ["compare"]),
        ([checked(loss="ce", seed=7, **GIVEN)], ["train"]),
        ([checked(loss=s, seed=seed, **GIVEN) for seed in (3, 4) for s in ("ce", "gce")], ["train"] * 4),
        (
            [checked(loss=s, lr=r, seed=seed, **GIVEN) for seed in (0, 1) for s, r in (("ce", 0.1), ("gce", 0.2))],
            ["compare"] * 2,
        ),
        ([checked(loss="ce", seed=0, **GIVEN), checked(loss="ce", seed=0, lr=0.1, **GIVEN)], ["train"] * 2),
        ([checked(loss="ce", seed=0, **GIVEN), checked(loss="gce", seed=1, **GIVEN)], ["train"] * 2),
    ],
)
def test_every_run_is_asked_for_once_and_as_it_was(tmp_path, monkeypatch, specs, lines):
    from simviz import cli
    from simviz.cli import options

    comparison = laid_out(tmp_path, specs)
    found = []
    for line in reproduce.commands(comparison).splitlines():
        words = shlex.split(line)[3:]
        arguments = cli._parser().parse_args(words)
        lossy = [(s, n) for n in range(arguments.seeds) for s in arguments.loss] if words[0] == "compare" else None
        for loss, seed in lossy or [(arguments.loss, arguments.seed)]:
            found.append(checked(loss=loss, seed=seed, **options.spec_fields(arguments)))
    assert [line.split()[3] for line in reproduce.commands(comparison).splitlines()] == lines
    assert sorted(map(repr, found)) == sorted(map(repr, specs))
    made: list = []
    monkeypatch.setattr(compare, "create", lambda specs, title: made.extend([*specs, title]))
    monkeypatch.setattr("simviz.runs.worker.work", lambda comparison: None)
    exec(reproduce.python(comparison), {})
    assert made == [*specs, comparison.title]


@pytest.mark.parametrize("table", [None, "classes.csv", "no,yes"])
def test_predictions_made_elsewhere_are_read_again(tmp_path, store, monkeypatch, capsys, table):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name in ("-first", "second"):
        truth, said = (np.array(["no", "yes"])[np.sort(random.integers(0, 2, 30))] for _ in range(2))
        truth = np.array(["no", "yes"])[np.arange(30) % 2]
        pd.DataFrame({"y_true": truth, "y_pred": said}).to_csv(f"{name}.csv", index=False)
    (tmp_path / "classes.csv").write_text("name,position\nno,0\nyes,1\n")
    options = [] if table is None else ["--classes", table]
    assert main(["evaluate", "./-first.csv", "second.csv", *options]) == 0
    (first,) = Store().comparisons()
    again = run(reproduce.python(first), store)
    assert [r.values for r in compare.table(again)] == [r.values for r in compare.table(first)]
    assert again.classes == first.classes
    words = shlex.split(reproduce.commands(first))
    assert words[3] == "evaluate"
    assert main(words[3:]) == 0
    assert len(Store().comparisons()) == 3


@pytest.mark.parametrize(
    ("ruler", "known"),
    [
        ("groups", {"groups": [("a", "x, y"), ("a", "it's"), ("$HOME", "END")]}),
        ("positions", {"positions": [0.5, 1e-7, 3]}),
        ("zero_one", {"words": {"no": "not"}}),
        ("positions", {"positions": [0, 1, 2], "period": 4}),
        ("groups", {"groups": ["x", "y\nEND\ntouch gone", "y"]}),
    ],
)
def test_what_was_typed_of_the_classes_is_told_again(tmp_path, store, monkeypatch, ruler, known):
    monkeypatch.chdir(tmp_path)
    answers = "".join(
        f"{t},{p}\n" for t, p in zip(["no", "yes", "maybe"] * 4, ["no", "maybe", "yes", "yes"] * 3, strict=True)
    )
    for name in ("first", "second"):
        (tmp_path / f"{name}.csv").write_text(f"y_true,y_pred\n{answers}")
    found = [foreign.read(foreign.source(tmp_path / f"{name}.csv")) for name in ("first", "second")]
    classes = ClassSet(["no", "yes", "maybe"], **known)
    typed = [replace(one, classes=classes.subset(found[0].classes.names)) for one in found]
    first = keep(typed, store=Store(), ruler=ruler, files=["first.csv", "second.csv"], columns=[{}, {}])
    again = run(reproduce.python(first), store)
    lines = reproduce.commands(first)
    made = [first, again]
    if lines.startswith("#"):
        assert "period" in known or "line break" in lines
        assert len(lines.splitlines()) == 1
    else:
        *_, last = lines.splitlines()
        subprocess.run(["bash", "-c", lines.removesuffix(last)], check=True)
        assert main(shlex.split(last)[3:]) == 0
        made.append(max(Store().comparisons(), key=lambda c: c.created))
        assert len({c.id for c in made}) == 3
    for other in made[1:]:
        assert other.classes == first.classes
        assert [r.values for r in compare.table(other)] == [r.values for r in compare.table(first)]
        assert compare.comparison_ruler(other).name == ruler


def test_what_was_corrected_of_the_columns_is_said_again(tmp_path, store, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name in ("first", "second"):
        said = np.array(["no", "yes"])[random.integers(0, 2, 30)]
        truth = np.array(["no", "yes"])[np.arange(30) % 2]
        pd.DataFrame({"y_true": said, "mine": truth}).to_csv(f"{name}.csv", index=False)
    assert main(["evaluate", "first.csv", "second.csv", "--column", "true=mine", "--column", "predicted=y_true"]) == 0
    (first,) = Store().comparisons()
    assert first.runs[0].predictions().target.tolist() == [0, 1] * 15
    again = run(reproduce.python(first), store)
    assert [r.spec for r in again.runs] == [r.spec for r in first.runs]
    assert [r.values for r in compare.table(again)] == [r.values for r in compare.table(first)]
    assert main(shlex.split(reproduce.commands(first))[3:]) == 0
    newest = max(Store().comparisons(), key=lambda c: c.created)
    assert [r.values for r in compare.table(newest)] == [r.values for r in compare.table(first)]
    spec = first.runs[1].spec.model_copy(update={"columns": {"true": "mine", "predicted": "y_true", "ids": ""}})
    (first.runs[1].path / "spec.json").write_text(spec.model_dump_json())
    lines = reproduce.commands(Store().comparison(first.id)).splitlines()
    assert ["first.csv" in lines[0], "second.csv" in lines[1], "ids=" in lines[1]] == [True, True, True]
