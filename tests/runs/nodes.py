"""A real Ray cluster on this machine: a head that trains nothing, and nodes that see neither its store nor its data.

Every node's processes live in a mount namespace of their own, in which an empty read-only file system covers the
head's folders; so even root cannot write there, nor read a picture. Each has its own folder for everything temporary.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
SMALL = ["--object-store-memory=100000000", "--include-log-monitor=false"]
# A dead node is noticed within a second or two, not half a minute.
QUICK = {f"RAY_health_check_{k}": v for k, v in (("period_ms", "500"), ("failure_threshold", "3"))}
# An administrator may hide a folder at once; who is none asks for a user namespace first.
WAYS = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])


def separate() -> list[str] | None:
    """The command that begins a mount namespace here; None where the system does not allow it."""
    for way in WAYS:
        if shutil.which("unshare") and not subprocess.run([*way, "true"], capture_output=True, check=False).returncode:
            return way
    return None


class Nodes:
    """A cluster; a context, at whose end no process of it is left."""

    def __init__(self, hidden: Path) -> None:
        self.hidden, self._way = hidden, separate()
        # Ray's sockets lie below, and their names may have 107 letters at most.
        self.root = Path(tempfile.mkdtemp(prefix="rays-", dir="/tmp"))
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        head = ["--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false"]
        self._start("head", [*RAY, *head, *SMALL])

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._started)[::-1]:
            self.remove(name)
        shutil.rmtree(self.root, ignore_errors=True)

    def add(self, name: str) -> None:
        """A node that trains one run at a time."""
        assert self._way is not None
        hide = 'mount -t tmpfs -o ro,size=4k none "$0" && exec "$@"'
        ray = [*RAY, f"--address={self.address}", "--num-cpus=1", *SMALL]
        self._start(name, [*self._way, "sh", "-c", hide, str(self.hidden), *ray])

    def folder(self, name: str) -> Path:
        """Where the node keeps what is temporary: its runs, too."""
        return self.root / name

    def processes(self, name: str) -> list[psutil.Process]:
        """Of the node: its raylet, and those that train."""
        first = psutil.Process(self._started[name].pid)
        return [first, *first.children(recursive=True)]

    def training(self, name: str) -> list[psutil.Process]:
        """Processes of the node in which a run is being trained."""
        found = []
        for one in self.processes(name):
            with suppress(psutil.NoSuchProcess):
                found += [one] if one.name().startswith("ray::simviz") else []
        return found

    def remove(self, name: str) -> None:
        """SIGKILL to every process of a node at once, as if its power failed."""
        family = self.processes(name)
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)
        self._started.pop(name).wait()

    def _start(self, name: str, command: list[str]) -> None:
        folder = self.folder(name)
        folder.mkdir()
        own = {"TMPDIR": str(folder), "SIMVIZ_CACHE": str(folder / "cache"), "SIMVIZ_RUNS": str(folder / "runs")}
        others = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}  # as on any other machine
        with (folder / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                [*command, f"--temp-dir={folder / 'r'}"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**others, **own, **QUICK},
            )
        self._started[name] = process
        end = time.monotonic() + 120
        while b"Ray runtime started" not in (folder / "said.txt").read_bytes():
            assert process.poll() is None, (folder / "said.txt").read_text()
            assert time.monotonic() < end, (folder / "said.txt").read_text()
            time.sleep(0.1)
