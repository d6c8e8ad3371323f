"""The process that trains: ``python -m simviz.runs.worker COMPARISON_FOLDER``.

It reads only the comparison's folder and writes only there. The command line calls the same `work`
in its own process, so library, command line and app share one path.
"""

from __future__ import annotations

import gc
import math
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from simviz.runs import budget, cores, pace, queue, ready, slots, status, tuning
from simviz.runs.files import StoreError
from simviz.runs.liveness import alive
from simviz.runs.session import execute_in_step, kind
from simviz.runs.store import Comparison, Run
from simviz.runs.tuning import Listener

__all__ = ["main", "still_wanted", "unaffordable", "waits", "work"]

HELPER = "--helper"
LEAST_FREE_BYTES = 2**20


def main(argv: list[str] | None = None) -> int:
    """Serve every run of one comparison that waits; with ``--helper`` beside the process that started this one.

    With ``--ready`` it loads torch first, and reads the comparison's folder from its input.
    """
    arguments = sys.argv[1:] if argv is None else argv
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if hasattr(os, "nice"):
        os.nice(5)  # the page that watches must stay quick
    if arguments == [ready.READY]:
        given = ready.wait()
        if given is None:
            return 0
        arguments = [str(given)]
    folders = [a for a in arguments if a != HELPER]
    if len(folders) != 1 or not (Path(folders[0]) / "comparison.json").is_file():
        print("usage: python -m simviz.runs.worker COMPARISON_FOLDER", file=sys.stderr)
        return 2
    cores.watch()  # what others did while this process stood ready says nothing of now
    comparison = Comparison(Path(folders[0]))
    if HELPER in arguments:
        with slots.Ticket(budget.home(comparison)) as ticket:
            _train_all(ticket, comparison, None, helped=True)
    else:
        work(comparison)
    return 0


def work(comparison: Comparison, listener: Listener | None = None) -> None:
    """Choose the learning rates where that was asked, then train the runs that are not over; a failed one stops none.

    Runs of one machine wait for each other (`slots`). Where it has several slots, helper processes train beside this
    one; `listener` hears the runs of this process only.
    """
    with slots.Ticket(budget.home(comparison)) as ticket:
        queue.sign_in(comparison)
        while not tuning.settle(comparison, partial(_train_all, ticket), listener):
            if not still_wanted(comparison):
                return
        _train_all(ticket, comparison, listener)


def still_wanted(comparison: Comparison) -> bool:
    """Whether runs wait whose rates could not be chosen; those asked to end do. If none, this process no longer serves.

    They may have been interrupted and resumed within the second it took to hear of it.
    """
    waiting = False
    with slots.mutex():
        for run in comparison.runs:
            if not waits(run, set()):
                continue
            if run.wanted == "cancel":
                status.settle(run, "cancelled")
            elif not unaffordable(run, comparison, set()):
                waiting = True
        if not waiting:
            queue.sign_off(comparison)
    return waiting


def _train_all(ticket: slots.Ticket, comparison: Comparison, listener: Listener | None, helped: bool = False) -> None:
    """Train what waits, one run after another, until nothing does."""
    tried: set[str] = set()
    helpers: list[subprocess.Popen[bytes]] = []
    try:
        while (run := _next(comparison, tried)) is not None:
            if run.wanted == "cancel":
                status.settle(run, "cancelled")
                continue
            with ticket.turn(slots.device(run), partial(_given_up, run, tried)) as slot:
                if slot is None or unaffordable(run, comparison, tried) or not _claimed(run, tried):
                    continue
                _take(slot)
                if len(tried) == 1 and not helped:
                    waiting = [run, *(r for r in comparison.runs if waits(r, tried))]
                    helpers = _helpers(comparison, waiting)
                    cores.choose_threads(run, cores.sharing(run, comparison))
                    pace.calibrate(comparison, waiting, partial(_unwanted, run))
                execute_in_step([run, *_companions(run, comparison, tried)], comparison, listener)
                gc.collect()  # a run that failed for its memory would else hold it against the next
            if comparison.path.is_dir() and shutil.disk_usage(comparison.path).free < LEAST_FREE_BYTES:
                with slots.mutex():
                    queue.sign_off(comparison)  # the next runs could not even say why they failed
                break
    except BaseException:
        for helper in helpers:
            helper.terminate()
        raise
    for helper in helpers:
        helper.wait()


def _next(comparison: Comparison, tried: set[str]) -> Run | None:
    """The first run that waits. Where none does, this process no longer serves: whoever resumes one starts another."""
    with slots.mutex():
        run = next((r for r in comparison.runs if waits(r, tried)), None)
        if run is None:
            queue.sign_off(comparison)
        return run


def waits(run: Run, tried: set[str]) -> bool:
    """Whether the run is to be trained by whoever has a slot for it."""
    try:
        known = run.status
        if run.settled or run.wanted == "pause":
            return False
    except StoreError:  # deleted, or damaged: the board says so
        return False
    if known.get("state") == "running" and alive(known):
        return False
    return known.get("state") == "queued" or run.id not in tried


def _given_up(run: Run, tried: set[str]) -> bool:
    return not waits(run, tried) or run.wanted == "cancel"


def _unwanted(run: Run) -> bool:
    return run.wanted in ("cancel", "pause")


def unaffordable(run: Run, comparison: Comparison, tried: set[str]) -> bool:
    """Whether the budget is spent; the run then says so, and waits for another."""
    granted = budget.read(comparison)
    if granted is None or granted.left:
        return False
    tried.add(run.id)
    if run.metrics():
        status.settle(run, "paused", granted.sentence)
    else:
        status.settle(run, "not started", f"not started: {granted.sentence}")
    return True


def _claimed(run: Run, tried: set[str]) -> bool:
    """Make the run this process's own, unless another was quicker."""
    with slots.mutex():
        if not waits(run, tried):
            return False
        tried.add(run.id)
        status.write(run, "running", **status.kept(run), message="starting")
        return True


def _companions(run: Run, comparison: Comparison, tried: set[str]) -> list[Run]:
    """Other runs that train in step with one that is claimed: this process's share of its kind, claimed too."""
    if (same := kind(run)) is None:
        return []
    left = [other for other in comparison.runs if not other.settled and kind(other) == same]
    share = math.ceil(len(left) / len(slots.fitting(slots.device(run)))) - 1
    alike = [other for other in left if waits(other, tried) and not other.wanted]
    return [other for other in alike[:share] if _claimed(other, tried)]


def _take(slot: str) -> None:
    """Let `auto` and `cuda` mean the GPU of the slot."""
    name = slot.rpartition(".")[0]
    if name != "cpu":
        import torch

        torch.cuda.set_device(name)


def _helpers(comparison: Comparison, waiting: list[Run]) -> list[subprocess.Popen[bytes]]:
    """A process more for every further slot that the waiting runs can use."""
    useful = {slot for run in waiting for slot in slots.fitting(slots.device(run))}
    command = [sys.executable, "-m", "simviz.runs.worker", str(comparison.path.resolve()), HELPER]
    log = (comparison.path / "log.txt").open("ab")
    with log:
        count = min(len(useful), len(waiting)) - 1
        found = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            for _ in range(count)
        ]
    if found:
        queue.sign_in(comparison, [child.pid for child in found])
    return found


if __name__ == "__main__":
    sys.exit(main())
