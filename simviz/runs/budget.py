"""Minutes that a comparison may train: a file in its folder, counted by the processes that train it.

Counted is the time in which at least one of its runs trains: several at once count once, waiting for a turn does
not count, and neither does setting the clock, because the monotonic clock is read.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from simviz.runs import slots, tuning
from simviz.runs.files import StoreError, read_json, write_json
from simviz.runs.store import Comparison

FILE = "budget.json"


@dataclass(frozen=True)
class Budget:
    """What was granted and what of it is gone.

    Attributes
    ----------
    minutes : float
    spent : float
        Seconds.
    """

    minutes: float
    spent: float = 0.0

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, 60 * self.minutes - self.spent)

    @property
    def sentence(self) -> str:
        return f"the budget of {self.minutes:g} minute{'' if self.minutes == 1 else 's'} was spent"


def grant(comparison: Comparison, minutes: float) -> None:
    """Let the comparison train so many minutes from now on; ValueError unless it is a number above 0."""
    if not 0 < minutes < math.inf:
        raise ValueError(f"the budget is {minutes!r} minutes; give a number above 0")
    write_json(home(comparison) / FILE, {"minutes": float(minutes), "spent": 0.0})


def renew(comparison: Comparison) -> None:
    """Grant again what was spent to the end."""
    found = read(comparison)
    if found is not None and not found.left:
        grant(comparison, found.minutes)


def read(comparison: Comparison) -> Budget | None:
    """None where the comparison has no budget, or its file is damaged."""
    try:
        found = read_json(home(comparison) / FILE)
        return Budget(float(found["minutes"]), float(found["spent"]))
    except (StoreError, KeyError, TypeError, ValueError):
        return None


def home(comparison: Comparison) -> Path:
    """The folder whose budget and turn it takes: trials of learning rates take those of what they are made for."""
    folder = comparison.path.resolve()
    return folder.parents[1] if folder.parent.name == tuning.FOLDER else folder


class Meter:
    """Counts the time from its making on, one `tick` after another."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison, self._last = comparison, time.monotonic()

    def tick(self) -> Budget | None:
        """Add the time since the last tick, but for what another process has added; the budget as it is then."""
        path = home(self._comparison) / FILE
        since, self._last = self._last, time.monotonic()
        if not path.exists():
            return None
        with slots.mutex():
            found = read(self._comparison)
            if found is None:
                return None
            counted = float(read_json(path).get("counted") or 0.0)
            # After a restart of the machine its monotonic clock begins anew: what was counted then lies ahead.
            since = max(since, counted) if counted <= self._last else since
            now = Budget(found.minutes, found.spent + self._last - since)
            write_json(path, {"minutes": now.minutes, "spent": now.spent, "counted": self._last})
        return now
