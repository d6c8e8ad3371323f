"""How long a visitor waits, in a real Chromium: ``python benchmarks/first_paint.py [--repeats 3]``.

    cold start to home drawn           a fresh server process and a fresh browser profile, until the picture stands
    cold start to the first plot       the same, by a link to the similarity page of classes typed in (no data set)
    Train to the severity chart        three losses on pictograms, 5 epochs, 1 seed, nothing drawn or cached before:
                                       from the click on "Start training" to the chart of the severity page

Goals: 3 s, 7 s and 60 s on two cores. A start counts from the launch of the server process. The page of the third is
open before the click, so the data card has drawn the pictures; that time is its own row and belongs to the 60 s too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser import steps
from tests.browser.conftest import WHY, executable, serving

HOME, PLOT = "cold start to home drawn", "cold start to the first plot"
DRAW, TRAIN = "train page with pictograms drawn from nothing", "Train to the severity chart of three losses"
GOALS = {HOME: 3.0, PLOT: 7.0, TRAIN: 60.0}
OWN = "/similarity?data=own&names=rose,tulip,cat,dog,truck,bus"


def home(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_test_id("stImage").locator("img").first.wait_for()


def first_plot(page: Any, address: str) -> None:
    page.goto(address + OWN)
    page.locator(steps.PLOT).first.wait_for()


def cold(browser: Any, visit: Callable[[Any, str], None]) -> float:
    """Seconds from the launch of a server to what `visit` waits for."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(120_000)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with serving(Path(folder) / "app") as address:
            visit(page, address)
            seconds = time.perf_counter() - started
    context.close()
    return seconds


def journey(browser: Any) -> tuple[float, float]:
    """Seconds until the train page stands with its pictures drawn, and from the click to the severity chart."""
    context = browser.new_context(viewport={"width": 1440, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(120_000)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "app") as address:
        page.goto(address)
        page.locator("h1").first.wait_for()
        drawn = time.perf_counter()
        page.goto(f"{address}/train?epochs=5&seeds=1")
        page.get_by_role("button", name="Start training").wait_for()
        drawn = time.perf_counter() - drawn
        page.get_by_text("Add the controls").click()
        steps.settled(page)
        started = time.perf_counter()
        page.get_by_role("button", name="Start training").click()
        page.get_by_role("button", name="Cancel", exact=True).wait_for()
        steps.finished(page, 3, seconds=600)
        page.get_by_test_id("stMain").get_by_role("link", name="Severity").first.click()
        page.locator(steps.PLOT).first.wait_for()
        seconds = time.perf_counter() - started
    context.close()
    return drawn, seconds


def keep(times: dict[str, list[float]], name: str, seconds: float) -> None:
    """Note a measurement; a run of minutes says at once what it has."""
    times[name].append(seconds)
    print(f"{name}: {seconds:.1f} s", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    path = executable()
    if path is None:
        sys.exit(WHY)
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {HOME: [], PLOT: [], DRAW: [], TRAIN: []}
    with sync_playwright() as playwright:
        for _ in range(repeats):  # a browser of its own each time: no compiled scripts are left from the last
            for name, visit in ((HOME, home), (PLOT, first_plot)):
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                keep(times, name, cold(browser, visit))
                browser.close()
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            for name, seconds in zip((DRAW, TRAIN), journey(browser), strict=True):
                keep(times, name, seconds)
            browser.close()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} cores, load average {load:.1f} at the end, median of {repeats}\n")
    print(f"{'':48}{'median s':>10}{'min':>8}{'max':>8}{'goal':>8}")
    for name, seconds in times.items():
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:48}{median(seconds):10.1f}{min(seconds):8.1f}{max(seconds):8.1f}{goal:>8}")


if __name__ == "__main__":
    main()
