"""The frame: every page inside it, whatever the way in."""

import ast
from pathlib import Path

import pytest

from simviz.ui import shell, state

ROOT = Path(__file__).parents[2]
PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_in_the_frame(visit, page):
    at = visit(page)
    assert at.title
    assert [e for e in at.sidebar if e.type == "popover"] or at.sidebar.get("popover")


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
