"""How long an epoch takes: measured, or told beforehand from a few batches of each setting.

A pace is two numbers, seconds of one epoch, validation included, by the clock: few epochs are quicker than the first
or slower than the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from simviz.runs.files import StoreError, read_json, write_json
from simviz.runs.store import Comparison, Run

FILE = "pace.json"
BATCHES = 8
WARM = 2  # the first batches allocate and compile
LEAST = 4  # batches: fewer tell nothing, so of shorter epochs a few whole ones are timed
EPOCHS = 3
FEW = 3
SHARE = 0.02  # of the training, which the timing may cost
FORWARD = 1 / 3  # of a training step: what an image costs in validation at least; at most as much as in training

Pace = tuple[float, float]


def wider(paces: Iterable[Pace]) -> Pace | None:
    """The range that holds all of them; None where there is none."""
    found = list(paces)
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def calibrate(comparison: Comparison, waiting: list[Run], stopped: Callable[[], bool]) -> None:
    """Time a few batches of each setting that is still to be trained and was never timed, and keep the paces.

    Nothing is timed where that would take more than a fiftieth of the training. The networks timed are thrown away:
    a run draws its own from its seed. A setting that cannot be trained is left to the run that will say so.

    Parameters
    ----------
    waiting : the runs that are still to be trained
    stopped : called before each setting; nothing more is timed once it is true
    """
    waiting = [run for run in waiting if _readable(run)]
    known = read(comparison)
    found = dict(known)
    first = {
        run.setting: run
        for run in reversed(waiting)
        if run.setting not in known and not run.metrics() and not run.spec.pretrained
    }
    for run in first.values():
        if stopped():
            break
        try:
            pace = _timed(run, waiting, len(first))
        except (ValueError, RuntimeError, MemoryError, StopIteration):  # the last: it ended before it was timed
            continue
        if pace is None:
            return
        found[run.setting] = pace
    if found != known:
        write_json(comparison.path / FILE, {"seconds_per_epoch": found})


def _readable(run: Run) -> bool:
    """Whether a run's spec can be read; where it cannot, the run will say so."""
    try:
        return bool(run.spec)
    except StoreError:
        return False


def read(comparison: Comparison) -> dict[str, Pace]:
    """What was timed beforehand, by setting."""
    try:
        found = read_json(comparison.path / FILE)["seconds_per_epoch"]
        return {str(setting): checked(pace) for setting, pace in found.items()}
    except (StoreError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def checked(pace: Any) -> Pace:
    """Two numbers from a file; ValueError or TypeError for anything else."""
    low, high = (float(value) for value in pace)
    if not 0 <= low <= high:
        raise ValueError(f"{pace!r} is no range of seconds")
    return low, high


def measured(seconds: Sequence[float]) -> Pace | None:
    """The pace that epochs of these lengths had, oldest first; None where there is none.

    The first one, which loads and compiles, counts only while there are few, and so do the extremes.
    """
    if not seconds:
        return None
    counted = sorted(seconds[1:] if len(seconds) > FEW else seconds)
    cut = len(counted) // 10
    return counted[cut], counted[-1 - cut]


def _timed(run: Run, waiting: list[Run], settings: int) -> Pace | None:
    """Seconds of an epoch of this run's setting; None where the training is too short to be timed beforehand."""
    from simviz.runs.ingredients import trainer_for

    trainer, data = trainer_for(run.spec)
    steps, events = trainer.steps, trainer.events()
    affordable = int(SHARE * steps * sum(r.spec.epochs for r in waiting) / settings)
    if steps < LEAST:
        if affordable < EPOCHS * steps:
            return None
        return measured([_spent(events, steps + 1, trainer.device) for _ in range(EPOCHS)])
    count = min(BATCHES, steps, affordable)
    if count < LEAST:
        return None
    _spent(events, WARM, trainer.device)
    batches = sorted(_spent(events, 1, trainer.device) for _ in range(count - WARM))
    middle = batches[len(batches) // 2]
    low, high = (batches[0] + middle) / 2, (batches[-1] + middle) / 2
    validation = len(data.indices("validation")) / len(trainer.train_rows)
    return steps * low * (1 + FORWARD * validation), steps * high * (1 + validation)


def _spent(events: Iterator[Any], count: int, device: Any) -> float:
    """Seconds until a trainer's next `count` events are there."""
    before = _now(device)
    for _ in range(count):
        next(events)
    return _now(device) - before


def _now(device: Any) -> float:
    """The clock, once the device has done what it was given."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return time.monotonic()
