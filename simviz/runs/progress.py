"""How far a comparison is, read from its files: what a job board shows. Knows no page."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from simviz.runs import budget, queue, tuning
from simviz.runs import pace as paces
from simviz.runs.files import StoreError, read_json
from simviz.runs.store import Comparison, Run, Store

OVER = ("finished", "cancelled", "failed", "broken")
RECENT = 60


@dataclass(frozen=True)
class Line:
    """One run.

    Attributes
    ----------
    run, setting : str
        Id and setting; the setting of a broken run is "".
    seed : int or None
    state : str
        queued, running, paused, not started (the budget was spent), finished, cancelled, failed, lost (its process is
        gone), or broken (it cannot be read).
    epoch, epochs : int
        Epochs reached, and asked for.
    share : float
        0 to 1.
    eta : float or None
        Seconds to its end, where it runs.
    metrics : list of dict
        One an epoch, oldest first, of the validation part.
    said : str
        The cause of a failure or of an early end, or what the run warns of.
    pace : (float, float) or None
        The least and the most seconds of an epoch, where one was measured.
    fewest : int
        Epochs after which it may end of itself: fewer than `epochs` where it stops early.
    resumable : bool
        Whether `queue.resume` takes it.
    """

    run: str
    setting: str = ""
    seed: int | None = None
    state: str = "broken"
    epoch: int = 0
    epochs: int = 0
    share: float = 0.0
    eta: float | None = None
    metrics: tuple[dict[str, Any], ...] = ()
    said: str = ""
    pace: paces.Pace | None = None
    fewest: int = 0
    resumable: bool = False

    @property
    def over(self) -> bool:
        return self.state in OVER

    def last(self, metric: str) -> float | None:
        """The metric after the last epoch; None before the first, and where the classes do not have it."""
        return self.metrics[-1].get(metric) if self.metrics else None


def line(run: Run) -> Line:
    """Where one run stands; a folder that cannot be read is a line that says so."""
    try:
        spec, status, metrics = run.spec, run.status, tuple(run.metrics())
        state = str(status.get("state"))
        reached = max([int(m["epoch"]) for m in metrics], default=0)
        share = 1.0 if state == "finished" else float(status.get("progress") or reached / spec.epochs)
        eta = status.get("eta_seconds") if state == "running" else None
        measured = None if status.get("pace") is None else paces.checked(status["pace"])
        said = _warning(run) if state == "finished" else status.get("error") or _warning(run)
        fewest = spec.epochs if spec.patience is None else min(spec.epochs, max(reached, spec.warmup + spec.patience))
        more = queue.resumable(run)
    except (ValueError, TypeError, OSError) as error:
        return Line(run.id, said=str(error))
    now = (state, reached, spec.epochs, share, eta, metrics, str(said or ""), measured, fewest, more)
    return Line(run.id, spec.loss, spec.seed, *now)


def lines(comparison: Comparison) -> list[Line]:
    """One line a run, in the order they are trained; runs that wait for a process that is not there are lost."""
    found = [line(run) for run in comparison.runs]
    waiting = any(one.state == "queued" for one in found)
    if not waiting or queue.served(comparison):
        return found
    gone = {"state": "lost", "said": "no process trains it; what was reached is kept", "resumable": True}
    return [replace(one, **gone) if one.state == "queued" else one for one in found]  # type: ignore[arg-type]


def under_way(store: Store) -> tuple[int, int]:
    """How many runs train now, and how many wait for a process that is there."""
    states = Counter[str]()
    for comparison in store.comparisons():
        with suppress(StoreError, OSError):
            if queue.served(comparison):
                states.update(one.state for one in lines(comparison))
    return states["running"], states["queued"]


def over(found: Sequence[Line]) -> bool:
    """Whether nothing will change without the user: every run is over, interrupted or paused."""
    return all(one.over or one.state in queue.INTERRUPTED for one in found)


def seconds_left(comparison: Comparison, found: Sequence[Line]) -> paces.Pace | None:
    """The least and the most seconds until its last run ends; None where none waits, or nothing tells of its epochs.

    An epoch of a run takes what its own took, else those of its setting, else what a few batches of its setting told
    beforehand, else anything between the fastest and the slowest setting. Early stopping lowers the least, several
    runs at once share the work, and no comparison takes longer than its budget. While learning rates are chosen the
    trials laid out so far are counted too.
    """
    rounds = tuning.rounds(comparison) if tuning.under_way(comparison) else []
    found = [*found, *(line(run) for part in rounds for run in part.runs)]
    known = {s: pace for part in (*rounds, comparison) for s, pace in paces.read(part).items()} | _measured(found)
    anything = paces.wider(known.values())
    left = [one for one in found if one.state in ("queued", "running")]
    low = high = longest = 0.0
    for one in left:
        each = one.pace or known.get(one.setting) or anything
        if each is None:
            return None
        done = one.share * one.epochs
        least, most = max(0.0, one.fewest - done) * each[0], (one.epochs - done) * each[1]
        low, high, longest = low + least, high + most, max(longest, most)
    if not left:
        return None
    at_once = max(1, sum(one.state == "running" for one in left))
    low, high = low / at_once, max(longest, high / at_once)
    granted = budget.read(comparison)
    return (low, high) if granted is None else (min(low, granted.left), min(high, granted.left))


def _measured(found: Sequence[Line]) -> dict[str, paces.Pace]:
    """The paces that runs of each setting had."""
    settings = {one.setting for one in found if one.pace}
    each = {s: paces.wider(one.pace for one in found if one.pace and one.setting == s) for s in settings}
    return {setting: known for setting, known in each.items() if known is not None}


def pace(store: Store, model: str, dataset: str) -> float | None:
    """Seconds a training image and epoch, all included, of the newest run of this model on this data set here.

    None if none of the newest 60 comparisons tells.
    """
    for comparison in store.comparisons()[:RECENT]:
        try:
            trained_here = (comparison.path / "worker.json").exists()  # what was unpacked has no such file
            if not trained_here or comparison.info["dataset"]["name"] != dataset:
                continue
            found = [p for run in comparison.runs if (p := _pace(run, model)) is not None]
        except (ValueError, KeyError, TypeError, OSError):
            continue
        if found:
            return max(found)
    return None


def _pace(run: Run, model: str) -> float | None:
    """Seconds a training image and epoch of one run; None if it tells none, or is of another model or machine."""
    try:
        made = read_json(run.path / "environment.json")
        if made.get("model") != model or made.get("platform") != platform.platform():
            return None
        images = min(read_json(run.path / "data.json")["split"]["train"], run.spec.train_size or 10**12)
        status = run.status
        if status.get("state") != "finished":
            return None
        return float(status["seconds"]) / (images * int(status["reached"])) or None
    except (StoreError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _warning(run: Run) -> str | None:
    try:
        return read_json(run.path / "result.json").get("warning")
    except (StoreError, json.JSONDecodeError):
        return None
