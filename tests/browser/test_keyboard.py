"""The pages of results by the keyboard alone, groups that collapse, and links to what is not there."""

from zipfile import ZipFile

import pytest

from simviz.runs import examples
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What a visitor can do something with, marked; of the radios of a group one is enough, arrows lead to the others.
# Points of a picture have the two boxes and the tables of pairs as their way in; its own buttons are marked.
MARK = """() => {
    const inside = '[data-testid=stMain], [data-testid=stSidebar]';
    const wanted = 'a[href], button, input, textarea, summary, [role=slider], [role=radiogroup], canvas[tabindex]';
    const ofPicture = one => one.matches('.modebar-btn');
    const seen = one => ofPicture(one) || one.checkVisibility({visibilityProperty: true})
        || one.closest('label')?.checkVisibility();
    const all = [...document.querySelectorAll(wanted)].filter(one => one.closest(inside) && seen(one) && !one.disabled
        && (!one.closest('.js-plotly-plot') || ofPicture(one))
        && one.tabIndex >= (one.matches('[role=radiogroup]') ? -1 : 0)
        && !(one.closest('[role=radiogroup]') && !one.matches('[role=radiogroup]')));
    all.forEach((one, k) => one.dataset.toReach = k);
    window.missing = new Set(all.keys());
    addEventListener('focusin', event => {
        const reached = event.target.closest('[data-to-reach]');
        if (reached) window.missing.delete(Number(reached.dataset.toReach));
    });
    return all.map(one => one.getAttribute('aria-label') || one.innerText || one.outerHTML.slice(0, 120));
}"""
MISSING = "[...window.missing]"
TABS = 10  # pressed between two looks at what is missing


@pytest.fixture
def shipped():
    with ZipFile(examples.FOLDER / "pictograms.zip") as archive:
        return archive.namelist()[0].split("/")[0]


@pytest.mark.parametrize(
    ("page_name", "opened", "inside"),
    [
        ("confusion", "picture=true&take=true", ["Image", "Download plot", "Cells of A - B (CSV)", "Report (HTML)"]),
        ("confusion", "t=castle&p=house&picture=true&whose=your%20own", ["Upload", "Download plot"]),
        ("severity", "tried=true&take=true", ["Download plot", "Learning rates (CSV)", "Report (HTML)"]),
        ("severity", "detail=calibration&bins_table=true", ["Reliability by bin (CSV)"]),
        ("severity", "detail=classes&class_table=true", ["Severity of the mistakes by class (CSV)"]),
        ("runs", "judge=true&import=true&take=true&run=ce-s0&code=true&run_log=true", ["Upload", "Report (HTML)"]),
    ],
)
def test_the_tab_key_reaches_every_control(museum, visit, shipped, page_name, opened, inside):
    page = visit(f"{museum}/{page_name}?c={shipped}&a=ce&b=soft_labels%40groups&{opened}")
    (page.locator(steps.PLOT) if page_name != "runs" else page.get_by_test_id("stDataFrame")).first.wait_for()
    page.get_by_role("button", name=inside[-1]).first.wait_for()  # later than the first table
    steps.settled(page)
    names = page.evaluate(MARK)
    assert all(any(name in label for label in names) for name in inside), names
    page.locator("body").press("Tab")
    for _ in range(4 * len(names) // TABS):
        if not page.evaluate(MISSING):
            break
        for _ in range(TABS):
            page.keyboard.press("Tab")
    assert [names[k] for k in page.evaluate(MISSING)] == []


def test_a_row_of_a_table_becomes_the_cell_by_the_keyboard(museum, visit, shipped):
    page = visit(f"{museum}/confusion?c={shipped}")
    page.get_by_role("button", name="Pairs of ce by count (CSV)").wait_for()
    steps.settled(page)
    page.get_by_test_id("stDataFrame").last.locator("canvas[tabindex]").press("ArrowDown")
    page.keyboard.press("Shift+Space")
    page.wait_for_url(lambda url: "&t=" in url and "&p=" in url)
    page.get_by_role("heading", name="taken for").wait_for()


def test_groups_collapse_and_one_is_opened_by_the_keyboard(museum, visit, shipped):
    page = visit(f"{museum}/confusion?c={shipped}")
    page.locator(steps.PLOT).nth(5).wait_for()
    steps.settled(page)
    rows = "document.querySelector('.js-plotly-plot')?.data?.[0].y.length"
    assert page.evaluate(rows) == 64
    page.get_by_role("radiogroup", name="Rows and columns").get_by_role("radio", name="level-1").press("Space")
    page.wait_for_function(f"{rows} === 8")
    steps.settled(page)
    groups = page.get_by_role("combobox", name="Opened groups")
    groups.fill("animal")
    page.get_by_role("option", name="animal", exact=True).wait_for()
    groups.press("Enter")
    page.wait_for_function(f"{rows} === 15")
    assert "open=animal" in page.url


def test_a_link_to_what_is_not_there_gets_a_sentence(museum, visit, shipped):
    page = visit(f"{museum}/confusion?c={shipped}&a=ce-s99&t=unicorn")
    page.locator(steps.PLOT).first.wait_for()
    text = page.get_by_test_id("stApp").inner_text()
    assert "ce-s99" in text
    assert "unicorn" in text
    page = visit(f"{museum}/severity?c=20200101-000000-gone")
    page.get_by_text("20200101-000000-gone").first.wait_for()
    assert page.locator(".js-plotly-plot").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_is_saved_by_the_keyboard_and_its_buttons_show_themselves(museum, visit, shipped, dark):
    page = visit(f"{museum}/severity?c={shipped}", dark=dark)
    page.locator(steps.PLOT).first.wait_for()
    steps.settled(page)
    camera = page.get_by_role("button", name="Download plot").first
    with page.expect_download() as saved:
        camera.press("Enter")
    assert saved.value.suggested_filename == "simviz-accuracy-cost.svg"
    page.wait_for_function("getComputedStyle(document.activeElement.closest('.modebar-group')).opacity === '1'")
    ring = camera.evaluate("one => getComputedStyle(one).outlineColor")
    assert ring == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")
