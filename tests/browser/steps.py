"""What a visitor does, a function a step. Also used by benchmarks/first_paint.py."""

from __future__ import annotations

import time
from typing import Any

# No script runs, nothing is left of the last run, and nothing moves or fades any more.
STILL = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-stale=true]')
    && document.getAnimations().every(one => one.playState !== 'running'
        || one.effect.getComputedTiming().iterations === Infinity)"""
PLOT = ".js-plotly-plot .main-svg"


def settled(page: Any) -> None:
    """Wait until the page has stopped running and stands still."""
    page.wait_for_timeout(300)  # a run that has been asked for may not have begun
    page.wait_for_function(STILL)


def choose(page: Any, label: str, option: str) -> None:
    """Pick an option of a selectbox, by the keyboard: the list may be redrawn under a pointer."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    found = page.get_by_role("option", name=option, exact=True)
    page.wait_for_timeout(300)
    if not found.count():  # a page that grows under the click closes the list; the down arrow opens it
        box.press("ArrowDown")
    found.wait_for()
    box.press("Enter")
    settled(page)


def number(page: Any, label: str, value: int) -> None:
    """Fill a number field."""
    field = page.get_by_role("spinbutton", name=label)
    field.fill(str(value))
    field.press("Enter")
    settled(page)


def go(page: Any, name: str) -> None:
    """Follow a link of the navigation."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    settled(page)


def start(page: Any, *, epochs: int, images: int | None = None) -> None:
    """Fill the form of the train page and start; without controls, so that only what was asked for is trained."""
    if images is not None:
        number(page, "Training images", images)
    number(page, "Epochs", epochs)
    number(page, "Seeds", 1)
    page.get_by_text("Add the controls").click()
    settled(page)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()


def finished(page: Any, runs: int, seconds: float = 120) -> None:
    """Wait until the board says that all runs are finished."""
    ended = time.monotonic() + seconds
    busy = page.get_by_role("button", name="Cancel", exact=True)  # other cards may have as many finished runs
    while busy.count() or page.get_by_text(f"{runs} finished", exact=True).count() == 0:
        failed = page.get_by_test_id("stAlertContentError").all_inner_texts()
        assert not failed, failed
        assert time.monotonic() < ended, page.get_by_test_id("stMain").inner_text()
        page.wait_for_timeout(200)


def follow(page: Any, name: str) -> None:
    """Go on from the newest card of the job board."""
    page.get_by_test_id("stMain").get_by_role("link", name=name).first.click()
    page.locator("h1", has_text=name).wait_for()
    settled(page)
