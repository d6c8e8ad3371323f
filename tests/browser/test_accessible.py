"""axe-core on every page, in both themes: nothing serious in what we draw."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from simviz.ui import shell
from tests.browser import steps

pytestmark = pytest.mark.browser

# Streamlit's own: its navigation puts its list items into divisions.
STREAMLITS = {"list", "listitem"}
PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(museum, visit, dark):
    page = visit(museum, dark=dark)
    found = {}
    for name in PAGES:
        page.goto(f"{museum}/{'' if name == 'home' else name}")
        page.locator("h1").first.wait_for()
        steps.settled(page)
        seen = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [v for v in seen if v["impact"] in ("serious", "critical") and v["id"] not in STREAMLITS]
        found |= {(name, v["id"]): [n["failureSummary"] for n in v["nodes"]] for v in serious}
    assert not found
