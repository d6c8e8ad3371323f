"""This machine's queue: a comparison is served by one process of its own, which outlives page and server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

from simviz.runs.files import StoreError, check_writable, read_json, read_only, write_json
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run, process_alive

PATIENCE_SECONDS = 10.0

# Handles are kept so that a finished child is reaped and not left a zombie.
_children: list[subprocess.Popen[bytes]] = []


def start(comparison: Comparison) -> int:
    """Start the process that trains what is left of a comparison, and return its id.

    Raises
    ------
    StoreError
        If a living process serves the comparison already, or this process may only look.
    """
    check_writable("trained")
    _children[:] = [child for child in _children if child.poll() is None]
    if served(comparison):
        raise StoreError(f"the comparison {comparison.id!r} is being trained already")
    for run in comparison.runs:
        (run.path / "control.json").unlink(missing_ok=True)
        if not run.settled:
            _mark(run, "queued")
    command = [sys.executable, "-m", "simviz.runs.worker", str(comparison.path.resolve())]
    with (comparison.path / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    _children.append(child)
    # Written here too: the process takes seconds to import torch, and a second start must see it until then.
    mark = {"pid": child.pid, "process_start": psutil.Process(child.pid).create_time()}
    write_json(comparison.path / "worker.json", mark)
    return child.pid


def served(comparison: Comparison) -> bool:
    """Whether a living process serves the comparison."""
    path = comparison.path / "worker.json"
    return path.exists() and process_alive(read_json(path))


def cancel(comparison: Comparison) -> None:
    """Ask every run that is not over to stop; what was reached is kept."""
    check_writable("stopped")
    for run in comparison.runs:
        if not run.settled:
            run.want("cancel")
    if not served(comparison):
        _close(comparison)


def enforce(comparison: Comparison) -> None:
    """End a process that has not heard a cancel: SIGTERM after ten seconds, SIGKILL five later."""
    if read_only():
        return
    if not served(comparison):
        _close(comparison)
        return
    asked = [r.path / "control.json" for r in comparison.runs if not r.settled and r.wanted == "cancel"]
    if not asked or len(asked) < sum(not r.settled for r in comparison.runs):
        return
    waited = time.time() - max(p.stat().st_mtime for p in asked)
    pid = int(read_json(comparison.path / "worker.json")["pid"])
    if waited > PATIENCE_SECONDS:
        how = signal.SIGTERM if waited < PATIENCE_SECONDS + 5 else signal.SIGKILL
        try:
            psutil.Process(pid).send_signal(how)
        except psutil.NoSuchProcess:
            return


def _close(comparison: Comparison) -> None:
    """Runs that were to be cancelled and that no process serves any more are cancelled."""
    for run in comparison.runs:
        if not run.settled and run.wanted == "cancel":
            _mark(run, "cancelled")


def _mark(run: Run, state: str) -> None:
    """A new state for a run that no process serves; how far it came is kept."""
    known = run.status
    kept: dict[str, Any] = {k: known[k] for k in ("epoch", "epochs", "progress") if k in known}
    write_json(run.path / "status.json", {"schema_version": SCHEMA_VERSION, "state": state, **kept})
