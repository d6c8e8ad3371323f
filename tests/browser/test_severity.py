"""The severity page in a browser: rooms and the decoder, by the keyboard alone."""

from zipfile import ZipFile

import pytest

from simviz.runs import examples
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MEANS = "plot => plot.data.filter(t => t.showlegend !== false).map(t => [t.name, t.x[0], t.y[0]])"
# Whether as many pictures as settings stand below the first, each of 15 bins and with a word in its title.
BINNED = """([word, count]) => {
    const plots = [...document.querySelectorAll('.js-plotly-plot')].slice(1)
    return plots.length === count && plots.every(plot =>
        plot._fullLayout?.title?.text?.includes(word) && plot._fullData?.[2]?.x?.length === 15)
}"""


def press(page, group, name):
    """Choose by the keyboard alone."""
    page.get_by_role("radiogroup", name=group, exact=True).get_by_role("radio", name=name, exact=True).press("Space")
    steps.settled(page)


def test_the_decoder_redraws_everything_and_rooms_open_by_the_keyboard(museum, visit):
    from playwright.sync_api import expect

    with ZipFile(examples.FOLDER / "pictograms.zip") as archive:
        shipped = archive.namelist()[0].split("/")[0]
    page = visit(f"{museum}/severity?c={shipped}")
    plots = page.locator(".js-plotly-plot")
    page.locator(steps.PLOT).nth(1).wait_for()
    steps.settled(page)
    expect(plots).to_have_count(2)  # the scatter, and the one room that is open
    before = plots.first.evaluate(MEANS)
    press(page, "Look closer", "calibration")
    page.get_by_role("heading", name="How sure, and how often right").wait_for()
    press(page, "Decoder", "min_cost")
    page.wait_for_function(
        "old => document.querySelector('.js-plotly-plot').data.some(t => t.name?.includes(old))",
        arg="simloss@words:keep=0.02 | min_cost",
    )
    after = plots.first.evaluate(MEANS)
    assert len(after) == len(before)
    assert {tuple(row[1:]) for row in after} != {tuple(row[1:]) for row in before}
    press(page, "Bins", "equal-mass")
    page.wait_for_function(BINNED, arg=["mass", len(after)])


def test_a_page_opened_by_a_link_takes_its_choices_along_to_the_next(museum, visit):
    """Though nothing was touched before; the comparison of the link is not the newest."""
    from playwright.sync_api import expect

    with ZipFile(examples.FOLDER / "self-guided.zip") as archive:
        older = archive.namelist()[0].split("/")[0]
    page = visit(f"{museum}/severity?c={older}&a=ce&ruler=zero_one")
    page.locator(steps.PLOT).nth(1).wait_for()
    steps.settled(page)
    steps.go(page, "Confusion")
    page.locator(steps.PLOT).first.wait_for()
    for name, value in (("Comparison", older), ("A", "ce")):
        expect(page.get_by_role("combobox", name=name, exact=True)).to_have_value(value, timeout=60_000)
    page.wait_for_url(f"**/confusion?*c={older}*")
    assert {"a=ce", "ruler=zero_one"} <= set(page.url.partition("?")[2].split("&"))
