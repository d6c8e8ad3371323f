"""Links that someone else made: whatever stands in them, a page and perhaps a sentence."""

import re

import pytest

from simviz.ui import shell, state
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


@pytest.mark.parametrize("turn", [0, 3])
@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_link_opens_the_page_and_nothing_of_it_becomes_markup(visit, runs, page, turn):
    helpers.comparison(runs)
    keys = (*state.FRAME, *state.OF_PAGE.get(page, ()))
    values = {key: HOSTILE[(number + turn) % len(HOSTILE)] for number, key in enumerate(keys)}
    said = unescaped(visit(page, **values))
    for markup in ("<img", "](javascript", "![x](", "$\\href"):
        assert not [text for text in said if markup in text]
    assert max(map(len, said)) < 5000


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "/etc/passwd", "a" * 20_000, "\x00", "~root", "~nobody-here/x"]
)
def test_a_path_in_a_link_leads_to_no_file_outside(visit, runs, tmp_path, monkeypatch, path):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    at = visit("train", on="path", path=path)
    assert len(at.error) == 1
    assert "there is nothing at" in at.error[0].value
    assert len(at.error[0].value) < 1500
