"""The clock of a run that trains: keeps its status warm, times its epochs, and hears who wants it to stop."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

from simviz.runs import pace, status
from simviz.runs.budget import Meter
from simviz.runs.outcome import Cancelled, Paused
from simviz.runs.store import Comparison, Run

BEAT_SECONDS = 1.0
RECENT = 60  # epochs: the machine was another one before


class Clock:
    """Ticks at every event of a trainer; does something about once a second, and at the end of each epoch.

    Only the monotonic clock is read: setting the machine's time changes nothing. Of runs that train in step each
    counts its share of the seconds.
    """

    def __init__(self, run: Run, comparison: Comparison, first_epoch: int, in_step: int = 1) -> None:
        self._run, self._first, self._epochs = run, first_epoch, run.spec.epochs
        self._meter, self._in_step = Meter(comparison), in_step
        self._before = float(status.last(run).get("seconds") or 0.0) if first_epoch else 0.0
        self._started = self._epoch_began = time.monotonic()
        self._beat = -math.inf
        self._epoch = first_epoch
        self._took: deque[float] = deque(maxlen=RECENT)

    @property
    def kept(self) -> dict[str, Any]:
        """What stays true of the run when it stops here: epochs finished, seconds spent, seconds an epoch."""
        spent = round(self._before + (time.monotonic() - self._started) / self._in_step, 2)
        found: dict[str, Any] = {"epoch": self._epoch, "epochs": self._epochs, "seconds": spent}
        if (measured := pace.measured(list(self._took))) is not None:
            found["pace"] = measured
        return {**found, "progress": round(self._epoch / self._epochs, 4)}

    def tick(self, event: Any) -> None:
        """Hear an event; raises `Cancelled` or `Paused` where that is wanted, or the budget is spent."""
        now = time.monotonic()
        if not hasattr(event, "step"):
            self._took.append(now - self._epoch_began)
            self._epoch, self._epoch_began = event.epoch, now
            done = float(event.epoch)
        elif now - self._beat < BEAT_SECONDS:
            return
        else:
            done = event.epoch - 1 + event.step / event.steps
        self._beat = now
        left = (self._epochs - done) * (now - self._started) / max(done - self._first, 1e-6)
        how = {**self.kept, "progress": round(done / self._epochs, 4), "eta_seconds": round(left, 1)}
        status.write(self._run, "running", **how)
        wanted = self._run.wanted
        if wanted == "cancel":
            raise Cancelled
        if wanted == "pause":
            raise Paused
        granted = self._meter.tick()
        if granted is not None and not granted.left:
            raise Cancelled(f"stopped here: {granted.sentence}")
