"""The learning rate of each loss, chosen on validation before the runs are trained (science.md section 5).

Every setting is tried once a rate with a seed that no run of the comparison has, and takes the rate that is best by
one validation metric, the same for all settings. While that rate lies at an edge of those tried, the next one beyond
is tried too. What is asked, what was tried and what was chosen stand in ``comparison.json`` under ``tuning``; the
trials are comparisons of their own inside the comparison's folder, so a trial that is over is never repeated.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from simviz.hyperparameters import MAX_RATE, RISING, Monitor
from simviz.runs.files import StoreError, write_json
from simviz.runs.spec import RunSpec, checked
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run, Store

STEPS = 2  # rates on each side of the first
TRIALS = 2 * STEPS + 1
FACTOR = 3.0
WIDENED = 4  # how often a range is widened before its edge is taken as it is
FOLDER = "tuning"
LOOK_SECONDS = 1.0

Listener = Callable[[Run, Any], None]
Train = Callable[[Comparison, Listener], None]


class Trial(BaseModel):
    """One rate of one setting: its validation value, None where the run failed (and why)."""

    rate: float
    value: float | None = None
    failed: str = Field("", max_length=4000)


class Tuning(BaseModel):
    """What a comparison says of its search over learning rates.

    Attributes
    ----------
    metric : the validation metric that chooses, at the epoch whose network is kept
    seed : of the trials; no run of the comparison has it
    rates : tried for every setting, ascending
    done : whether `chosen` is final
    tried : setting -> its trials, by rising rate
    chosen : setting -> the rate its runs are trained with; a setting whose every trial failed has none
    """

    model_config = ConfigDict(extra="forbid")

    metric: Monitor
    seed: int = Field(ge=0, lt=2**31)
    rates: tuple[float, ...] = Field(min_length=2)
    done: bool = False
    tried: dict[str, list[Trial]] = {}
    chosen: dict[str, float] = {}

    @field_validator("rates")
    @classmethod
    def _ascending(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if wrong := [r for r in rates if not 0 < r <= MAX_RATE]:
            raise ValueError(f"{wrong[0]:g} is no learning rate; they lie above 0 and up to {MAX_RATE}")
        return tuple(sorted(set(rates)))

    def at_edge(self, setting: str) -> bool:
        """Whether the chosen rate is the smallest or largest that was tried."""
        tried = [t.rate for t in self.tried.get(setting, [])]
        return bool(tried) and self.chosen.get(setting) in (min(tried), max(tried))


def plan(specs: Sequence[RunSpec], rates: Sequence[float] | None = None) -> Tuning:
    """What to try for these runs: by default five rates a factor 3 apart around their own.

    Raises
    ------
    ValueError
        For rates outside of what a run takes, fewer than two, or runs that differ in rate or metric.
    """
    first = specs[0]
    if any(s.pretrained for s in specs):
        raise ValueError("a last layer on pretrained features takes no learning rate; leave the tuning out")
    if len({(s.lr, s.monitor) for s in specs}) > 1:
        raise ValueError("the runs differ in lr or monitor; tuning starts from one of each")
    if rates is None:
        around = (float(f"{first.lr * FACTOR**k:.3g}") for k in range(-STEPS, STEPS + 1))
        rates = [r for r in around if r <= MAX_RATE]
    try:
        return Tuning(metric=first.monitor, seed=1 + max(s.seed for s in specs), rates=tuple(rates))
    except ValidationError as error:
        raise ValueError(f"rates {list(rates)}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def recorded(comparison: Comparison) -> Tuning | None:
    """What the comparison says of its tuning; None where it has none. StoreError where that cannot be read."""
    found = comparison.info.get("tuning")
    if found is None:
        return None
    try:
        return Tuning.model_validate(found)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise StoreError(f"{comparison.id}/comparison.json: the tuning has a wrong {where}") from None


def trials(comparison: Comparison) -> list[Run]:
    """Every trial laid out so far, oldest first."""
    return [run for part in rounds(comparison) for run in part.runs]


def is_trial(run: Run) -> bool:
    """Whether a run only tries a rate. Such a run never reads the test part."""
    return run.path.resolve().parents[1].name == FOLDER


def under_way(comparison: Comparison) -> str:
    """Where the search over learning rates stands; "" where there is none, it is over, or it cannot be read."""
    try:
        record = recorded(comparison)
        if record is None or record.done:
            return ""
        found = [run.settled for run in trials(comparison)]
    except StoreError:
        return ""
    if found and all(found):
        return ""
    return f"choosing learning rates: {sum(found)} of {len(found)} trials done" if found else "choosing learning rates"


def settle(comparison: Comparison, train: Train, listener: Listener | None = None) -> bool:
    """Try what is to be tried, choose, and give the comparison's runs their rates; nothing where that is done.

    A trial that its rate made diverge is a result. One that failed of anything else (a full disk) is none: the runs of
    its setting fail with that cause, and once they are resumed it is trained again.

    Parameters
    ----------
    train : trains the runs of a comparison that are not over, as `worker.work` does
    listener : hears every event of every trial

    Returns
    -------
    bool
        Whether every run that waits has its rate; False where trials were interrupted, because the runs were asked to
        stop or the process that trained one is gone.
    """
    record = recorded(comparison)
    if record is None or record.done or not comparison.runs:
        return True
    for run in trials(comparison):
        (run.path / "control.json").unlink(missing_ok=True)
        if run.status["state"] == "cancelled" or _spoiled(run):
            write_json(run.path / "status.json", {"schema_version": SCHEMA_VERSION, "state": "queued"})
    wanted = {setting: list(record.rates) for setting in comparison.groups}
    while any(wanted.values()):
        _lay_out(comparison, record, wanted)
        for part in rounds(comparison):
            train(part, _hearing(comparison, part, listener))
        found = trials(comparison)
        if any(run.status["state"] not in ("finished", "failed") for run in found):
            return False
        record.tried = {setting: _tried(found, setting, record.metric) for setting in comparison.groups}
        wanted = {setting: _beyond(made, record) for setting, made in record.tried.items()}
    spoiled = {run.setting: run for run in found if _spoiled(run)}
    best = {s: _best(made, record.metric) for s, made in record.tried.items() if s not in spoiled}
    record.chosen = {s: rate for s, rate in best.items() if rate is not None}
    _hand_over(comparison, record, spoiled)
    return True


def _spoiled(run: Run) -> bool:
    """Whether a trial failed of something that is not its rate."""
    return run.status["state"] == "failed" and not run.status.get("diverged")


def rounds(comparison: Comparison) -> list[Comparison]:
    """Trials laid out together, oldest first."""
    return Store(comparison.path / FOLDER).comparisons()[::-1]


def _lay_out(comparison: Comparison, record: Tuning, wanted: dict[str, list[float]]) -> None:
    """Runs for the rates that have none yet."""
    known = {(run.setting, run.spec.lr) for run in trials(comparison)}
    base = comparison.runs[0].spec.model_dump()
    pairs = [(s, rate) for s, rates in wanted.items() for rate in rates if (s, rate) not in known]
    if pairs:
        specs = [checked(**{**base, "loss": s, "lr": rate, "seed": record.seed}) for s, rate in pairs]
        same: dict[str, Any] = {
            k: comparison.info[k] for k in ("classes", "ruler", "dataset", "unit_name") if k in comparison.info
        }
        Store(comparison.path / FOLDER).create("learning rates", specs, {**same, "notes": []})


def _hearing(comparison: Comparison, part: Comparison, listener: Listener | None) -> Listener:
    """Pass events on, and what the runs of the comparison are asked to do to the trials."""
    looked = -math.inf

    def hear(run: Run, event: Any) -> None:
        nonlocal looked
        if listener:
            listener(run, event)
        if time.monotonic() - looked < LOOK_SECONDS:
            return
        looked = time.monotonic()
        asked = {r.wanted for r in comparison.runs if not r.settled}
        if len(asked) == 1 and (what := asked.pop()) is not None:
            for trial in part.runs:
                trial.want(what)

    return hear


def _tried(found: Sequence[Run], setting: str, metric: str) -> list[Trial]:
    made = [_trial(run, metric) for run in found if run.setting == setting]
    return sorted(made, key=lambda t: t.rate)


def _trial(run: Run, metric: str) -> Trial:
    """The validation value at the epoch whose network was kept."""
    status = run.status
    if status["state"] == "failed":
        return Trial(rate=run.spec.lr, failed=str(status.get("error") or "it failed")[:4000])
    value = at_kept_epoch(run, metric)
    return Trial(rate=run.spec.lr, value=value, failed="" if value is not None else f"these classes have no {metric}")


def at_kept_epoch(run: Run, metric: str) -> float | None:
    """The validation metric at the epoch whose network a finished run kept; None where the classes do not have it."""
    kept = run.result()["epoch"]
    return next((line.get(metric) for line in run.metrics() if line["epoch"] == kept), None)


def _best(made: Sequence[Trial], metric: str) -> float | None:
    """The best rate; the lowest of several equally good ones. None where every trial failed."""
    sign = 1 if metric in RISING else -1
    return max(((sign * t.value, -t.rate, t.rate) for t in made if t.value is not None), default=(0, 0, None))[2]


def _beyond(made: Sequence[Trial], record: Tuning) -> list[float]:
    """The next rate to try where the best so far lies at an edge of those tried.

    Where every trial failed none is: no rate of five is sound, so the cause is not the rate.
    """
    best, rates = _best(made, record.metric), [t.rate for t in made]
    if best is None or len(rates) >= len(record.rates) + WIDENED:
        return []
    beyond = best * FACTOR if best == max(rates) else best / FACTOR if best == min(rates) else None
    return [float(f"{beyond:.3g}")] if beyond is not None and beyond <= MAX_RATE else []


def _hand_over(comparison: Comparison, record: Tuning, spoiled: Mapping[str, Run]) -> None:
    """Write the rates into the specs, then that the tuning is done; a crash between repeats only the writing."""
    for run in comparison.runs:
        if run.settled:
            continue
        if (rate := record.chosen.get(run.setting)) is None:
            text = _why_none(record.tried[run.setting], spoiled.get(run.setting))
            write_json(run.path / "status.json", {"schema_version": SCHEMA_VERSION, "state": "failed", "error": text})
            continue
        spec = run.spec.model_copy(update={"lr": rate})
        write_json(run.path / "spec.json", {"schema_version": SCHEMA_VERSION, **spec.model_dump()})
    record.done = not spoiled
    write_json(comparison.path / "comparison.json", {**comparison.info, "tuning": record.model_dump()})
    for name in ("info", "runs", "groups"):  # read anew: they have changed on disk
        comparison.__dict__.pop(name, None)


def _why_none(made: Sequence[Trial], spoiled: Run | None) -> str:
    """Why a setting has no rate."""
    if spoiled is not None:
        return f"Its trial with the learning rate {spoiled.spec.lr:g} failed: {spoiled.status.get('error')}"
    return f"No learning rate of the {len(made)} tried trained to its end: {made[-1].failed}"
