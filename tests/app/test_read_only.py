"""A read-only server: everything is shown, nothing is trained, deleted, uploaded, imported or fetched."""

import io
import os
import time

import numpy as np
import psutil
import pytest

from simviz.evaluation import foreign
from simviz.runs import Store, StoreError, archive, checked, examples, queue
from simviz.runs.files import write_json
from simviz.runs.foreign import keep
from simviz.ui import fetching, shell
from simviz.ui.views import runs as runs_page
from simviz.words import Offer
from tests.runs import helpers

PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]


def says(at):
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown)
    return "\n".join(e.value for box in boxes for e in box).replace("\\", "")


def keys(at, *kinds):
    return {e.key for kind in kinds for e in at.get(kind)}


def files_below(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*")}


@pytest.fixture
def made(runs, monkeypatch):
    """A comparison that is kept, seen by a server that is read-only."""
    made = helpers.comparison(runs)
    monkeypatch.setenv("SIMVIZ_READ_ONLY", "1")
    return made


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_says_so_and_changes_nothing(visit, runs, made, page):
    before = files_below(runs)
    at = visit(page, c=made.id)
    assert "This server is read-only" in "\n".join(c.value for c in at.sidebar.caption)
    assert not at.get("file_uploader")
    assert files_below(runs) == before


def test_nothing_can_be_trained(visit, made):
    at = visit("train")
    assert "nothing can be trained from this page" in says(at)
    assert "start" not in keys(at, "button")
    assert list(at.dataframe[0].value["setting"]) == [r.setting for r in made.runs]  # the board is shown


@pytest.mark.parametrize("state", ["running", "lost"])
def test_what_trains_is_watched_and_not_stopped_or_resumed(visit, runs, made, monkeypatch, state):
    mark = {"pid": os.getpid(), "process_start": psutil.Process().create_time()}
    monkeypatch.delenv("SIMVIZ_READ_ONLY")
    run = made.runs[0]
    status = {"schema_version": 1, "state": "running", "epoch": 1, "epochs": 2, "heartbeat": time.time(), **mark}
    write_json(run.path / "status.json", status if state == "running" else {**status, "pid": 2**22 + 1})
    offered = keys(visit("train"), "button")
    assert {k for k in offered if k and k.endswith(made.id)}
    monkeypatch.setenv("SIMVIZ_READ_ONLY", "1")
    offered = keys(visit("train"), "button")
    assert not {k for k in offered if k and k.endswith(made.id)}


def test_nothing_can_be_deleted_imported_or_added(visit, made):
    at = visit("runs", c=made.id, judge="true")
    assert "nothing can be imported here" in says(at)
    assert "no predictions can be added here" in says(at)
    assert not {"delete", "import-it", "judge-add"} & keys(at, "button")
    assert not {"zip-path", "judge-path-0"} & keys(at, "text_input")
    assert keys(at, "download_button") >= {"export"}  # taking along is looking


def test_no_matrix_is_uploaded_and_no_words_are_fetched(visit, made):
    at = visit("similarity", **{"from": "file"})
    assert "no file can be uploaded here" in says(at)
    at = visit("similarity", vectors="file", vectors_file="anything.txt")
    assert "no path can be typed here" in says(at)
    at = visit("similarity", vectors="download", vectors_name="glove-wiki-gigaword-100")
    assert "no word vectors can be fetched here" in says(at)
    assert not {"vector-look-up", "vector-download"} & keys(at, "button")


def test_no_picture_is_uploaded(visit, made, trained, runs, monkeypatch):
    import shutil

    shutil.copytree(trained, runs / trained.name)
    at = visit("confusion", c=trained.name, picture="True")
    at.segmented_control(key="whose").set_value("your own").run()
    assert not at.exception
    assert "no file can be uploaded here" in says(at)


# What a hand-made message to the server would call, although no button of it is on the page.
def test_the_store_refuses_whatever_the_page_is_made_to_ask(runs, made):
    packed = io.BytesIO()
    archive.pack(made, packed)
    found = foreign.read(foreign.source(b"y_true,y_pred\ncat,cat\ndog,cat\n", "mine.csv"))
    before = files_below(runs)
    for act in (
        lambda: Store(runs).create("new", [checked(dataset="pictograms", loss="ce")], {}),
        lambda: Store(runs).delete(made.id),
        lambda: queue.start(made),
        lambda: queue.cancel(made),
        lambda: made.runs[0].want("cancel"),
        lambda: archive.unpack(packed, Store(runs)),
        lambda: keep([found], store=Store(runs)),
        lambda: write_json(made.path / "comparison.json", {}),
    ):
        with pytest.raises(StoreError, match="read-only"):
            act()
    queue.enforce(made)
    assert examples.install(Store(runs)) == []
    assert files_below(runs) == before


def test_the_callbacks_of_hidden_buttons_do_nothing(runs, made):
    import streamlit as st

    before = files_below(runs)
    runs_page.delete(made.id, made.title)
    assert "read-only" in st.session_state.pop(runs_page.OUTCOME)[1].replace("\\", "")
    st.session_state["zip-0"] = None
    runs_page.take_in("zip-0", str(made.path / "comparison.json"))
    assert "read-only" in st.session_state.pop(runs_page.OUTCOME)[1].replace("\\", "")
    fetching.start(Offer("glove-wiki-gigaword-100", 1, "a"))
    assert fetching.latest("glove-wiki-gigaword-100") is None
    assert files_below(runs) == before


@pytest.mark.parametrize("value", ["", "0"])
def test_unset_empty_and_0_mean_that_all_is_allowed(runs, monkeypatch, value):
    monkeypatch.setenv("SIMVIZ_READ_ONLY", value)
    made = helpers.comparison(runs)
    Store(runs).delete(made.id)
    assert Store(runs).comparisons() == []


def test_the_arrays_of_a_kept_comparison_are_still_read(made):
    assert np.array_equal(made.runs[0].epoch_arrays(1)["confusion"], np.eye(3))
