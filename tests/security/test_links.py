"""Links that someone else made: whatever stands in them, a page and perhaps a sentence."""

import os
import re

import pytest

from simviz import datasets
from simviz.ui import folders, shell, state
from tests.runs import helpers

PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]
HOSTILE = (
    "../../etc/passwd",
    "a" * 20_000,
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://127.0.0.1:9/x) $\\href{x}{y}$",
    "\x00\x01\x1b[31m\u202e\ud7ff",
    "nan",
    "-1e999",
    "={0}.__class__%s%n",
)


def unescaped(at):
    """What the page says, without the characters that are escaped."""
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown)
    return [re.sub(r"\\.", "", e.value) for box in boxes for e in box]


@pytest.mark.parametrize(("turn", "page"), enumerate(PAGES))
def test_a_hostile_link_opens_the_page_and_nothing_of_it_becomes_markup(visit, runs, turn, page):
    helpers.comparison(runs)
    keys = (*state.FRAME, *state.OF_PAGE.get(page, ()))
    values = {key: HOSTILE[(number + turn) % len(HOSTILE)] for number, key in enumerate(keys)}
    said = unescaped(visit(page, **values))
    for markup in ("<img", "](javascript", "![x](", "$\\href"):
        assert not [text for text in said if markup in text]
    assert max(map(len, said)) < 5000


@pytest.mark.parametrize("page", ["train", "severity", "losses", "similarity", "confusion"])
@pytest.mark.parametrize("number", ["1e999", "-inf"])
def test_a_number_without_end_is_named_and_the_page_stands(visit, runs, page, number):
    helpers.comparison(runs)
    rooms = {"detail": "top-k"} if page == "severity" else {}
    at = visit(page, **dict.fromkeys(state.OF_PAGE[page], number) | rooms)
    assert at.warning


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "/etc/passwd", "a" * 20_000, "\x00", "~root", "~nobody-here/x"]
)
def test_a_typed_path_leads_to_no_file_outside(tmp_path, monkeypatch, path):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="there is nothing at") as caught:
        folders.inside(path)
    assert len(str(caught.value)) < 1000


def test_a_path_in_a_link_is_looked_at_like_a_typed_one(visit, runs, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    at = visit("train", on="path", path="a" * 20_000)
    assert ["there is nothing at" in e.value for e in at.error] == [True]


def test_each_of_several_data_folders_is_searched(tmp_path, monkeypatch):
    first, second = tmp_path / "a", tmp_path / "b"
    (second / "flowers").mkdir(parents=True)
    (second / "cifar-100-python").mkdir()
    first.mkdir()
    monkeypatch.setenv("SIMVIZ_DATA", f"{first}{os.pathsep}{second}")
    assert folders.inside("flowers") == str(second / "flowers")
    with pytest.raises(ValueError, match=r"cifar-100-python is not the published CIFAR-100"):
        datasets.load("cifar100", cache=tmp_path)
