"""A real server: the first visitor of a fresh one, who comes by a link, and its first start on a desktop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def wait_for(url: str, server: subprocess.Popen[bytes], log: Callable[[], str]) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, log()
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url} within a minute")


@contextmanager
def served(folder: Path) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """A fresh server with Streamlit's agent interface; yields a function that talks to it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless=true"]
    command += [f"--server.port={port}", "--server.enableAgentApi=true"]
    environment = {**os.environ, "SIMVIZ_RUNS": str(folder / "runs"), "SIMVIZ_CACHE": str(folder / "cache")}
    with (folder / "server.txt").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
    base = f"http://localhost:{port}/_stcore"

    def ask(body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{base}/agent/interact", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    try:
        wait_for(f"{base}/health", server, (folder / "server.txt").read_text)
        yield ask
    finally:
        server.terminate()
        server.wait(30)


def elements(node: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [node] if node.get("type") == kind else []
    return found + [e for child in node.get("children", []) for e in elements(child, kind)]


def test_the_first_visit_by_a_link_gets_the_frame_the_page_and_its_choices(tmp_path):
    with served(tmp_path) as ask:
        link = {"from": ["order"], "r": ["0.3"], "data": ["own"], "names": ["a,b,c"]}
        answer = ask({"page": "similarity", "query_params": link})
        assert answer["status"] == "ready"
        assert [t["props"]["body"] for t in elements(answer["tree"], "title")] == ["Similarity matrix"]
        assert len(elements(answer["tree"], "popover")) == 1  # "Copy link" of the frame
        assert "order:r=0.3" in json.dumps(answer["tree"])
        again = ask({"session_id": answer["session_id"]})
        assert "order:r=0.3" in json.dumps(again["tree"])


def test_a_first_start_on_a_desktop_waits_for_no_e_mail_address(tmp_path):
    """In a terminal, with an empty home folder and a display: Streamlit would ask before it serves."""
    import pty

    (tmp_path / "home").mkdir()
    browser = "/bin/true"  # what "open the page" runs
    given = {"HOME": str(tmp_path / "home"), "DISPLAY": ":99", "BROWSER": browser, "SIMVIZ_RUNS": str(tmp_path)}
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), f"--server.port={port}"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **given},
        start_new_session=True,
    )
    try:
        wait_for(f"http://localhost:{port}/_stcore/health", server, lambda: "the server ended")
    finally:
        server.terminate()
        server.wait(30)
        os.close(ours)
        os.close(theirs)
    assert not (tmp_path / "home" / ".streamlit" / "credentials.toml").exists()
