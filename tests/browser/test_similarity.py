"""The similarity page: the rooms of a matrix, and word vectors from a file of the data folder."""

import pytest

from simviz import ClassSet, matrices
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINES = "rose 1 0.1 0\ntulip 1 0.3 0.1\ntruck 0 1 0.5\nbus 0.1 1 0.9\n"
NAMES = {"rose", "tulip", "truck", "bus"}
OWN = "similarity?data=own&names=rose,tulip,truck,bus&keep=0.34"


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """A file of word vectors in the folder that the server below is told to read."""
    path = tmp_path / "given" / "mine.txt"
    path.parent.mkdir()
    path.write_text(LINES)
    monkeypatch.setenv("SIMVIZ_DATA", str(path.parent))
    return path


def press(page, group, name):
    page.get_by_role("radiogroup", name=group).get_by_role("radio", name=name, exact=True).click()
    steps.settled(page)


def test_tree_map_and_vectors_of_ones_own(vectors, server, visit):
    from playwright.sync_api import expect

    page = visit(f"{server}/{OWN}")
    page.locator(steps.PLOT).nth(2).wait_for()
    press(page, "Look at", "dendrogram")
    page.get_by_role("heading", name="The tree of the classes").wait_for()
    rows = page.locator(".js-plotly-plot").nth(2).locator(".ytick text")
    rows.filter(has_text="tulip").wait_for()  # the picture before it stays until this one is there
    assert set(rows.all_text_contents()) == NAMES
    assert "look=dendrogram" in page.url
    press(page, "Look at", "map")
    page.get_by_role("heading", name="Map of the classes").wait_for()
    page.locator(".js-plotly-plot .textpoint").first.wait_for()
    written = page.locator(".js-plotly-plot .textpoint").all_text_contents()
    assert set(written) <= NAMES
    press(page, "Word vectors", "file")
    field = page.get_by_role("textbox", name="Path inside the data folder")
    field.fill("mine.txt")
    field.press("Enter")
    steps.settled(page)
    page.get_by_text("In use: mine.txt (GloVe text, 3 dimensions).").wait_for()
    part = f"words:keep=0.34,vectors={vectors}"
    page.get_by_text(f"simloss@{part}").wait_for()
    expected = matrices.build(part, ClassSet(["rose", "tulip", "truck", "bus"])).values
    cells = page.locator(".js-plotly-plot").first.locator(".heatmap-label")
    expect(cells).to_have_text([f"{v:.2f}" for v in expected.ravel()])
    field.fill("../given.txt")
    field.press("Enter")
    page.get_by_text("there is nothing at '../given.txt' inside").wait_for()
