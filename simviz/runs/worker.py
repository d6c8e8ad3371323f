"""The process that trains: ``python -m simviz.runs.worker COMPARISON_FOLDER``.

It reads only the comparison's folder and writes only there. The command line calls the same `work`
in its own process, so library, command line and app share one path.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from simviz.runs import budget, checkpoint, origin, pace, queue, ready, slots, status, tuning
from simviz.runs.clock import Clock
from simviz.runs.cores import FreeCores
from simviz.runs.files import StoreError, read_json
from simviz.runs.ingredients import Ingredients, gather, load_data, trainer_for
from simviz.runs.liveness import alive
from simviz.runs.outcome import Cancelled, Paused, conclude, in_plain_words
from simviz.runs.store import Comparison, Run
from simviz.runs.tuning import Listener

__all__ = ["execute", "main", "unaffordable", "waits", "work"]

HELPER = "--helper"
LEAST_FREE_BYTES = 2**20

_cores = FreeCores()


def main(argv: list[str] | None = None) -> int:
    """Serve every run of one comparison that waits; with ``--helper`` beside the process that started this one.

    With ``--ready`` it loads torch first, and reads the comparison's folder from its input.
    """
    global _cores
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
    _cores = FreeCores()  # what others did while this process stood ready says nothing of now
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
        tuning.settle(comparison, partial(_train_all, ticket), listener)
        _train_all(ticket, comparison, listener)


def execute(
    run: Run, comparison: Comparison, listener: Listener | None = None, given: Ingredients | None = None
) -> None:
    """Train one run to its end, whatever the end is; the folder tells which.

    Where data and loss are `given`, as on a node that has no files, the giver keeps the pictures behind the cells.
    """
    try:
        _train(run, comparison, listener, given)
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
        if run.path.is_dir():  # else it was deleted, and with it whatever could be said of it
            status.log(run, traceback.format_exc())
            end = {"state": "cancelled"} if stopped else {"state": "failed", "error": in_plain_words(error)}
            status.write(run, **{**status.kept(run), **end})
        if stopped:
            raise


def _train_all(ticket: slots.Ticket, comparison: Comparison, listener: Listener | None, helped: bool = False) -> None:
    """Train what waits, one run after another, until nothing does."""
    tried: set[str] = set()
    helpers: list[subprocess.Popen[bytes]] = []
    try:
        while (run := _next(comparison, tried)) is not None:
            if run.wanted == "cancel":
                status.settle(run, "cancelled")
                continue
            with ticket.turn(_device(run), partial(_given_up, run, tried)) as slot:
                if slot is None or unaffordable(run, comparison, tried) or not _claimed(run, tried):
                    continue
                _take(slot)
                if len(tried) == 1 and not helped:
                    waiting = [run, *(r for r in comparison.runs if waits(r, tried))]
                    helpers = _helpers(comparison, waiting)
                    _choose_threads(run, _beside(run, comparison))
                    pace.calibrate(comparison, waiting, partial(_unwanted, run))
                execute(run, comparison, listener)
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


def _device(run: Run) -> str:
    try:
        return run.spec.device
    except StoreError:  # the run fails with this very sentence when its turn comes
        return "auto"


def _take(slot: str) -> None:
    """Let `auto` and `cuda` mean the GPU of the slot."""
    name = slot.rpartition(".")[0]
    if name != "cpu":
        import torch

        torch.cuda.set_device(name)


def _helpers(comparison: Comparison, waiting: list[Run]) -> list[subprocess.Popen[bytes]]:
    """A process more for every further slot that the waiting runs can use."""
    useful = {slot for run in waiting for slot in slots.fitting(_device(run))}
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


def _train(run: Run, comparison: Comparison, listener: Listener | None, given: Ingredients | None) -> None:
    spec = run.spec
    known = {"epoch": 0, **status.kept(run), "epochs": spec.epochs}
    status.write(run, "running", **known, message="loading the data")
    if given is None:
        origin.keep_pictures(comparison, load_data(spec))  # before torch, which takes the cores that are counted next
    _choose_threads(run, 1 if given else _beside(run, comparison))
    found = given or gather(spec)
    trainer, data = trainer_for(spec, found)
    origin.record(run, found, trainer)
    saved = run.path / "checkpoint.safetensors"
    if saved.exists():
        _restore(trainer, saved)
    status.mend_metrics(run)
    clock = Clock(run, comparison, trainer.epoch)
    status.log(run, f"{trainer.device}, {trainer.precision}, from epoch {trainer.epoch + 1} of {spec.epochs}")
    try:
        for event in trainer.events():
            if not hasattr(event, "step"):
                status.keep_epoch(run, event)
                status.log(run, f"epoch {event.epoch}: training loss {event.train_loss:.4g}, {event.seconds:.1f} s")
                checkpoint.save(trainer.state_dict() | {"random": _random_state(trainer)}, saved)
            clock.tick(event)
            if listener:
                listener(run, event)
    except Paused:
        status.write(run, "paused", **clock.kept)
    except (Cancelled, KeyboardInterrupt) as stop:
        said = {"error": str(stop)} if str(stop) else {}
        if saved.exists():
            _restore(trainer, saved)
            _conclude(run, trainer, data, clock, "cancelled", **said)
        else:
            status.write(run, "cancelled", **{**clock.kept, "epoch": 0}, **said)
        if isinstance(stop, KeyboardInterrupt):
            raise
    else:
        _conclude(run, trainer, data, clock, "finished")


def _conclude(run: Run, trainer: Any, data: Any, clock: Clock, state: str, **said: str) -> None:
    status.write(run, "running", **clock.kept, message="reading the test part")
    epoch = conclude(run, trainer, data)
    status.write(run, state, **{**clock.kept, "epoch": epoch, "reached": trainer.epoch}, **said)
    status.log(run, f"{state}; judged by the weights of epoch {epoch}")


def _random_state(trainer: Any) -> dict[str, Any]:
    """The generators that dropout draws from; batches and augmentation do not need them."""
    import torch

    found = {"cpu": torch.get_rng_state()}
    return found | ({"cuda": torch.cuda.get_rng_state(trainer.device)} if trainer.device.type == "cuda" else {})


def _restore(trainer: Any, saved: Path) -> None:
    """Go back to a checkpoint."""
    import torch

    state = checkpoint.load(saved)
    trainer.load_state_dict(state)
    random = state.get("random", {})
    if "cpu" in random:
        torch.set_rng_state(random["cpu"])
    if "cuda" in random and trainer.device.type == "cuda":
        torch.cuda.set_rng_state(random["cuda"], trainer.device)


def _beside(run: Run, comparison: Comparison) -> int:
    """How many runs of the comparison train at once, this one counted."""
    waiting = sum(status.last(r).get("state") in ("queued", "running") for r in comparison.runs)
    return max(1, min(len(slots.fitting(_device(run))), waiting))


def _choose_threads(run: Run, beside: int) -> None:
    """Threads for the free cores; a run that is resumed keeps those it began with, so that its sums round alike."""
    import torch

    free = max(1, min(_cores.count(), (os.cpu_count() or 1) // beside))
    begun = run.path / "environment.json"
    if begun.exists():
        torch.set_num_threads(int(read_json(begun).get("threads", free)))
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(free)


if __name__ == "__main__":
    sys.exit(main())
