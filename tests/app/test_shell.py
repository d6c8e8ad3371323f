"""The frame: every page inside it, whatever the way in."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from simviz import ClassSet
from simviz.runs import Store, checked, queue
from simviz.runs.files import write_json
from simviz.runs.liveness import mark
from simviz.ui import shell, state

ROOT = Path(__file__).parents[2]
PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_in_the_frame(visit, page):
    at = visit(page)
    assert at.title
    assert [e for e in at.sidebar if e.type == "popover"] or at.sidebar.get("popover")


def test_threads_sleep_and_modules_are_spared_once_a_page_was_drawn():
    """In a server of its own: what it reads when it loads torch, and what Streamlit's collections then pass over."""
    script = """
import gc, os, sys
from streamlit.testing.v1 import AppTest
AppTest.from_file("app.py", default_timeout=90).run().run()
print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules, gc.get_freeze_count() > len(gc.get_objects()))
"""
    known = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, env=known
    )
    assert done.stdout.strip() == "PASSIVE False True", done.stdout + done.stderr


def test_every_page_file_is_thin_and_guarded():
    files = sorted((ROOT / "pages").glob("*.py"))
    assert sorted(f.stem for f in files) == sorted(PAGES)
    for file in files:
        source = file.read_text()
        assert len(source.splitlines()) <= 30
        calls = [n for n in ast.parse(source).body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call)]
        assert ast.unparse(calls[0]) == "shell.require()"


def test_keys_are_short_ascii_and_stand_for_one_thing():
    keys = [*state.FRAME, *(k for page in state.OF_PAGE.values() for k in page)]
    assert len(keys) == len(set(keys))
    assert all(k.isascii() and k.isidentifier() and len(k) <= 12 for k in keys)
    assert set(state.OF_PAGE) <= set(PAGES)


def kept(runs, title, losses=("ce", "simloss@words:keep=0.02"), seeds=(0, 1)):
    specs = [checked(dataset="pictograms", loss=loss, seed=seed) for loss in losses for seed in seeds]
    info = {"classes": ClassSet(["cat", "dog"]).to_dict(), "dataset": {"name": "pictograms"}}
    return Store(runs).create(title, specs, info)


def link(at):
    return dict(parse_qsl(urlsplit(at.sidebar.code[0].value).query))


def test_without_a_choice_the_newest_comparison_is_in_view_and_the_link_says_which(visit, runs):
    kept(runs, "first")
    newest = kept(runs, "second")
    at = visit("similarity")
    assert at.sidebar.selectbox(key="c").value is None
    assert link(at)["c"] == newest.id


def test_a_link_restores_comparison_and_both_sides_and_keeps_them_from_page_to_page(visit, runs):
    older = kept(runs, "first")
    kept(runs, "second")
    at = visit("similarity", c=older.id, a="ce", b="simloss-words-keep-0.02-s1")
    chosen = {"c": older.id, "a": "ce", "b": "simloss-words-keep-0.02-s1"}
    assert {k: at.sidebar.selectbox(key=k).value for k in chosen} == chosen
    assert link(at).items() >= chosen.items()
    at.switch_page("pages/home.py").run()
    assert link(at).items() >= chosen.items()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"c": "gone"}, "asks for the comparison “gone”"), ({"b": "emd2"}, "asks for the setting or run B “emd2”")],
)
def test_a_link_to_what_is_gone_says_so_and_shows_nothing_in_its_place(visit, runs, asked, sentence):
    kept(runs, "only")
    at = visit("home", **asked)
    assert any(sentence in w.value for w in at.warning)
    assert not asked.keys() & link(at).keys()


def test_no_other_comparison_takes_the_place_of_one_that_is_gone_until_it_is_chosen(visit, runs):
    only = kept(runs, "only")
    at = visit("runs")
    at.query_params["c"] = "gone"
    for _ in range(3):  # Streamlit takes the parameter out of the address after the first
        at.run()
        assert any("asks for the comparison “gone”" in w.value for w in at.warning)
        assert "c" not in link(at)
    at.selectbox(key="c").set_value(only.id).run()
    assert not at.warning
    assert link(at)["c"] == only.id


@pytest.mark.parametrize("damage", ["comparison.json", "ce-s0/spec.json"])
def test_a_broken_comparison_is_named_and_the_page_stays(visit, runs, damage):
    broken = kept(runs, "broken")
    (broken.path / damage).write_text("{ torn")
    at = visit("home", c=broken.id)
    assert at.title
    assert any("cannot be read in full" in w.value for w in at.warning)


def test_what_trains_is_said_on_every_other_page(visit, predicted):
    jobs = lambda at: [link.proto.label for link in at.sidebar.get("page_link") if "Jobs" in link.proto.label]  # noqa: E731
    made = predicted(ClassSet(["cat", "dog"]), {"ce": [[0, 1], [1, 1]], "gce": [[0, 1]]}, [0, 1])
    assert jobs(visit("severity")) == []
    write_json(made.runs[0].path / "status.json", {"state": "running", "epoch": 1, "epochs": 4, **mark()})
    assert jobs(visit("severity")) == []  # nobody serves it: what waits there waits for nothing
    queue.sign_in(made)
    assert jobs(visit("severity")) == jobs(visit("home")) == ["Jobs: 1 running, 2 waiting"]
    assert jobs(visit("train")) == []  # which shows the board
