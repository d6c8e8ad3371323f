"""axe-core on every page, in both themes: nothing serious in what we draw; and no page shows a traceback."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from simviz.ui import shell
from tests.browser import steps

pytestmark = pytest.mark.browser

# Streamlit's own: its navigation puts its list items into divisions.
STREAMLITS = {"list", "listitem"}
PAGES = [title for entries in shell.PAGES.values() for _, title, *_ in entries]
GROUND = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"


def test_axe_finds_nothing_serious(museum, visit):
    page, found, grounds = visit(museum), {}, set()
    for name in PAGES:
        steps.go(page, name)
        page.locator("h1").first.wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            steps.settled(page)
            assert page.get_by_test_id("stException").count() == 0, name
            grounds.add((scheme, page.evaluate(GROUND)))
            seen = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            serious = [v for v in seen if v["impact"] in ("serious", "critical") and v["id"] not in STREAMLITS]
            found |= {(name, scheme, v["id"]): [n["failureSummary"] for n in v["nodes"]] for v in serious}
    assert not found
    assert len(grounds) == len({ground for _, ground in grounds}) == 2  # both themes were seen
