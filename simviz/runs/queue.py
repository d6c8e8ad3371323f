"""This machine's queue: a comparison is served by a process of its own, which outlives page and server.

What a page or a command wants is written into files, and read from files: a run's `control.json` says pause, run or
cancel, and `worker.json` names the processes that serve a comparison. So every browser sees the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence

import psutil

from simviz.runs import budget, ready, slots, status
from simviz.runs.files import StoreError, check_writable, read_json, read_only, write_json
from simviz.runs.liveness import mark, serving
from simviz.runs.store import Comparison, Run

PATIENCE_SECONDS = 10.0
INTERRUPTED = ("paused", "lost", "not started")  # neither over nor under way

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
    slots.at_once()  # a wrong setting is told here, to the one who asks
    with slots.mutex():
        if served(comparison):
            raise StoreError(f"the comparison {comparison.id!r} is being trained already")
        _wake([run for run in comparison.runs if not run.settled])
        return _spawn(comparison)


def resume(comparison: Comparison, states: Collection[str] = INTERRUPTED) -> list[Run]:
    """Let runs in these states go on from their last checkpoint, and return them; a spent budget is granted again.

    Of the runs that are over, those that failed can go on, and the cancelled ones that have a checkpoint or reached
    no epoch.
    """
    check_writable("trained")
    slots.at_once()
    with slots.mutex():
        runs = [run for run in comparison.runs if resumable(run) and status.last(run).get("state") in states]
        if runs:
            budget.renew(comparison)  # first: else a process that serves it already finds it spent
        _wake(runs)
        if runs and not served(comparison):
            _spawn(comparison)
    return runs


def resumable(run: Run) -> bool:
    """Whether `resume` takes the run."""
    state = status.last(run).get("state")
    if state == "cancelled":
        return not run.spec.predictions and ((run.path / "checkpoint.safetensors").exists() or not run.metrics())
    return state == "failed" or state in INTERRUPTED


def served(comparison: Comparison) -> bool:
    """Whether a living process serves the comparison."""
    return bool(_processes(comparison))


def pause(comparison: Comparison) -> None:
    """Ask every run that is not over to stop where its last checkpoint is, and to leave its slot to others."""
    check_writable("paused")
    with slots.mutex():
        for run in comparison.runs:
            if not run.settled and status.last(run).get("state") in ("queued", "running"):
                run.want("pause")


def cancel(comparison: Comparison) -> None:
    """Ask every run that is not over to stop; what was reached is kept."""
    check_writable("stopped")
    with slots.mutex():
        for run in comparison.runs:
            if run.settled:
                continue
            run.want("cancel")
            if status.last(run).get("state") in INTERRUPTED or not served(comparison):
                status.settle(run, "cancelled")


def enforce(comparison: Comparison) -> None:
    """End processes that have not heard a cancel: SIGTERM after ten seconds, SIGKILL five later."""
    if read_only():
        return
    left = [run for run in comparison.runs if not run.settled]
    asked = [run for run in left if run.wanted == "cancel"]
    if not served(comparison):
        for run in asked:
            status.settle(run, "cancelled")
    elif asked and len(asked) == len(left):
        waited = min(_since_asked(run) for run in asked)
        if waited > PATIENCE_SECONDS:
            _signal(comparison, signal.SIGTERM if waited < PATIENCE_SECONDS + 5 else signal.SIGKILL)


def sign_in(comparison: Comparison, helpers: Sequence[int] = ()) -> None:
    """Say that this process serves the comparison, and which others do beside it."""
    with slots.mutex():
        write_json(comparison.path / "worker.json", {**mark(), "helpers": [mark(pid) for pid in helpers]})


def sign_off(comparison: Comparison) -> None:
    """This process serves it no longer; to be called with the `mutex`. Nothing where it never signed in, or is gone."""
    path = comparison.path / "worker.json"
    if path.exists():
        others = [dict(one) for one in _processes(comparison) if one.get("pid") != os.getpid()]
        for one in others:
            one.pop("helpers", None)
        status.replace_even_if_full(path, {"helpers": others})


def _wake(runs: Sequence[Run]) -> None:
    for run in runs:
        (run.path / "control.json").unlink(missing_ok=True)
        status.settle(run, "queued")


def _spawn(comparison: Comparison) -> int:
    _children[:] = [child for child in _children if child.poll() is None]
    folder = comparison.path.resolve()
    child = ready.take(folder)
    if child is None:
        with (folder / "log.txt").open("ab") as log:
            child = ready.launch(str(folder), stdin=subprocess.DEVNULL, stdout=log.fileno())
    _children.append(child)
    # Written here too: the process takes seconds to import torch, and a second start must see it until then.
    write_json(comparison.path / "worker.json", mark(child.pid))
    return child.pid


def _processes(comparison: Comparison) -> list:
    path = comparison.path / "worker.json"
    return serving(read_json(path)) if path.exists() else []


def _since_asked(run: Run) -> float:
    """Seconds since the run was asked to stop, whatever was done to the machine's clock meanwhile."""
    try:
        return max(0.0, time.monotonic() - float(read_json(run.path / "control.json")["at"]))
    except (StoreError, KeyError, TypeError, ValueError):
        return 0.0


def _signal(comparison: Comparison, how: signal.Signals) -> None:
    for one in _processes(comparison):
        try:
            psutil.Process(int(one["pid"])).send_signal(how)
        except psutil.NoSuchProcess:
            continue
