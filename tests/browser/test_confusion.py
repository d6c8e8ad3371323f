"""The confusion page of the shipped comparison: clicks on pictures, groups, the epochs, a link."""

import re
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest

from simviz.runs import examples
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The middle, on the screen, of a cell of a picture, and its true and predicted row: of all cells off the diagonal from
# the smallest value to the largest, the one at a share of the way.
CELL = """(plot, share) => {
    const heat = plot.data[0], z = plot._fullData[0].z;
    const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
    const cells = heat.y.flatMap((row, i) => heat.x.map((column, j) => [z[i][j], row, column]));
    const sorted = cells.filter(([value, row, column]) => row !== column && Number.isFinite(value))
        .sort(([one], [other]) => one - other);
    const [value, row, column] = sorted[Math.round(share * (sorted.length - 1))];
    return {
        x: box.x + xaxis._offset + xaxis.d2p(column), y: box.y + yaxis._offset + yaxis.d2p(row),
        value, true: row, predicted: column,
    };
}"""


@pytest.fixture
def shipped():
    """The id of the shipped comparison of pictograms."""
    with ZipFile(examples.FOLDER / "pictograms.zip") as archive:
        return archive.namelist()[0].split("/")[0]


def asked(page):
    return parse_qs(urlsplit(page.url).query)


def click(page, number, share=1.0):
    """Click a cell of a picture, by default the largest; the names of its row and column, and its value."""
    plot = page.locator(".js-plotly-plot").nth(number)
    plot.scroll_into_view_if_needed()
    cell = plot.evaluate(CELL, share)
    page.mouse.move(cell["x"], cell["y"])
    page.wait_for_timeout(300)  # plotly looks under a moving pointer now and then only
    page.mouse.click(cell["x"], cell["y"])
    return cell["true"], cell["predicted"], cell["value"]


def test_a_click_shows_the_images_and_a_link_restores_all(museum, visit, shipped):
    from playwright.sync_api import expect

    page = visit(f"{museum}/confusion?c={shipped}&hide=true&level=level-1&a=ce&b=soft_labels%40groups")
    page.locator(steps.PLOT).nth(6).wait_for()
    steps.settled(page)
    true, predicted, _ = click(page, 1)
    assert true != predicted
    assert "(all 8)" in true
    page.get_by_role("heading", name=f"{true} taken for {predicted}").wait_for()
    for label, name in (("True class", true), ("Predicted class", predicted)):
        expect(page.get_by_role("combobox", name=label)).to_have_value(name, timeout=60_000)
    assert (asked(page)["t"], asked(page)["p"]) == ([true], [predicted])
    page.get_by_role("button", name="Page 2").click()
    page.wait_for_url("**pg=2**")
    again = visit(page.url)
    again.get_by_role("heading", name=f"{true} taken for {predicted}").wait_for()
    expect(again.get_by_role("button", name="Page 2")).to_have_attribute("aria-current", "page", timeout=60_000)
    assert asked(again) == asked(page)
    again.get_by_role("radio", name="A wrong, B right").click()
    again.wait_for_url("**images=**")
    again.wait_for_url(lambda url: "pg=" not in url)  # other images begin with their first page


def test_every_cell_answers_a_click_itself(museum, visit, shipped):
    from playwright.sync_api import expect

    page = visit(f"{museum}/confusion?c={shipped}&norm=counts")
    page.locator(steps.PLOT).nth(5).wait_for()
    steps.settled(page)
    found = []
    for number, share in ((1, 0.3), (1, 0.9), (4, 0.85)):  # of 64 x 64 cells four in five are empty
        true, predicted, value = click(page, number, share)
        for label, name in (("True class", true), ("Predicted class", predicted)):
            expect(page.get_by_role("combobox", name=label)).to_have_value(name, timeout=60_000)
        steps.settled(page)
        found.append(value)
    assert found[0] == 0 < found[1]


def test_epochs_are_scrubbed_and_orders_changed_by_the_keyboard(museum, visit, shipped):
    page = visit(f"{museum}/confusion?c={shipped}&hide=true")
    page.locator(steps.PLOT).nth(5).wait_for()
    steps.settled(page)
    page.get_by_role("slider").press("ArrowLeft")
    page.wait_for_url("**at=5**")
    titles = page.locator(".js-plotly-plot .gtitle")
    titles.filter(has_text=re.compile(r"validation,\s*epoch\s*5")).nth(5).wait_for()  # a long title is broken
    page.get_by_text("Validation after epoch 5").first.wait_for()
    before = page.locator(".js-plotly-plot").first.evaluate("plot => plot.data[0].y")
    radio = page.get_by_role("radiogroup", name="Order of the classes").get_by_role("radio", name="similarity")
    radio.press("Space")
    page.wait_for_url("**order=similarity**")
    first = "document.querySelector('.js-plotly-plot')?.data?.[0].y"  # none while the page is redrawn
    page.wait_for_function(f"before => {first} && {first}.join() != before.join()", arg=before)
    after = page.locator(".js-plotly-plot").first.evaluate("plot => plot.data[0].y")
    assert sorted(after) == sorted(before)
