"""How far a comparison is, read from its files: what a job board shows. Knows no page."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simviz.runs import queue
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
        queued, running, finished, cancelled, failed, lost (its process is gone), or broken (it cannot be read).
    epoch, epochs : int
        Epochs reached, and asked for.
    share : float
        0 to 1.
    eta : float or None
        Seconds to its end, where it runs.
    metrics : list of dict
        One an epoch, oldest first, of the validation part.
    said : str
        The cause of a failure, or what the run warns of.
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
        said = status.get("error") if state in ("failed", "lost") else _warning(run)
    except (ValueError, TypeError, OSError) as error:
        return Line(run.id, said=str(error))
    return Line(run.id, spec.loss, spec.seed, state, reached, spec.epochs, share, eta, metrics, str(said or ""))


def lines(comparison: Comparison) -> list[Line]:
    """One line a run, in the order they are trained; runs that wait for a process that is not there are lost."""
    found = [line(run) for run in comparison.runs]
    waiting = any(one.state == "queued" for one in found)
    if not waiting or queue.served(comparison):
        return found
    gone = "no process trains it; what was reached is kept"
    return [Line(**{**vars(one), "state": "lost", "said": gone}) if one.state == "queued" else one for one in found]


def over(found: Sequence[Line]) -> bool:
    """Whether nothing will change without the user: every run is over or lost."""
    return all(one.over or one.state == "lost" for one in found)


def seconds_left(found: Sequence[Line]) -> float | None:
    """Seconds until the last run ends; None before there is anything to go by."""
    running = [one for one in found if one.state == "running"]
    queued = sum(one.epochs for one in found if one.state == "queued")
    paces = [m["seconds"] for one in found for m in one.metrics if isinstance(m.get("seconds"), (int, float))]
    if any(one.eta is None for one in running) or (queued and not paces):
        return None
    return sum(one.eta or 0.0 for one in running) + (queued * sum(paces) / len(paces) if queued else 0.0)


def pace(store: Store, model: str, dataset: str) -> float | None:
    """Seconds a training image and epoch, all included, of the newest run of this model on this data set here.

    None if none of the newest 60 comparisons tells.
    """
    for comparison in store.comparisons()[:RECENT]:
        try:
            if comparison.info["dataset"]["name"] != dataset:
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
