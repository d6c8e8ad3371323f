"""A run that trains, from its folder to its end: alone, or in step with others of its kind."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from simviz.runs import checkpoint, cores, origin, status
from simviz.runs.clock import Clock
from simviz.runs.ingredients import Ingredients, gather, load_data, trainer_for
from simviz.runs.outcome import Cancelled, Paused, Stop, conclude, in_plain_words, out_of_memory
from simviz.runs.store import Comparison, Run
from simviz.runs.tuning import Listener


class Session:
    """The trainer of a run, its clock, and what its folder is told.

    Parameters
    ----------
    given : data and loss, as on a node that has no files; the giver keeps the pictures behind the cells
    partner : a session that it trains in step with, made before
    in_step : how many train so, this one counted
    """

    def __init__(
        self,
        run: Run,
        comparison: Comparison,
        listener: Listener | None = None,
        given: Ingredients | None = None,
        partner: Session | None = None,
        in_step: int = 1,
    ) -> None:
        spec = run.spec
        self.run, self._listener = run, listener
        self.trainer: Any
        known = {"epoch": 0, **status.kept(run), "epochs": spec.epochs}
        status.write(run, "running", **known, message="loading the data")
        if given is None:
            origin.keep_pictures(comparison, load_data(spec))  # before torch, which takes cores that are counted next
        cores.choose_threads(run, 1 if given or partner else cores.sharing(run, comparison))
        found = given or gather(spec)
        self.trainer, self.data = trainer_for(spec, found, partner.trainer if partner else None)
        origin.record(run, found, self.trainer)
        self._saved = run.path / "checkpoint.safetensors"
        if self._saved.exists():
            self._restore()
        status.mend_metrics(run)
        self._clock = Clock(run, comparison, self.trainer.epoch, in_step)
        where = f"{self.trainer.device}, {self.trainer.precision}"
        status.log(run, f"{where}, {in_step} in step, from epoch {self.trainer.epoch + 1} of {spec.epochs}")

    def hear(self, event: Any) -> None:
        """Write down what an event of the trainer tells; raises `Stop` where somebody wants that."""
        if not hasattr(event, "step"):
            status.keep_epoch(self.run, event)
            took = f"{event.seconds:.1f} s"
            status.log(self.run, f"epoch {event.epoch}: training loss {event.train_loss:.4g}, {took}")
            checkpoint.save(self.trainer.state_dict() | {"random": _random_state(self.trainer)}, self._saved)
        self._clock.tick(event)
        if self._listener:
            self._listener(self.run, event)

    def finish(self) -> None:
        """It has trained to its end."""
        self._conclude("finished")

    def stop(self, wanted: BaseException) -> None:
        """End it before: paused, or cancelled with what its last checkpoint has; an interrupt is raised again."""
        if isinstance(wanted, Paused):
            status.write(self.run, "paused", **self._clock.kept)
            return
        said = {"error": str(wanted)} if str(wanted) else {}
        if self._saved.exists():
            self._restore()
            self._conclude("cancelled", **said)
        else:
            status.write(self.run, "cancelled", **{**self._clock.kept, "epoch": 0}, **said)
        if not isinstance(wanted, Cancelled):
            raise wanted

    def _conclude(self, state: str, **said: str) -> None:
        status.write(self.run, "running", **self._clock.kept, message="reading the test part")
        epoch = conclude(self.run, self.trainer, self.data)
        status.write(self.run, state, **{**self._clock.kept, "epoch": epoch, "reached": self.trainer.epoch}, **said)
        status.log(self.run, f"{state}; judged by the weights of epoch {epoch}")

    def _restore(self) -> None:
        """Go back to the last checkpoint."""
        import torch

        state = checkpoint.load(self._saved)
        self.trainer.load_state_dict(state)
        random = state.get("random", {})
        if "cpu" in random:
            torch.set_rng_state(random["cpu"])
        if "cuda" in random and self.trainer.device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"], self.trainer.device)


def execute(
    run: Run, comparison: Comparison, listener: Listener | None = None, given: Ingredients | None = None
) -> None:
    """Train one run to its end, whatever the end is; the folder tells which."""
    with _told(run):
        session = Session(run, comparison, listener, given)
        try:
            for event in session.trainer.events():
                session.hear(event)
        except (Stop, KeyboardInterrupt) as stop:
            session.stop(stop)
        else:
            session.finish()


def execute_in_step(runs: Sequence[Run], comparison: Comparison, listener: Listener | None = None) -> None:
    """Train runs of one `kind` to their ends, whatever these are; in halves where the memory does not hold them all."""
    if len(runs) == 1 and kind(runs[0]) is None:
        execute(runs[0], comparison, listener)
        return
    living: list[Session] = []
    try:
        for run in runs:
            with _told(run):
                living.append(Session(run, comparison, listener, None, living[0] if living else None, len(runs)))
        _to_their_ends(living)
        return
    except Exception as error:
        if not out_of_memory(error) or len(runs) == 1:
            _all_told(living, error)
            return
    except BaseException as error:
        _all_told(living, error)
        raise
    left = [session.run for session in living]
    living.clear()  # and with it the memory
    for half in (left[: len(left) // 2], left[len(left) // 2 :]):
        execute_in_step(half, comparison, listener)


def kind(run: Run) -> str | None:
    """Runs of which this is the same train in step; None for one that trains as it is, alone."""
    from simviz import losses, models, stack
    from simviz.devices import pick_device
    from simviz.losses.base import ClassLoss

    try:
        spec = run.spec
        hears = losses.get(spec.setting.loss.name).observe is not ClassLoss.observe
        quicker = stack.worthwhile(pick_device(spec.device))
    except ValueError:  # the run itself will say what is wrong
        return None
    ours = spec.pretrained is None and spec.model in (None, *models.available())
    if not (quicker and ours) or hears:
        return None
    same = spec.model_dump(mode="json", exclude={"seed", "lr", "loss"})
    return json.dumps([same, str(spec.setting.loss)], sort_keys=True)


def _to_their_ends(living: list[Session]) -> None:
    """Epoch by epoch, until none is left in the list."""
    from simviz.stack import Stack

    for session in [one for one in living if one.trainer.over]:  # it was interrupted before it could say so
        living.remove(session)
        with _told(session.run):
            session.finish()
    stack: Stack | None = None
    while living:
        least = min(session.trainer.epoch for session in living)  # runs that were interrupted may be ahead
        behind = [session for session in living if session.trainer.epoch == least]
        trainers = [session.trainer for session in behind]
        if stack is None or stack.trainers != trainers:
            stack = None  # its memory, before that of the next
            stack = Stack(trainers)
        going = _epoch(stack, behind)
        living[:] = [session for session in living if session in going or session not in behind]


def _epoch(stack: Any, living: list[Session]) -> list[Session]:
    """One epoch of all of them; those that go on. Who is to stop does so at its end, or where all are to."""
    leaving: dict[Session, Exception] = {}
    for number, step in enumerate(stack.steps()):
        one = living[number % len(living)]
        if one not in leaving:
            try:
                one.hear(step)
            except Exception as error:
                leaving[one] = error
        if len(leaving) == len(living):
            break
    going = []
    for session, (loss, seconds) in zip(living, stack.ends(), strict=True):
        with _told(session.run):
            try:
                if session in leaving:
                    raise leaving[session]
                event = session.trainer.end_epoch(loss, seconds)
                session.hear(event)
            except Stop as stop:
                session.stop(stop)
                continue
            if event.stop:
                session.finish()
            else:
                going.append(session)
    return going


@contextmanager
def _told(run: Run) -> Iterator[None]:
    """Whatever goes wrong stands in the run's folder; only what ends the process is raised on."""
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
        if run.path.is_dir():  # else it was deleted, and with it whatever could be said of it
            status.log(run, traceback.format_exc())
            status.write(run, **{**status.kept(run), **_end(run, error)})
        if stopped:
            raise


def _end(run: Run, error: BaseException) -> dict[str, Any]:
    """The state in which an error leaves a run, and why."""
    from simviz.training import Diverged

    if isinstance(error, SystemExit) and run.wanted != "cancel":  # the machine shuts down, or somebody ends processes
        return {"state": "paused", "error": "its process was asked to end; what was reached is kept"}
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return {"state": "cancelled"}
    return {"state": "failed", "error": in_plain_words(error), "diverged": isinstance(error, Diverged)}


def _all_told(sessions: list[Session], error: BaseException) -> None:
    """What ended all of them; of an interrupt each keeps what it reached."""
    for session in sessions:
        with suppress(type(error)), _told(session.run):
            if isinstance(error, KeyboardInterrupt):
                session.stop(error)
            raise error


def _random_state(trainer: Any) -> dict[str, Any]:
    """The generators that dropout draws from; batches and augmentation do not need them."""
    import torch

    found = {"cpu": torch.get_rng_state()}
    return found | ({"cuda": torch.cuda.get_rng_state(trainer.device)} if trainer.device.type == "cuda" else {})
