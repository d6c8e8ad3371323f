"""Who reaches the server: this machine alone, and no other site's page in its browser."""

import http.client
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simviz import cli
from tests.app.test_server import served

ROOT = Path(__file__).parents[2]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def status(port, method, path, **headers):
    connection = http.client.HTTPConnection("localhost", port, timeout=30)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    connection.close()
    return answer.status


def test_pages_of_other_sites_get_no_session_and_upload_nothing(tmp_path):
    with served(tmp_path) as ask:
        ask({"page": "runs"})
        log = (tmp_path / "server.txt").read_text()
        port = int(re.search(r":(\d{4,5})", log)[1])
        stream = "/_stcore/stream"
        assert status(port, "GET", stream, Origin=f"http://localhost:{port}", **UPGRADE) == 101
        assert status(port, "GET", stream, Origin="http://elsewhere.example", **UPGRADE) == 403
        assert status(port, "PUT", "/_stcore/upload_file/a/b") in (400, 403)


@pytest.mark.parametrize("only", [True, False])
def test_the_command_starts_a_server_that_may_only_look(tmp_path, monkeypatch, only):
    calls = []
    monkeypatch.setenv("SIMVIZ_RUNS", str(tmp_path))
    monkeypatch.setattr(subprocess, "call", lambda command, env: calls.append((command, env)) or 0)
    with pytest.raises(SystemExit):
        cli.main(["app", *(["--read-only"] if only else []), "--", "--server.port", "8600"])
    ((command, environment),) = calls
    assert command == [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", "8600"]
    assert environment.get("SIMVIZ_READ_ONLY") == ("1" if only else None)
    assert environment.get("STREAMLIT_SERVER_MAX_UPLOAD_SIZE") == ("0" if only else None)
    assert bool(list(tmp_path.glob("*/comparison.json"))) is only  # unpacked before: the server may not
