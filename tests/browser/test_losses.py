"""The page of losses: a preset and a slider shape a prediction, numbers and bars follow, the link restores."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BARS = """plots => plots.filter(plot => plot._fullData)
    .map(plot => [plot.querySelector('.gtitle')?.textContent, Array.from(plot._fullData[0].x), plot.data[0].y])"""


def bars(page, title):
    """Class -> length of the bars of the picture with this title."""
    page.locator(steps.PLOT).nth(7).wait_for()
    found = {heading: (x, y) for heading, x, y in page.locator(".js-plotly-plot").evaluate_all(BARS)}
    lengths, names = found[title]
    return dict(zip([re.sub(r" \(.*", "", name) for name in names], lengths, strict=True))


def until(page, title, ready):
    """The bars once they are `ready`: a picture stays until the next one is there."""
    for _ in range(100):
        steps.settled(page)
        found = bars(page, title)
        if ready(found):
            return found
    raise AssertionError(found)


def test_a_prediction_is_shaped_and_the_link_restores_it(museum, visit):
    from playwright.sync_api import expect

    page = visit(f"{museum}/losses")
    near = until(page, "The prediction", lambda p: p["20 years"] > 75)
    pull = bars(page, "Squared EMD")
    page.get_by_role("radio", name="far miss").click()
    far = until(page, "The prediction", lambda p: p["80 years"] > 75)
    assert far["20 years"] < near["20 years"]
    further = until(page, "Squared EMD", lambda p: p != pull)
    assert np.abs(list(further.values())).max() > 2 * np.abs(list(pull.values())).max()  # the far miss costs more
    page.get_by_role("radio", name="own").click()
    slider = page.get_by_role("slider", name="10 years")
    slider.press("End")
    page.wait_for_url("**w0=100**")
    shaped = until(page, "The prediction", lambda p: p["10 years"] > 70)
    assert shaped["10 years"] == pytest.approx(99 * 100 / 140 + 1 / 8, abs=0.01)  # 40 of the other sliders, 1 % spread
    gradient = until(page, "Cross entropy", lambda g: abs(g["10 years"]) < 0.4)
    assert gradient["10 years"] == pytest.approx(shaped["10 years"] / 100 - 1, abs=1e-4)
    again = visit(page.url)
    assert parse_qs(urlsplit(again.url).query) == {"guess": ["own"], "w0": ["100"]}
    expect(again.get_by_role("slider", name="10 years")).to_have_value("100", timeout=60_000)
    restored = until(again, "The prediction", lambda p: p["10 years"] > 70)
    assert restored == pytest.approx(shaped)
