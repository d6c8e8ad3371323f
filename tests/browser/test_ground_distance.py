"""The page of ground distances opens on the shipped run; epochs are scrubbed, tree and map follow."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TITLES = ".js-plotly-plot .gtitle"
WRITTEN = "[...document.querySelectorAll('.js-plotly-plot .annotation-text')].map(text => text.textContent)"
ARROWS = """[...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data || [])
    .filter(trace => trace.marker && trace.marker.symbol == 'arrow').length"""


def titled(page, text):
    page.locator(TITLES).filter(has_text=text).first.wait_for()


def test_the_shipped_run_is_scrubbed_and_its_tree_and_map_follow(museum, visit):
    from playwright.sync_api import expect

    page = visit(f"{museum}/ground_distance")
    titled(page, "Epoch 30 minus epoch 1")
    page.get_by_role("heading", name="How the classes moved").wait_for()
    page.wait_for_function(f"{WRITTEN}.includes('learned, epoch 30')")
    page.wait_for_function(f"{ARROWS} > 0")
    page.get_by_text("moved farthest between epochs 1 and 30").wait_for()
    slider = page.get_by_role("slider", name="Epoch")
    slider.press("ArrowLeft")
    page.wait_for_url("**epoch=29**")
    titled(page, "Epoch 29 minus epoch 1")
    page.wait_for_function(f"{WRITTEN}.includes('learned, epoch 29')")
    page.get_by_text("moved farthest between epochs 1 and 29").wait_for()
    page.get_by_role("slider", name="Epoch").press("Home")
    page.wait_for_url("**epoch=1")
    page.get_by_text("Choose a later one to see what has moved").wait_for()
    page.wait_for_function(f"{ARROWS} == 0")
    with page.expect_download() as download:
        page.get_by_role("button", name="Distance of epoch 1 (CSV)").click()
    assert download.value.suggested_filename == "learned-self-guided-s0-0001.csv"
    again = visit(page.url, width=390, dark=True)
    expect(again.get_by_role("slider", name="Epoch")).to_have_attribute("aria-valuetext", "1")
    again.get_by_text("warm-up. The network learned by plain cross entropy").wait_for()
