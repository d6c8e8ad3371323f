"""Files that come back as they were, and that no spreadsheet runs."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import ClassSet, compare, evaluation
from simviz.evaluation import foreign
from simviz.report import tables
from simviz.report.cells import formula_safe
from simviz.report.counts import Counted, counted

RUNNING = tuple("=+-@＝＋－＠\t\r\n")
NAMES = st.lists(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8).filter(
        lambda n: "<" not in n and n.isprintable() and n.lower() not in ("nan",)
    ),
    min_size=3,
    max_size=6,
    unique_by=lambda n: float(n) if _number(n) else n.lower(),  # in a text file 0 and 0. are one whole number
)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(NAMES, st.integers(0, 2**32))
@pytest.mark.parametrize("form", ["csv", "npz"])
def test_a_matrix_comes_back_unchanged_and_not_transposed(form, names, seed):
    classes = ClassSet(names)
    table = np.random.default_rng(seed).integers(0, 50, (len(names),) * 2)
    table[0, 1], table[1, 0] = 7, 3  # never symmetric
    data = tables.matrix_csv(table, classes) if form == "csv" else tables.matrix_npz(table, classes)
    found = foreign.read(foreign.source(data, f"x.{form}"), classes=classes)
    assert found.counted
    predictions = found.predictions
    back = evaluation.confusion_matrix(predictions.target, predictions.predicted, len(names))
    np.testing.assert_array_equal(back, table)
    if form == "npz":
        with np.load(io.BytesIO(data)) as file:
            assert file["class_names"].tolist() == list(names)
            np.testing.assert_array_equal(file["confusion"], table)
    else:
        assert not any(cell.startswith(RUNNING) and not _number(cell) for row in cells(data) for cell in row)


def test_fractions_of_a_mean_are_written_in_full():
    classes, table = ClassSet(["a", "b", "c"]), np.arange(9).reshape(3, 3) / 7
    read = pd.read_csv(io.BytesIO(tables.matrix_csv(table, classes)), index_col=0)
    assert list(read.columns) == list(read.index) == ["a", "b", "c"]
    np.testing.assert_array_equal(read.to_numpy(), table)


def test_no_cell_of_a_table_is_a_formula_and_no_name_is_lost(hostile):
    comparison = hostile()
    classes, ruler = comparison.classes, compare.comparison_ruler(comparison)
    counts = counted(comparison, part="test", decoder="argmax", ruler=ruler)
    rows = compare.table(comparison)
    for data in (
        tables.by_class(counts, classes, ruler),
        tables.pairs(counts, classes, ruler),
        tables.severity("test", ruler, rows),
        tables.as_csv([{"=1": "@x", "b": -1.5, "c": None, "d": float("nan"), "e": "\tx"}]),
    ):
        assert not any(c.startswith(RUNNING) and not _number(c) for row in cells(data) for c in row)
    found = pd.read_csv(io.BytesIO(tables.by_class(counts, classes, ruler)))
    assert found["class"].tolist()[: len(classes)] == [formula_safe(n) for n in classes]


def test_tables_say_what_the_library_says(hostile):
    comparison = hostile()
    classes, ruler = comparison.classes, compare.comparison_ruler(comparison)
    counts = counted(comparison, part="test", decoder="argmax", ruler=ruler)
    read = pd.read_csv(io.BytesIO(tables.by_class(counts, classes, ruler)))
    row = next(r for r in compare.table(comparison) if r.label == "gce")
    mine = read[read["setting"] == "gce"]
    assert (mine["images"] * mine["mean_cost"]).sum() / mine["images"].sum() == pytest.approx(row.mean("mean_cost"))
    assert mine["mistakes"].sum() / mine["images"].sum() == pytest.approx(1 - row.mean("accuracy"))
    pairs = pd.read_csv(io.BytesIO(tables.pairs(counts, classes, ruler)))
    assert pairs.query("setting == 'gce'")["count"].sum() == pytest.approx(mine["mistakes"].sum())
    assert np.allclose(pairs["cost"], pairs["count"] * pairs["distance"])


@pytest.mark.parametrize("decoder", ["argmax", "min_cost", "blurred"])
def test_counts_are_those_behind_the_table(shapes, decoder):
    ruler = compare.comparison_ruler(shapes)
    rows = {(r.setting, r.decoder): r for r in compare.table(shapes, decoder=decoder)}
    counts = counted(shapes, part="test", decoder=decoder, ruler=ruler)
    assert list(counts) == list(shapes.groups)
    for setting, one in counts.items():
        row = rows[setting, compare.decoder_for(decoder, shapes.groups[setting])]
        assert one.runs == 2
        assert np.trace(one.total) / one.total.sum() == pytest.approx(row.mean("accuracy"))
        assert (one.total * ruler.distance).sum() / one.total.sum() == pytest.approx(row.mean("mean_cost"))


def test_the_mean_of_counts_is_a_run():
    assert Counted(np.array([[4, 2], [0, 6]]), 2).mean.tolist() == [[2, 1], [0, 3]]


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_list_is_one_cell_and_a_difference_has_its_own_name():
    assert tables.as_csv([{"state": ["=3 finished", "1 failed"]}]) == b'state\n"\'=3 finished, 1 failed"\n'
    with np.load(io.BytesIO(tables.matrix_npz(np.eye(2) - 1, ClassSet(["a", "b"]), "difference"))) as file:
        np.testing.assert_array_equal(file["difference"], np.eye(2) - 1)
