"""The main job, from an empty machine to how severe each loss's mistakes are, as a visitor does it."""

import pytest

from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def panels(page):
    """Titles of the heat maps in view, as the reader sees them."""
    return page.locator(".js-plotly-plot .gtitle").all_text_contents()


def test_pictograms_words_three_losses_confusion_severity(server, visit):
    page = visit(server)
    steps.go(page, "Similarity matrix")
    steps.choose(page, "Classes of", "pictograms")
    page.locator(steps.PLOT).first.wait_for()
    assert page.get_by_test_id("stMain").get_by_role("radio", name="words", exact=True).is_checked()
    keep = page.get_by_test_id("stMain").get_by_role("slider").first
    keep.focus()
    keep.press("ArrowRight")  # another matrix than the train page would begin with
    page.locator("code", has_text="simloss@words:keep=0.03").first.wait_for()
    steps.go(page, "Train")
    asked = ("ce", "simloss@words:keep=0.03", "ground_distance@words:keep=0.03")
    for setting in asked:
        page.get_by_role("button", name=setting).first.wait_for()
    steps.start(page, epochs=2, images=640)
    steps.finished(page, 3)
    steps.follow(page, "Confusion")
    page.locator(".js-plotly-plot").nth(2).wait_for()
    assert all(any(title.startswith(setting) for title in panels(page)) for setting in asked)
    text = page.get_by_test_id("stMain").inner_text()
    assert "soft_labels" not in text  # a setting of the shipped comparison, which must not be the one in view
    steps.go(page, "Severity")
    page.locator("canvas, table").first.wait_for()
    page.locator(steps.PLOT).first.wait_for()
    text = page.get_by_test_id("stMain").inner_text()
    assert "Ruler: groups" in text
    assert all(setting in text for setting in asked)
    assert "soft_labels" not in text


def test_tree_rings_order_squared_emd_confusion_severity(server, visit):
    page = visit(server)
    steps.go(page, "Similarity matrix")
    steps.choose(page, "Classes of", "tree-rings")
    page.get_by_test_id("stMain").get_by_role("radio", name="order", exact=True).click()
    page.locator("code", has_text="simloss@order:r=0.3").first.wait_for()
    steps.go(page, "Train")
    asked = ("ce", "emd2", "simloss@order:r=0.3", "ground_distance@order:r=0.3")
    for setting in asked:
        page.get_by_role("button", name=setting).first.wait_for()
    steps.start(page, epochs=1, images=400)
    steps.finished(page, len(asked))
    steps.follow(page, "Confusion")
    page.locator(".js-plotly-plot").nth(len(asked) - 1).wait_for()
    assert all(any(setting in title for title in panels(page)) for setting in asked)
    steps.go(page, "Severity")
    page.locator(steps.PLOT).first.wait_for()
    text = page.get_by_test_id("stMain").inner_text()
    assert "positions" in text
    assert "emd2" in text


def test_a_link_on_a_fresh_server_keeps_its_choices(server, visit):
    from playwright.sync_api import expect

    page = visit(f"{server}/train?epochs=7&seeds=2&on=tree-rings")
    epochs, seeds = (page.get_by_role("spinbutton", name=name) for name in ("Epochs", "Seeds"))
    expect(epochs).to_have_value("7", timeout=60_000)
    expect(seeds).to_have_value("2")
    assert page.get_by_test_id("stSidebarNav").get_by_role("link").count() >= 6
    assert "epochs=7" in page.url
    assert "on=tree-rings" in page.url
    page.reload()
    expect(epochs).to_have_value("7", timeout=60_000)
    expect(seeds).to_have_value("2")


def test_a_running_comparison_is_cancelled_and_keeps_what_it_reached(server, visit, tmp_path):
    page = visit(f"{server}/train?on=tree-rings")
    steps.start(page, epochs=500, images=400)
    page.get_by_text("1 running", exact=True).wait_for()
    page.reload()  # the page forgets; the process does not
    page.get_by_text("1 running", exact=True).wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("3 cancelled", exact=True).wait_for(timeout=60_000)
    assert page.get_by_role("button", name="Cancel", exact=True).count() == 0
