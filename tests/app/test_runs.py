"""The runs page: what is kept, in and out as zip files, and away."""

import io
import json
import os
import zipfile

import psutil
import pytest
import streamlit as st

from simviz.runs import Store, archive
from simviz.runs.files import write_json
from simviz.ui.views import runs as page
from tests.runs import helpers


def says(at):
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown)
    return "\n".join(e.value for box in boxes for e in box).replace("\\", "")


def test_an_empty_store_leads_to_training_and_import(visit):
    at = visit("runs")
    assert "Nothing is kept here yet" in says(at)
    assert at.get("page_link")


def test_the_newest_comparison_is_listed_run_by_run(visit, runs):
    helpers.comparison(runs, title="old")
    made = helpers.comparison(runs, title="new", seeds=(0, 1))
    at = visit("runs")
    every, table = (d.value for d in at.dataframe[:2])
    assert list(every["comparison"]) == ["new", "old"]
    assert list(table["setting"]) == [r.setting for r in made.runs]
    assert list(table["seed"]) == [0, 1, 0, 1]
    assert set(table["accuracy"]) == {0.75}
    assert set(table["state"]) == {"finished"}
    assert set(table["data fingerprint"]) == {"f" * 16}


def test_one_run_is_shown_in_full_with_its_command(visit, runs):
    made = helpers.comparison(runs)
    at = visit("runs", c=made.id, run="ce-s0")
    assert at.selectbox(key="run").value == "ce-s0"
    shown = [c.value for c in at.main.code]
    assert "python -m simviz train --dataset pictograms --loss ce --seed 0 --epochs 2" in shown
    assert any("another machine" in str(d.value) for d in at.dataframe)


def test_a_link_to_a_run_that_is_gone_says_so(visit, runs):
    helpers.comparison(runs)
    assert "the run “gone-s7”" in says(visit("runs", run="gone-s7"))


def test_a_chosen_row_becomes_the_comparison_in_view():
    st.session_state["table"] = {"selection": {"rows": [1]}}
    page.pick("table", ("a", "b"), "c")
    assert st.session_state["c"] == "b"
    st.session_state["table"] = {"selection": {"rows": []}}
    page.pick("table", ("a", "b"), "c")
    assert st.session_state["c"] == "b"
    del st.session_state["c"], st.session_state["table"]


def test_delete_asks_first_and_takes_only_what_was_asked_for(visit, runs):
    kept = helpers.comparison(runs, title="kept")
    gone = helpers.comparison(runs, title="gone")
    at = visit("runs", c=gone.id)
    at.button(key="delete").click().run()
    assert gone.path.is_dir()
    assert "cannot be undone" in says(at)
    at.button(key="delete-really").click().run()
    assert not gone.path.exists()
    assert kept.path.is_dir()
    assert [c.id for c in Store(runs).comparisons()] == [kept.id]


def test_a_comparison_that_is_being_trained_is_not_deleted(visit, runs):
    made = helpers.comparison(runs)
    write_json(made.path / "worker.json", {"pid": os.getpid(), "process_start": psutil.Process().create_time()})
    at = visit("runs")
    at.button(key="delete").click().run()
    assert "It is being trained" in says(at)
    assert not [b for b in at.button if b.key == "delete-really"]
    assert made.path.is_dir()


def test_the_export_is_an_archive_that_can_be_imported(visit, runs, tmp_path):
    made = helpers.comparison(runs / "elsewhere")
    data = page._zipped(made)
    assert f"{made.id}/comparison.json" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    at = visit("runs")
    at.file_uploader(key="zip-0").upload("theirs.zip", data).run()
    at.button(key="import-it").click().run()
    assert not at.exception
    assert [c.title for c in Store(runs).comparisons()] == [made.title]
    assert list(at.dataframe[1].value["accuracy"]) == [0.75, 0.75]


def test_a_large_archive_is_imported_by_its_path_inside_the_data_folder(visit, runs, tmp_path, monkeypatch):
    made = helpers.comparison(runs / "elsewhere")
    (tmp_path / "data").mkdir()
    for place in (tmp_path / "data" / "a.zip", tmp_path / "b.zip"):
        with place.open("wb") as file:
            archive.pack(made, file)
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path / "data"))
    at = visit("runs")
    at.text_input(key="zip-path").set_value("../b.zip").run()
    assert "there is nothing at '../b.zip'" in says(at)
    assert at.button(key="import-it").disabled
    at.text_input(key="zip-path").set_value("a.zip").run()
    at.button(key="import-it").click().run()
    assert [c.id for c in Store(runs).comparisons()] == [made.id]


@pytest.mark.parametrize("data", [b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_a_sentence_and_changes_nothing(visit, runs, data):
    at = visit("runs")
    at.file_uploader(key="zip-0").upload("theirs.zip", data).run()
    at.button(key="import-it").click().run()
    assert not at.exception
    assert "Nothing was imported" in says(at)
    assert Store(runs).comparisons() == []


@pytest.mark.parametrize("damage", ["comparison.json", "ce-s0/spec.json", "ce-s0/result.json", "ce-s0/status.json"])
def test_a_broken_folder_is_named_and_can_be_deleted(visit, runs, damage):
    whole = helpers.comparison(runs, title="whole")
    broken = helpers.comparison(runs, title="broken")
    (broken.path / damage).write_text("{ torn")
    at = visit("runs", c=broken.id)
    assert "whole" in list(at.dataframe[0].value["comparison"])
    if "result" not in damage:
        assert "broken" in str(at.dataframe[0].value.to_dict()) or "cannot be read" in says(at)
    at.button(key="delete").click().run()
    at.button(key="delete-really").click().run()
    assert [c.id for c in Store(runs).comparisons()] == [whole.id]


def test_a_torn_result_leaves_its_cells_empty(visit, runs):
    made = helpers.comparison(runs)
    (made.runs[0].path / "result.json").write_text("{ torn")
    table = visit("runs").dataframe[1].value
    assert table["accuracy"].isna().tolist() == [True, False]
    assert json.loads((made.runs[1].path / "result.json").read_text())["accuracy"] == 0.75
