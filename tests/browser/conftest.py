"""A real server and a real Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from simviz.runs import Store, queue
from simviz.runs.files import read_json

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WHY = "no Chromium: install it (apt-get install chromium), or set SIMVIZ_CHROMIUM to its executable"


def executable() -> str | None:
    """Where a Chromium lies: `$SIMVIZ_CHROMIUM`, else one on the path."""
    given = os.environ.get("SIMVIZ_CHROMIUM")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def serving(folder: Path, cache: Path | None = None, launcher: Sequence[str] = ("-m", "streamlit")) -> Iterator[str]:
    """The app on a free port with its own runs, and its own cache if none is given; yields its address."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    (folder / "tmp").mkdir(parents=True)
    command = [sys.executable, *launcher, "run", str(ROOT / "app.py")]
    command += ["--server.headless", "true", "--server.port", str(port)]
    given = {"SIMVIZ_RUNS": str(folder / "runs"), "SIMVIZ_CACHE": str(cache or folder / "cache")}
    given["TMPDIR"] = str(folder / "tmp")  # a lock of its own: nothing here waits for the machine's other runs
    with (folder / "server.txt").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **given}, stdout=log, stderr=log)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "server.txt").read_text()
                time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(30)
        for comparison in Store(folder / "runs"):  # a worker outlives its server, as it should; not its test
            if queue.served(comparison):
                os.kill(read_json(comparison.path / "worker.json")["pid"], signal.SIGTERM)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for all tests of the session."""
    path = executable()
    if path is None:
        pytest.skip(WHY)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, in a container
        found = playwright.chromium.launch(executable_path=path, args=options)
        yield found
        found.close()


@pytest.fixture
def server(browser, tmp_path, cache_folder) -> Iterator[str]:
    """A server nobody has visited yet, with no runs; drawn data sets are shared by all tests."""
    with serving(tmp_path, cache_folder) as address:
        yield address


@pytest.fixture(scope="session")
def museum(browser, tmp_path_factory, cache_folder) -> Iterator[str]:
    """One server for tests that only look at what ships with simviz: starting one takes seconds."""
    with serving(tmp_path_factory.mktemp("museum") / "app", cache_folder) as address:
        yield address


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., object]]:
    """Open an address; at the end of the test nothing may have raised on any page that was opened."""
    contexts = []

    def go(address: str, *, width: int = 1440, dark: bool = False):
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": 1200}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.locator("h1").first.wait_for()
        return page

    yield go
    for context in contexts:
        for page in context.pages:
            assert page.get_by_test_id("stException").count() == 0
        context.close()
