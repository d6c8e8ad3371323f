"""compare: from a file, with tuned learning rates, a part of an experiment; experiments: what there is."""

from __future__ import annotations

import json

import pytest

from simviz.cli import main
from simviz.compare import tuning
from simviz.runs import Store


@pytest.fixture
def file(tiny_folder, tmp_path):
    def write(text: str) -> list[str]:
        top = f'dataset = "{tiny_folder}"\nimage-size = 16\nmodel = "lenet"\nepochs = 2\nbatch-size = 32\nseeds = 1\n'
        path = tmp_path / "x.toml"
        path.write_text(top + text)
        return ["compare", "--file", str(path), "--runs", str(tmp_path / "runs")]

    return write


def test_every_comparison_of_a_file_is_trained_and_options_go_before_its_keys(file, tmp_path, capsys):
    text = 'loss = ["ce"]\n[[comparison]]\ntitle = "one"\n[[comparison]]\ntitle = "two"\nloss = ["gce"]\nlr = 0.01\n'
    assert main([*file(text), "--epochs", "1", "--json"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("ce ", "gce "))].count("gce") >= 1
    found = {c.title: c for c in Store(tmp_path / "runs")}
    assert {s.spec.epochs for c in found.values() for s in c.runs} == {1}
    assert [{r.spec.lr for r in found[title].runs} for title in ("one", "two")] == [{4e-3}, {0.01}]
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [line["comparison"] for line in lines] == [str(found[title].path) for title in ("one", "two")]


def test_tuned_rates_are_printed_and_recorded(file, tmp_path, capsys):
    assert (
        main([*file('loss = ["ce"]\n'), "--tune", "--rates", "0.003,0.0003", "--monitor", "nll", "--epochs", "1"]) == 0
    )
    out = capsys.readouterr().out
    (comparison,) = Store(tmp_path / "runs")
    record = tuning.recorded(comparison)
    assert "learning rates, chosen by validation nll (seed 1)" in out
    assert f"{record.chosen['ce']:g}" in out
    assert {run.spec.lr for run in comparison.runs} == {record.chosen["ce"]}


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ('loss = ["ce"]\nepoch = 3\n', [], "x.toml: epoch is no key; did you mean epochs?"),
        ('[[comparison]]\nloss = ["ce"]\n[[comparison]]\nloss = ["emd2"]\n', [], "order"),
        ('loss = ["ce"]\n', ["--scale", "2"], "scale is 2"),
        ('loss = ["ce"]\n', ["--rates", "0.1,0.2"], "rates are tried where tune is true"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained_and_nothing_is_left(
    file, tmp_path, capsys, text, options, sentence
):
    assert main([*file(text), *options]) == 1
    caught = capsys.readouterr()
    assert sentence in caught.err
    assert "Traceback" not in caught.err
    assert Store(tmp_path / "runs").comparisons() == []


def test_data_are_needed(tmp_path, capsys):
    assert main(["compare", "--loss", "ce", "--runs", str(tmp_path)]) == 1
    assert "names no data" in capsys.readouterr().err


def test_experiments_are_listed_with_the_data_they_need(capsys):
    assert main(["experiments"]) == 0
    out = capsys.readouterr().out
    for name, data in {"simloss-ages": "UTKFace", "simloss-images": "CIFAR-100", "hou-ordered": "Adience"}.items():
        assert f"{name}\n" in out
        assert data in out
    assert "28 settings x 10 seeds, up to 200 epochs" in out


def test_an_experiment_without_its_data_says_which(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--experiment", "hou-ordered", "--scale", "0.01"]) == 1
    error = capsys.readouterr().err
    assert "Hou ordered: Adience: there is no data set 'data/adience'" in error
    assert "Hou ordered: AVA" in error
    assert main(["compare", "--experiment", "hou"]) == 1
    assert "there are hou-ordered" in capsys.readouterr().err


def test_a_part_of_an_experiment_says_what_it_leaves_out(tiny_folder, tmp_path, capsys):
    small = f"--dataset {tiny_folder} --image-size 16 --model lenet --batch-size 32 --epochs 8 --monitor nll --loss ce"
    command = [
        "compare",
        "--experiment",
        "hou-self-guided",
        *small.split(),
        "--ruler",
        "words",
        "--runs",
        str(tmp_path),
    ]
    assert main([*command, "--crop", "16", "--lr", "0.01", "--scale", "0.001", "--rates", "0.01,0.003"]) == 0
    error = capsys.readouterr().err
    assert "note: scale 0.001: epochs 8 -> 1, seeds 3 -> 2, training images 100 -> 10" in error
    (comparison,) = Store(tmp_path)
    assert len(comparison.runs) == 2
