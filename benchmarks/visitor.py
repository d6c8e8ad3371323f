"""A visitor who uses the app for a while, in a real Chromium: how soon it answers, and whether its memory stays flat.

Run: python benchmarks/visitor.py [--minutes 10] [--pause 1.0]

The visitor goes through every page once, which is not counted, and then moves on at random (seeded): another page, an
option, a slider, a switch, a box that opens, now and then a reload, which is another session. Nothing is trained,
uploaded or deleted. What ships with simviz is looked at.

    rerun       a run of a page by the server, until all of it is on its way to the browser; goals: half of them within
                0.25 s, 95 % within 0.6 s
    answer      from the message by which the browser asks for it until the browser has taken up the server's word that
                it is over, which waits until the pictures before it are drawn
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
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

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


class Seen(NamedTuple):
    reruns: list[float]  # seconds
    answers: list[tuple[str, float]]  # what was done, seconds
    memory: list[float]  # MiB of the server, after every move


def used(browser: Any, minutes: float, pause: float) -> Seen:
    from playwright.sync_api import Error

    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        noted = Path(folder) / "reruns.txt"
        launcher = [str(Path(__file__).with_name("reruns.py")), str(noted)]
        address = stack.enter_context(serving(Path(folder) / "app", launcher=launcher))
        server = next(c for c in psutil.Process().children(recursive=True) if str(noted) in c.cmdline())
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        page.set_default_timeout(60_000)
        visitor = Visitor(page, address, seed=0)
        for name in PAGES:
            visitor.go(name)
        visitor.watch.times.clear()
        before = len(noted.read_text().split())
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            try:
                visitor.move(pause)
            except Error as error:  # it was redrawn under the hand; a person would reach for it again
                print(f"missed: {visitor.watch.what}: {str(error).splitlines()[0]}", file=sys.stderr)
            if page.get_by_test_id("stException").count():
                sys.exit(f"an exception on {page.url} after {visitor.watch.what}")
            memory.append(server.memory_info().rss / 2**20)
        reruns = [float(line) for line in noted.read_text().split()[before:]]
        return Seen(reruns, visitor.watch.times, memory)


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
        seen = used(browser, given.minutes, given.pause)
        browser.close()
    print(f"{len(seen.reruns)} reruns in {given.minutes:g} minutes: {quantiles(seen.reruns, GOALS)}")
    print(f"answers in the browser: {quantiles([s for _, s in seen.answers], dict.fromkeys(GOALS))}; the slowest:")
    for what, worst in sorted(seen.answers, key=lambda one: -one[1])[:8]:
        print(f"    {worst:.2f} s  {what}")
    quarters = [median(part) for part in np.array_split(np.array(seen.memory), 4)]
    print(f"memory of the server, median of each quarter: {', '.join(f'{q:.0f}' for q in quarters)} MiB")
    return int(quarters[3] - quarters[1] > given.most)


def quantiles(seconds: list[float], goals: Mapping[int, float | None]) -> str:
    shares = [(p, np.percentile(seconds, p), goal) for p, goal in goals.items()]
    words = [f"p{p} {value:.2f} s" + (f" (goal {goal})" if goal else "") for p, value, goal in shares]
    return "  ".join([*words, f"most {max(seconds):.2f} s"])


if __name__ == "__main__":
    sys.exit(main())
