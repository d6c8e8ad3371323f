"""The report from a click on the page to a file that opens without any network, and draws."""

from zipfile import ZipFile

import pytest

from simviz import compare
from simviz.runs import Store, examples
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLOTS = ".plotly-graph-div"
EMPTY = f"{PLOTS}:not(:has(.main-svg))"


def saved(page, plot, folder):
    """What the camera of a picture saves."""
    plot.hover()
    with page.expect_download() as download:
        plot.locator("[data-title^='Download plot']").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_report_is_downloaded_and_opens_without_network(server, browser, visit, tmp_path):
    from playwright.sync_api import expect

    with ZipFile(examples.FOLDER / "pictograms.zip") as archive:
        shipped = archive.namelist()[0].split("/")[0]
    page = visit(f"{server}/severity?c={shipped}")
    page.locator(steps.PLOT).first.wait_for()
    steps.settled(page)
    page.get_by_text("Take it away", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert saved(page, page.locator(".js-plotly-plot").first, tmp_path).read_text().startswith("<svg")
    page.get_by_role("radio", name="png").click()
    steps.settled(page)
    assert saved(page, page.locator(".js-plotly-plot").first, tmp_path).read_bytes().startswith(b"\x89PNG")

    context = browser.new_context(offline=True)
    asked, wrong = [], []
    context.on("request", lambda request: asked.append(request.url))
    alone = context.new_page()
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    alone.goto(file.as_uri(), timeout=120_000)
    expect(alone.locator(EMPTY)).to_have_count(0, timeout=120_000)
    comparison = Store(tmp_path / "runs").comparison(shipped)
    expect(alone.locator("h1")).to_have_text(comparison.title)
    assert alone.locator("table tr").count() == 1 + len(compare.table(comparison))
    others = sum(not compare.is_control(setting, comparison.groups) for setting in comparison.groups if setting != "ce")
    assert alone.locator(PLOTS).count() == 2 + len(comparison.groups) + others
    assert saved(alone, alone.locator(".js-plotly-plot").first, tmp_path).read_text().startswith("<svg")
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    assert wrong == []
    context.close()
