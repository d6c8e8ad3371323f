"""`simviz evaluate`: one line from a file of predictions to the numbers of scikit-learn."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score

from simviz import ClassSet, compare, evaluation, matrices
from simviz.cli import main
from simviz.runs import Comparison, Store
from simviz.runs.command import command

WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
TABLE = "name,label,position,group\n" + "".join(
    f"{w},{i},{i * i},{'low' if i < 5 else 'high'}\n" for i, w in enumerate(WORDS)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a user of scikit-learn has: a folder with predict_proba and predict of two models."""
    folder = tmp_path_factory.mktemp("sklearn")
    x, y = load_digits(return_X_y=True)
    answers = {}
    for name, strength in (("weak", 1e-5), ("strong", 1e-3)):
        model = LogisticRegression(max_iter=1000, C=strength).fit(x[:1500], y[:1500])
        p = answers[name] = model.predict_proba(x[1500:])
        pd.DataFrame(p, columns=model.classes_).assign(y_true=y[1500:]).to_csv(folder / f"{name}.csv", index=False)
        np.savez(folder / f"{name}.npz", y_true=y[1500:], y_pred=model.predict(x[1500:]))
        np.savetxt(folder / f"{name}-counts.csv", confusion_matrix(y[1500:], p.argmax(1)), delimiter=",")
    (folder / "classes.csv").write_text(TABLE)
    return folder, y[1500:], answers


def evaluated(capsys, *arguments):
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_one_flat_object_with_the_numbers_of_sklearn(made, tmp_path, capsys):
    folder, y, answers = made
    result = evaluated(capsys, folder / "strong.csv", "--runs", tmp_path)
    p = answers["strong"]
    assert result["accuracy"] == accuracy_score(y, p.argmax(axis=1))
    assert result["nll"] == pytest.approx(log_loss(y, p))
    assert result["top5"] == top_k_accuracy_score(y, p, k=5)
    assert all(isinstance(v, int | float | str | None) for v in result.values())
    assert result.keys() >= {"ruler", "decoder", "split", "epoch", "seconds", "images_per_second", "run"}
    assert (result["split"], result["decoder"]) == ("test", "argmax")
    assert Comparison((tmp_path / result["run"]).parent).runs[0].result()["accuracy"] == result["accuracy"]


def test_a_class_table_and_a_ruler_give_the_numbers_that_need_them(made, tmp_path, capsys):
    folder, y, answers = made
    predicted = answers["strong"].argmax(axis=1)
    options = ["--runs", tmp_path, "--classes", folder / "classes.csv"]
    result = evaluated(capsys, folder / "strong.npz", "--ruler", "positions", *options)
    assert result["ruler"].startswith("positions (position units), 0..81")
    assert result["mean_cost"] == pytest.approx(np.abs(y**2 - predicted**2).mean())
    assert result["superclass_accuracy"] == pytest.approx(((y < 5) == (predicted < 5)).mean())
    assert "nll" not in result
    grouped = evaluated(capsys, folder / "strong.npz", "--ruler", "groups", *options)
    assert grouped["mistake_severity"] == pytest.approx(2 - grouped["failed_superclass_accuracy"])


def test_a_ruler_file_measures_wherever_the_app_is_started(made, tmp_path, capsys, monkeypatch):
    folder, y, answers = made
    ruler = matrices.positions(ClassSet([str(i) for i in range(10)], positions=range(10)))
    ruler.save(tmp_path / "D.csv")
    monkeypatch.chdir(tmp_path)
    result = evaluated(capsys, folder / "strong-counts.csv", "--ruler", "D.csv", "--runs", "runs")
    assert result["mean_cost"] == pytest.approx(np.abs(y - answers["strong"].argmax(axis=1)).mean())
    comparison = Comparison((tmp_path / result["run"]).parent)
    monkeypatch.chdir("/")
    from simviz import compare

    assert compare.table(comparison)[0].mean("mean_cost") == result["mean_cost"]


def test_several_files_are_the_settings_of_one_comparison(made, tmp_path, capsys):
    folder, y, answers = made
    result = evaluated(capsys, folder / "weak.csv", folder / "strong.npz", "--runs", tmp_path)
    assert result["weak accuracy"] == accuracy_score(y, answers["weak"].argmax(axis=1))
    assert result["strong accuracy"] == accuracy_score(y, answers["strong"].argmax(axis=1))
    assert len(Comparison(tmp_path / result["comparison"]).runs) == 2


def test_the_command_that_a_run_remembers_gives_the_same_again(made, tmp_path, capsys):
    folder, *_ = made
    first = evaluated(
        capsys, folder / "strong.csv", "--ruler", "positions", "--classes", folder / "classes.csv", "--runs", tmp_path
    )
    said = shlex.split(command(Comparison((tmp_path / first["run"]).parent).runs[0].spec))
    assert said[:4] == ["python", "-m", "simviz", "evaluate"]
    again = evaluated(capsys, *said[4:], "--runs", tmp_path)
    assert again | {"run": first["run"]} == first


def test_guessed_columns_are_corrected(made, tmp_path, capsys):
    folder, y, answers = made
    p = answers["strong"]
    table = pd.DataFrame(p, columns=[f"second {i}" for i in range(10)])
    for i in range(10):
        table[f"first {i}"] = answers["weak"][:, i]
    table.assign(y_true=(y + 1) % 10, mine=y, which=np.arange(len(y)) + 500).to_csv(folder / "odd.csv", index=False)
    columns = ["--column", "true=mine", "--column", "scores=second *", "--column", "ids=which"]
    result = evaluated(capsys, folder / "odd.csv", *columns, "--runs", tmp_path)
    assert result["nll"] == pytest.approx(log_loss(y, p))
    run = Comparison((tmp_path / result["run"]).parent).runs[0]
    assert run.predictions().ids[0] == "500"
    again = evaluated(capsys, *shlex.split(command(run.spec))[4:], "--runs", tmp_path)
    assert again["nll"] == result["nll"]


def test_what_was_taken_for_what_is_said_of_one_file_too(tmp_path, capsys):
    (tmp_path / "one.csv").write_text("y_true,score\n" + "no,0.1\nyes,0.9\nyes,0.2\nno,0.3\n")
    assert main(["evaluate", str(tmp_path / "one.csv"), "--runs", str(tmp_path / "runs")]) == 0
    assert "note: one.csv: The one score of a row was taken for the probability of 'yes'." in capsys.readouterr().err


def test_a_correction_goes_to_the_files_that_have_the_column(made, tmp_path, capsys):
    """Each of two files has its own name for the truth; the third is guessed."""
    folder, y, answers = made
    said = answers["weak"].argmax(axis=1)
    for name, truth in (("a", "mine"), ("b", "gold")):
        pd.DataFrame({truth: y, "label": (y + 1) % 10, "y_pred": said}).to_csv(tmp_path / f"{name}.csv", index=False)
    files = [tmp_path / "a.csv", tmp_path / "b.csv", folder / "strong.csv"]
    columns = ["--column", "true=mine", "--column", "true=gold"]
    result = evaluated(capsys, *files, *columns, "--runs", tmp_path / "runs")
    right = {"a": said, "b": said, "strong": answers["strong"].argmax(axis=1)}
    assert {n: result[f"{n} accuracy"] for n in right} == {n: accuracy_score(y, p) for n, p in right.items()}
    kept = Comparison(tmp_path / "runs" / result["comparison"]).runs
    assert [run.spec.columns for run in kept] == [{"true": "mine"}, {"true": "gold"}, {}]
    assert main(["evaluate", *map(str, files[::2]), *columns[:2], "--runs", str(tmp_path / "runs")]) == 0
    left_out = [line for line in capsys.readouterr().err.splitlines() if "true=mine" in line]
    assert left_out == ["note: strong.csv is read without true=mine, which does not fit it"]


def test_it_says_what_deciding_by_cost_would_bring(made, tmp_path, capsys):
    folder, y, answers = made
    table = ["--classes", str(folder / "classes.csv"), "--runs", str(tmp_path)]
    assert main(["evaluate", str(folder / "weak.csv"), str(folder / "weak.npz"), *table]) == 0
    probable, bare = (line for line in capsys.readouterr().out.splitlines() if line.startswith("what would"))
    comparison = Store(tmp_path).comparisons()[0]
    ruler = compare.comparison_ruler(comparison)
    logs = np.log(answers["weak"])
    found = evaluation.gain_by_cost(logs, y, np.arange(len(y)), classes=comparison.classes, ruler=ruler)
    assert probable == f"what would it bring weak? {found.sentence('tree levels')}"
    assert bare.startswith("what would it bring weak-2? Only the decided class of each sample is known")


def test_the_pictures_that_a_file_names_come_along(tmp_path, capsys):
    names = [f"{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / name)
    said = pd.DataFrame({"image": names, "y_true": ["cat", "dog"] * 3, "y_pred": ["cat"] * 6})
    said.to_csv(tmp_path / "said.csv", index=False)
    evaluated(capsys, tmp_path / "said.csv", "--runs", tmp_path / "runs")
    (made,) = Store(tmp_path / "runs").comparisons()
    kept, rows = made.images(), made.image_rows()
    assert [int(kept[rows[name]][..., 0].mean()) for name in names] == [0, 40, 80, 120, 160, 200]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["gone.csv"], "there is no file 'gone.csv'"),
        (["strong.csv", "--ruler", "groups"], "the ruler 'groups' needs classes with groups"),
        (["strong.csv", "--ruler", "D.csv"], "there is no matrix file"),
        (["strong.csv", "--classes", "gone.csv"], "there is no class table 'gone.csv'"),
        (["strong.csv", "--classes", "cat,dog"], "strong.csv has"),
        (["classes.csv"], "no column that is known for"),
        (["strong.csv", "short.csv"], "need the same samples"),
        (["strong.csv", "--column", "truth"], "--column is 'truth'; write MEANING=COLUMN"),
        (["strong.csv", "--column", "truth=y_true"], "there is no meaning 'truth' of a column; there are true,"),
        (["strong.csv", "--column", "true=label"], "strong.csv has no column 'label'; it has '0', '1'"),
        (["strong.csv", "--column", "scores=p_*"], "strong.csv has no column 'p_*'"),
        (
            ["strong.csv", "short.csv", "--column", "true=label"],
            " and 3 more; short.csv has no column 'label'; it has 'y_true', 'y_pred'",
        ),
        (["strong.csv", "short.csv", "--column", "truth=y"], "simviz: there is no meaning 'truth' of a column; there"),
        (["strong.csv", "--column", "scale=percent"], "scale is 'percent'; it must be one of auto,"),
    ],
)
def test_what_does_not_fit_is_a_sentence_on_stderr(made, tmp_path, capsys, monkeypatch, arguments, text):
    folder, *_ = made
    (folder / "short.csv").write_text("y_true,y_pred\n1,2\n")
    monkeypatch.chdir(folder)
    assert main(["evaluate", *arguments, "--runs", str(tmp_path), "--json"]) == 1
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.startswith("simviz: ")
    assert text in caught.err
    assert list(tmp_path.iterdir()) == []
