"""How many threads a run may use: as many as there are cores that nobody else uses.

Two OpenMP threads that share one free core wait for each other at every layer, and are several times
slower than one thread.
"""

from __future__ import annotations

import os
import time

import psutil

from simviz.runs import slots, status
from simviz.runs.files import read_json
from simviz.runs.store import Comparison, Run

# OpenMP reads this once, when torch is loaded: a thread that waits for another spins for about a millisecond, then
# sleeps. By default it spins for much longer, and where a page or a browser takes a core from the other for a moment,
# an epoch was seen to take ten times as long; asleep at once, an epoch takes half as long again on an idle machine.
WAIT_BRIEFLY = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}

LEAST_SECONDS = 0.5  # the system counts in hundredths: less tells nothing


class FreeCores:
    """Watches the machine from its making on, or from the last `count`."""

    def __init__(self) -> None:
        self._found = os.cpu_count() or 1
        self._mark = self._now()

    def count(self) -> int:
        """Cores that other processes left idle since the last count, rounded, at least one."""
        now = self._now()
        if now[0] - self._mark[0] < LEAST_SECONDS:
            return self._found
        before, self._mark = self._mark, now
        wall, busy, own = (after - earlier for after, earlier in zip(self._mark, before, strict=True))
        free = round((os.cpu_count() or 1) - max(0.0, (busy - own) / wall))
        self._found = max(1, free)
        return self._found

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds: of the clock, of all busy cores, of this process."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        return time.monotonic(), sum(machine) - idle, own.user + own.system


_free = FreeCores()


def watch() -> None:
    """Count what is idle from now on."""
    global _free
    _free = FreeCores()


def sharing(run: Run, comparison: Comparison) -> int:
    """How many processes train runs of the comparison at once, that of this run counted."""
    waiting = sum(status.last(r).get("state") in ("queued", "running") for r in comparison.runs)
    return max(1, min(len(slots.fitting(slots.device(run))), waiting))


def choose_threads(run: Run, sharing: int) -> None:
    """Threads for the free cores; a run that is resumed keeps those it began with, so that its sums round alike."""
    import torch

    free = max(1, min(_free.count(), (os.cpu_count() or 1) // sharing))
    begun = run.path / "environment.json"
    if begun.exists():
        torch.set_num_threads(int(read_json(begun).get("threads", free)))
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(free)
