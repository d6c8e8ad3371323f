"""Whether a process still lives, told by its id and its start.

Neither a reused id, nor a zombie, nor a clock that was set anew misleads: the system gives a start as the time of
boot plus the ticks since, and the time of boot moves with the clock. The ticks do not, so they are kept beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

SAME_SECONDS = 2  # where there are no ticks: how far two readings of one start may lie apart


def mark(pid: int | None = None) -> dict[str, Any]:
    """What a process is known by: `pid`, `process_start` (seconds since 1970), `process_ticks` (since boot; Linux)."""
    pid = os.getpid() if pid is None else pid
    return {"pid": pid, "process_start": psutil.Process(pid).create_time(), "process_ticks": _ticks(pid)}


def alive(mark: Mapping[str, Any]) -> bool:
    """Whether the very process of the mark still runs."""
    try:
        pid = int(mark["pid"])
        process = psutil.Process(pid)
        if mark.get("process_ticks") is not None:
            same = _ticks(pid) == int(mark["process_ticks"])
        else:
            same = abs(process.create_time() - float(mark["process_start"])) < SAME_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False


def serving(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The marks of the living processes that a comparison's `worker.json` names: one, and its helpers."""
    helpers = record.get("helpers")
    marks = [record, *(helpers if isinstance(helpers, list) else [])]
    return [one for one in marks if isinstance(one, Mapping) and alive(one)]


def _ticks(pid: int) -> int | None:
    """Clock ticks from boot to the start of the process; None where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[19])  # the name before may hold anything, ")" too
    except (OSError, ValueError, IndexError):
        return None
