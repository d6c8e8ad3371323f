"""Which runs of this machine train now: one, or one on each GPU; the others wait in the order of asking.

Every process that trains holds a ticket, a small file beside those of all others of this user, whatever comparison
and store they serve. The eldest ticket that waits takes the first free slot that fits; a dead process's ticket is
dropped by whoever looks next. A process keeps its ticket from run to run, so that comparisons go one after another.

`$SIMVIZ_SLOTS` is how many runs train at once on each GPU, or on the CPU; unset, it is 1.
"""

from __future__ import annotations

import getpass
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import filelock

from simviz.runs.files import StoreError
from simviz.runs.liveness import alive, mark
from simviz.runs.store import Run

VARIABLE = "SIMVIZ_SLOTS"
LOOK_SECONDS = 0.2


def at_once() -> int:
    """Runs at once on each GPU, or on the CPU; ValueError where what is set is no whole number from 1 on."""
    text = os.environ.get(VARIABLE) or "1"
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{VARIABLE} is {text!r}: write how many runs train at once, a whole number from 1 on")
    return int(text)


def fitting(device: str) -> tuple[str, ...]:
    """The slots that a run on this device (auto, cpu, cuda or cuda:N) may take; loads torch."""
    gpus, per = _gpus(), at_once()
    if device == "cpu" or not gpus:
        return tuple(f"cpu.{i}" for i in range(1 if gpus else per))
    index = device.partition(":")[2]
    chosen = [int(index)] if index else range(gpus)
    return tuple(f"cuda:{gpu}.{i}" for i in range(per) for gpu in chosen)


def device(run: Run) -> str:
    """The device that a run asks for."""
    try:
        return run.spec.device
    except StoreError:  # the run fails with this very sentence when its turn comes
        return "auto"


@contextmanager
def mutex() -> Iterator[None]:
    """Held for an instant by whoever takes a slot, claims a run or starts a process: one at a time on this machine."""
    _folder().mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(_folder() / "mutex.lock"):
        yield


def ahead(comparison: str) -> int:
    """How many other comparisons asked before this one (a folder, as text) and still train or wait."""
    tickets = _living()
    own = [number for number, ticket in tickets.items() if ticket["comparison"] == comparison]
    others = {t["comparison"] for n, t in tickets.items() if not own or n < min(own)}
    return len(others - {comparison})


class Ticket:
    """A process's place in the line; a context, whose end gives place and slot back."""

    def __init__(self, comparison: Path) -> None:
        self._record: dict[str, Any] = {**mark(), "comparison": str(comparison), "fits": [], "slot": None}

    def __enter__(self) -> Ticket:
        with mutex():
            self.number = max(_living(), default=0) + 1
            self._write()
        return self

    def __exit__(self, *_: object) -> None:
        _path(self.number).unlink(missing_ok=True)

    @contextmanager
    def turn(self, device: str, give_up: Callable[[], bool]) -> Iterator[str | None]:
        """Wait for a slot and hold it; None where `give_up` became true before."""
        self._record["fits"] = list(fitting(device))
        try:
            yield self._wait(give_up)
        finally:
            with mutex():
                self._record["slot"] = None  # still in line: the next run of this process is not sent to its end
                self._write()

    def _wait(self, give_up: Callable[[], bool]) -> str | None:
        while not give_up():
            with mutex():
                tickets = _living() | {self.number: self._record}
                self._record["slot"] = _assigned(tickets).get(self.number)
                self._write()
            if self._record["slot"]:
                return str(self._record["slot"])
            time.sleep(LOOK_SECONDS)
        return None

    def _write(self) -> None:
        path = _path(self.number)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(self._record))
        os.replace(partial, path)


def _assigned(tickets: dict[int, dict[str, Any]]) -> dict[int, str]:
    """Who may take which free slot: the eldest first, each the first that fits."""
    taken = {ticket["slot"] for ticket in tickets.values()}
    found: dict[int, str] = {}
    for number in sorted(tickets):
        free = [slot for slot in tickets[number]["fits"] if slot not in taken]
        if tickets[number]["slot"] is None and free:
            found[number] = free[0]
            taken.add(free[0])
    return found


def _living() -> dict[int, dict[str, Any]]:
    """Tickets by number; those of dead processes are removed."""
    found = {}
    for path in _folder().glob("[0-9]*.json"):
        try:
            ticket = json.loads(path.read_text())
        except (OSError, ValueError):  # given back just now
            continue
        if alive(ticket):
            found[int(path.stem)] = ticket
        else:
            path.unlink(missing_ok=True)
    return found


def _path(number: int) -> Path:
    return _folder() / f"{number:08d}.json"


def _folder() -> Path:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container that is run with a number the system has no name for
        user = str(os.getuid())
    return Path(tempfile.gettempdir()) / f"simviz-{user}"


@lru_cache
def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
