"""A visitor who uses the app for a while, in a real Chromium: how soon it answers, and whether its memory stays flat.

Run: python benchmarks/visitor.py [--minutes 10] [--pause 1.0]

The visitor goes through every page once, which is not counted, and then moves on at random (seeded): another page, an
option, a slider, a switch, a box that opens, now and then a reload, which is another session. Nothing is trained,
uploaded or deleted. What ships with simviz is looked at.

    rerun       from the message by which the browser asks for a run of a page until the server says it is over; goals:
                half of them within 0.25 s, 95 % within 0.6 s
    memory      resident memory of the server; goal: flat. Exit code 1 where the median of its last quarter is more than
                --most MiB (50) above that of its second quarter

`--minutes 2` is part of .ci/run; an hour is `--minutes 60`.
"""

from __future__ import annotations

import argparse
import base64
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from simviz.ui import shell
from tests.browser.conftest import WHY, executable, serving

PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]
GOALS = {50: 0.25, 95: 0.6}
LONGEST_END = 1000  # characters of a message that says a run is over; longer ones need not be read
RELOAD = 0.03  # of all moves
MOVES = {
    "radio": "[data-testid=stMain] [role=radio]:not([aria-checked=true])",
    "slider": "[data-testid=stMain] [role=slider]",
    "switch": "[data-testid=stMain] [data-testid=stCheckbox] label",
    "box": "[data-testid=stMain] [data-testid=stExpander] summary",
}


class Watch:
    """The reruns of one browser page, by the times at which the browser saw its messages pass."""

    def __init__(self, page: Any) -> None:
        self.times: list[tuple[str, float]] = []  # what was done, seconds
        self.busy = False
        self.what = "first"
        self._asked: float | None = None
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.webSocketFrameSent", self._sent)
        network.on("Network.webSocketFrameReceived", self._received)

    def _sent(self, event: dict[str, Any]) -> None:
        message = BackMsg.FromString(base64.b64decode(event["response"]["payloadData"]))
        if message.WhichOneof("type") == "rerun_script":
            self._asked, self.busy = self._asked or event["timestamp"], True

    def _received(self, event: dict[str, Any]) -> None:
        data = event["response"]["payloadData"]
        if self._asked is None or len(data) > LONGEST_END:
            return
        if ForwardMsg.FromString(base64.b64decode(data)).WhichOneof("type") == "script_finished":
            self.times.append((self.what, event["timestamp"] - self._asked))
            self._asked, self.busy = None, False


class Visitor:
    """One browser page, and what it does next."""

    def __init__(self, page: Any, address: str, seed: int) -> None:
        self.page, self.address, self.random, self.watch = page, address, random.Random(seed), Watch(page)

    def go(self, name: str) -> None:
        self.watch.what = f"open {name}"
        self.page.goto(f"{self.address}/{'' if name == 'home' else name}")
        self.page.locator("h1").first.wait_for()
        self.rest(1.0)

    def rest(self, seconds: float) -> None:
        """Wait until the page has answered, then some time more."""
        ended = time.monotonic() + 60
        self.page.wait_for_timeout(100)
        while self.watch.busy and time.monotonic() < ended:
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(1000 * seconds)

    def move(self, pause: float) -> None:
        """Do one thing that is there to be done."""
        if self.random.random() < RELOAD:
            self.watch.what = "reload"
            self.page.reload()
            self.page.locator("h1").first.wait_for()
        else:
            self._act(self.random.choice(["page", *MOVES]))
        self.rest(pause)

    def _act(self, kind: str) -> None:
        found = [] if kind == "page" else [e for e in self.page.locator(MOVES[kind]).all() if e.is_visible()]
        name = self.page.url.partition("?")[0].rpartition("/")[2] or "home"
        if not found:
            links = self.page.get_by_test_id("stSidebarNav").get_by_role("link").all()
            link = self.random.choice(links)
            self.watch.what = f"from {name} to {link.inner_text().splitlines()[-1]}"
            link.click()
            return
        element = self.random.choice(found)
        self.watch.what = f"{kind} on {name}"
        if kind == "slider":
            element.focus()
            element.press(self.random.choice(["ArrowRight", "ArrowLeft"]))
        else:
            element.click(timeout=10_000)


def used(browser: Any, minutes: float, pause: float) -> tuple[list[tuple[str, float]], list[tuple[float, float]]]:
    """The reruns, and (minutes, MiB) of the server's memory."""
    from playwright.sync_api import Error

    memory: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "app") as address:
        server = next(c for c in psutil.Process().children(recursive=True) if "streamlit" in c.cmdline())
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        page.set_default_timeout(60_000)
        visitor = Visitor(page, address, seed=0)
        for name in PAGES:
            visitor.go(name)
        visitor.watch.times.clear()
        start = time.monotonic()
        while (spent := (time.monotonic() - start) / 60) < minutes:
            try:
                visitor.move(pause)
            except Error as error:  # it was redrawn under the hand; a person would reach for it again
                print(f"missed: {visitor.watch.what}: {str(error).splitlines()[0]}", file=sys.stderr)
            if page.get_by_test_id("stException").count():
                sys.exit(f"an exception on {page.url} after {visitor.watch.what}")
            memory.append((spent, server.memory_info().rss / 2**20))
        return visitor.watch.times, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between an answer and the next move")
    parser.add_argument("--most", type=float, default=50, help="MiB by which memory may grow")
    given = parser.parse_args()
    path = executable()
    if path is None:
        sys.exit(WHY)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        times, memory = used(browser, given.minutes, given.pause)
        browser.close()
    seconds = [s for _, s in times]
    shares = "  ".join(f"p{p} {np.percentile(seconds, p):.2f} s (goal {goal})" for p, goal in GOALS.items())
    print(f"{len(seconds)} reruns in {given.minutes:g} minutes: {shares}  most {max(seconds):.2f} s")
    for what, worst in sorted(times, key=lambda one: -one[1])[: max(8, len(times) // 20)]:
        print(f"    {worst:.2f} s  {what}")
    sizes = [size for _, size in memory]
    quarters = [median(part) for part in np.array_split(np.array(sizes), 4)]
    print(f"memory of the server, median of each quarter: {', '.join(f'{q:.0f}' for q in quarters)} MiB")
    return int(quarters[3] - quarters[1] > given.most)


if __name__ == "__main__":
    sys.exit(main())
