from __future__ import annotations

import json
import subprocess
import sys

import pytest

from simviz.cli import main
from simviz.matrices import ClassMatrix
from tests.datasets.helpers import write_folder

KEYS = {
    *("accuracy", "macro_recall", "nll", "ece", "mean_cost", "mistake_severity", "distinct_classes"),
    *("ruler", "decoder", "split", "epoch", "seconds", "images_per_second", "run"),
}


@pytest.fixture
def tiny(tiny_folder, tmp_path):
    options = f"--dataset {tiny_folder} --image-size 16 --model lenet --epochs 2 --batch-size 32 --runs {tmp_path}/runs"
    return options.split()


def test_train_prints_one_flat_json_object_last(tiny, capsys):
    assert main(["train", "--loss", "simloss@words:keep=0.3", "--seed", "3", "--ruler", "words", "--json", *tiny]) == 0
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert result.keys() >= KEYS
    assert all(isinstance(v, int | float | str | None) for v in result.values())
    assert result["split"] == "test"
    assert result["seed"] == 3
    assert 0 <= result["accuracy"] <= 1


def test_a_progress_bar_and_before_it_what_the_data_lack(tmp_path, capsys):
    write_folder(tmp_path / "x" / "train", {"a": range(30), "b": range(30, 60)})
    write_folder(tmp_path / "x" / "test", {"a": range(70, 75)})
    options = f"--dataset {tmp_path}/x --image-size 16 --model lenet --epochs 2 --runs {tmp_path}/runs"
    assert main(["train", "--loss", "ce", *options.split()]) == 0
    error = capsys.readouterr().err
    assert error.index("warning: No test image of b.") < error.index("epoch")
    assert "ce-s0 lr 0.004: 100%" in error
    assert "2/2" in error


def test_the_same_command_gives_the_same_figures(tiny, capsys):
    command = ["train", "--loss", "ce", "--precision", "float32", "--json", *tiny]
    found = []
    for _ in range(2):
        main(command)
        result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        found.append({k: result[k] for k in ("accuracy", "nll", "mean_cost", "epoch")})
    assert found[0] == found[1]


def test_compare_prints_every_setting_with_controls(tiny, capsys):
    assert main(["compare", "--loss", "simloss@words", "--seeds", "1", "--json", *tiny]) == 0
    out = capsys.readouterr().out
    for label in ("ce", "ce | min_cost", "simloss@words", "simloss:normalize=columns@words", "simloss@words:shuffle=1"):
        assert f"\n{label} " in out
    flat = json.loads(out.strip().splitlines()[-1])
    assert {f"{s} accuracy" for s in ("ce", "simloss@words")} <= flat.keys()


def test_matrix_writes_a_file_that_reads_back(tmp_path, capsys):
    out = tmp_path / "S.csv"
    assert main(["matrix", "words:keep=0.4", "--classes", "rose,tulip,truck", "--out", str(out)]) == 0
    assert ClassMatrix.load(out).names == ("rose", "tulip", "truck")
    assert main(["matrix", str(out), "--classes", "truck,rose"]) == 0
    assert "truck" in capsys.readouterr().out


def test_a_class_table_names_the_classes_and_their_groups(tmp_path, capsys):
    table, out = tmp_path / "classes.csv", tmp_path / "S.csv"
    table.write_text("name,group\ncherry,fruit\nplum,fruit\nbus,vehicle\n")
    assert main(["matrix", "groups", "--classes", str(table), "--out", str(out)]) == 0
    found = ClassMatrix.load(out)
    assert found.names == ("cherry", "plum", "bus")
    assert found.values[0].tolist() == [0, 1, 2]
    assert main(["matrix", "groups", "--classes", "gone.csv"]) == 1
    assert "there is no class table 'gone.csv'" in capsys.readouterr().err


def test_datasets_lists_every_name(capsys):
    assert main(["datasets"]) == 0
    out = capsys.readouterr().out
    for name in ("pictograms", "tree-rings", "cifar100", "cifar100-96", "utkface"):
        assert name in out


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--loss", "emd2"], "order"),
        (["--loss", "nothing"], "nothing"),
        (["--loss", "simloss@words:keep=2"], "keep"),
        (["--loss", "ce", "--drop", "unicorn"], "unicorn"),
        (["--loss", "ce", "--model", "lenett"], "lenett"),
        (["--loss", "ce", "--epochs", "0"], "epochs"),
        (["--loss", "ce", "--ruler", "groups"], "groups"),
        (["--loss", "ce", "--dataset", "/no/such/folder"], "/no/such/folder"),
        (["--loss", "ce", "--device", "cuda:63"], "cuda:63"),
    ],
)
def test_bad_input_is_a_sentence_on_stderr(tiny, capsys, change, text):
    assert main(["train", *tiny, *change, "--json"]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert text in caught.err
    assert "Traceback" not in caught.err


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "simviz", "matrix", "order:r=0.5", "--classes", "a,b"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "0.500" in done.stdout
    bad = subprocess.run(
        [sys.executable, "-m", "simviz", "matrix", "order:r=5", "--classes", "a,b"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert bad.returncode == 1
    assert bad.stderr.startswith("simviz: ")
    assert "Traceback" not in bad.stderr


def test_a_spent_budget_is_told(tiny, capsys):
    """So small a budget is spent at the first batch."""
    assert main(["compare", "--loss", "ce", "--seeds", "2", "--no-controls", "--budget", "1e-6", *tiny]) == 1
    err = capsys.readouterr().err
    assert "note: stopped here: the budget of 1e-06 minutes was spent" in err
    assert "note: not started: the budget of 1e-06 minutes was spent" in err
    assert err.splitlines()[-1].endswith("no run reached the end of an epoch; give it more time")


@pytest.mark.parametrize("minutes", ["0", "-3", "inf"])
def test_a_budget_that_is_none_is_a_sentence(tiny, capsys, minutes):
    assert main(["compare", "--loss", "ce", "--budget", minutes, *tiny]) == 1
    assert "budget" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_to_is_a_sentence(tiny, capsys):
    assert main(["compare", "--loss", "ce", *tiny, "--runs", "/dev/null/runs"]) == 1
    assert capsys.readouterr().err.startswith("simviz: ")
