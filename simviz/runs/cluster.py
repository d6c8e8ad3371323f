"""A comparison on many machines: every run is one Ray task of the same worker, and its folder comes home.

This process, the head, alone has the store, the data files and the word vectors. It shares the data set once through
Ray's object store and sends each run what else it needs. The nodes leave new files in a mailbox beside the head a few
times a second; the head puts them into the run's folder and signs its status, so every page shows a run on a node
like one of this machine. A run whose node died goes on elsewhere from the newest checkpoint that came home.

Nodes need simviz and nothing of ours else: no data, no network, no shared folder. Whoever can reach a Ray cluster can
run code on it; its machines trust each other.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from simviz import __version__
from simviz.runs import budget, origin, parcels, queue, records, slots, status, tuning
from simviz.runs.files import check_writable, write_json
from simviz.runs.ingredients import gather, load_data
from simviz.runs.outcome import in_plain_words
from simviz.runs.parcels import Parcel
from simviz.runs.spec import RunSpec
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run
from simviz.runs.tuning import Listener

ATTEMPTS = 3
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 20.0  # for what is reached to come home after an interrupt
SENDING_SHARE = 0.1  # of a node's time, at most, goes into sending files home
ANSWER_SECONDS = 45
_OWN = ("schema_version", "heartbeat", "pid", "process_start", "process_ticks")  # of a status: whose process it is

# Ray tries for minutes at a port where something else listens, and hears no interrupt meanwhile.
_PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except Exception as error:
    sys.exit(str(error).splitlines()[0])
"""


@dataclass(frozen=True)
class EpochHome:
    """An epoch whose numbers came home: what a listener hears."""

    epoch: int
    validation: dict[str, Any]


def work(comparison: Comparison, address: str, listener: Listener | None = None) -> None:
    """Train the runs that are not over on a Ray cluster, each on one GPU of it if it has any, else on one CPU.

    Learning rates are chosen there first where that was asked.

    Parameters
    ----------
    address : ``HOST:PORT`` of the cluster's head, or ``auto`` for the one that this machine belongs to.
    listener : hears an `EpochHome` for every epoch that came home.

    Raises
    ------
    ValueError
        Where Ray is not installed, or no cluster answers at the address.
    """
    check_writable("trained")
    check(address)
    import ray

    from simviz.runs import worker

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        queue.sign_in(comparison)
        fleet = _Fleet(ray)
        while not tuning.settle(comparison, fleet.train, listener):
            if not worker.still_wanted(comparison):
                return
        fleet.train(comparison, listener)
    finally:
        ray.shutdown()


@cache  # of an answer; an error is asked for again
def check(address: str) -> None:
    """ValueError in a sentence where Ray is not installed, or no cluster answers at the address."""
    if find_spec("ray") is None:
        raise ValueError("a cluster needs Ray, which is not installed: pip install 'simviz[cluster]'")
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"the cluster's address is {address!r}; write HOST:PORT of its head, or auto")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, OverflowError) as error:
            raise ValueError(f"nothing answers at {address!r}: {error}. Start Ray there: ray start --head") from None
    command = [sys.executable, "-c", _PROBE, address]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS)
        reason = said.stderr.strip().rpartition("\n")[2] if said.returncode else ""
    except subprocess.TimeoutExpired:
        reason = f"no answer in {ANSWER_SECONDS} seconds"
    if reason:
        raise ValueError(
            f"no Ray cluster can be used at {address!r}: {reason.rstrip('.')}. This machine must be its head or one of "
            "its nodes: ray start --head, or ray start --address=HOST:PORT"
        )


class _Post:
    """The mailbox, an actor beside the head: nodes leave files and hear a wish, the head takes files and wishes.

    It holds at most the newest version of every file of the runs under way.
    """

    def __init__(self) -> None:
        self._left: dict[str, Parcel] = {}
        self._wishes: dict[str, str] = {}

    def leave(self, ticket: str, parcel: Parcel) -> str | None:
        self._left.setdefault(ticket, {}).update(parcel)
        return self._wishes.get(ticket)

    def take(self, wishes: dict[str, str]) -> dict[str, Parcel]:
        self._wishes = wishes
        left, self._left = self._left, {}
        return left


@dataclass(frozen=True)
class Order:
    """What a node is told of a run. The ticket is of one attempt: a node that was thought dead is not listened to."""

    run: str
    ticket: str
    spec: dict[str, Any]
    files: Parcel
    trial: bool = False
    version: str = __version__


def train_there(data: Any, rest: Any, order: Order, post: Any) -> Parcel:
    """On a node: train in a folder of its own and return that folder's files."""
    from simviz.runs import session

    if order.version != __version__:
        raise ValueError(f"{socket.gethostname()} has simviz {__version__}, the head {order.version}; install the same")
    with tempfile.TemporaryDirectory(prefix="simviz-") as root:
        folder = Path(root) / tuning.FOLDER / "round" if order.trial else Path(root)
        run = Run(folder / order.run)
        run.path.mkdir(parents=True)
        write_json(run.path / "spec.json", order.spec)
        parcels.unpack(order.files, run.path)
        # Not ray.get: while a task waits in it, Ray gives its CPU to another, and both train on.
        messenger = _Messenger(run, lambda parcel: post.leave.remote(order.ticket, parcel).future().result())
        messenger.send()  # nothing but that the run is here
        session.execute(run, Comparison(folder), messenger, replace(rest, data=data))
        return parcels.pack(run.path, {})


class _Messenger:
    """Listens to the worker on a node, sends changed files home, and hands the wish that comes back to the run."""

    def __init__(self, run: Run, leave: Callable[[Parcel], str | None]) -> None:
        self._run, self._leave = run, leave
        self._seen: parcels.Seen = {}
        parcels.pack(run.path, self._seen)  # what came from home need not go back
        self._next = 0.0

    def __call__(self, run: Run, event: Any) -> None:
        if time.monotonic() >= self._next:
            self.send()

    def send(self) -> None:
        began = time.monotonic()
        wish = self._leave(parcels.pack(self._run.path, self._seen))
        ended = time.monotonic()
        self._next = ended + max(LOOK_SECONDS / 2, (ended - began) / SENDING_SHARE)
        if wish is not None and wish != self._run.wanted:
            self._run.want(wish)


@dataclass
class _Flight:
    """A run on its way: which attempt it is, whether a node was heard of, whether its task was called back before that,
    and the last epoch the listener heard of."""

    run: Run
    attempt: int = 1
    aloft: bool = False
    recalled: bool = False
    told: int = 0

    @property
    def ticket(self) -> str:
        return f"{self.run.path}#{self.attempt}"


class _Fleet:
    """The head's side: sends runs out, keeps their folders up to date, sends them again where a node died."""

    def __init__(self, ray: Any) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray = ray
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        lasting: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        self._post = ray.remote(_Post).options(scheduling_strategy=here, **lasting).remote()
        self._data: Any = None
        self._rest: dict[str, Any] = {}

    def train(self, comparison: Comparison, listener: Listener | None = None) -> None:
        """Send out every run that waits, and stay until none is on its way."""
        flights: dict[Any, _Flight] = {}
        tried: set[str] = set()
        meter = budget.Meter(comparison)
        try:
            while self._send_waiting(flights, comparison, tried) or flights:
                if any(flight.aloft for flight in flights.values()):
                    granted = meter.tick()
                else:  # waiting costs nothing
                    meter, granted = budget.Meter(comparison), budget.read(comparison)
                self._look(flights, comparison, listener, granted)
        except KeyboardInterrupt:
            self._stop(flights, comparison, listener)
            raise

    def _send_waiting(self, flights: dict[Any, _Flight], comparison: Comparison, tried: set[str]) -> bool:
        """Send what waits, and whether there was any; where nothing is left, this process no longer serves."""
        from simviz.runs import worker

        under_way = {flight.run.id for flight in flights.values()}
        with slots.mutex():
            waiting = [r for r in comparison.runs if r.id not in under_way and worker.waits(r, tried)]
            if not waiting and not flights:
                queue.sign_off(comparison)
        for run in waiting:
            if run.wanted == "cancel":
                status.settle(run, "cancelled")
            elif not worker.unaffordable(run, comparison, tried):
                tried.add(run.id)
                self._send(flights, _Flight(run), comparison)
        return bool(waiting)

    def _send(self, flights: dict[Any, _Flight], flight: _Flight, comparison: Comparison) -> None:
        run = flight.run
        try:
            data, rest = self._ingredients(run.spec, comparison)
        except ValueError as error:
            self._say(flight, "failed", error=str(error))
            return
        # Without a checkpoint it begins anew, and what came home of an earlier attempt would only mislead it.
        files = parcels.pack(run.path, {}) if _resumes(run) else {}
        order = Order(
            run.id,
            flight.ticket,
            {"schema_version": SCHEMA_VERSION, **run.spec.model_dump()},
            files,
            tuning.is_trial(run),
        )
        gpu = run.spec.device != "cpu" and self._ray.cluster_resources().get("GPU")
        needs: dict[str, Any] = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_retries": 0}
        task = self._ray.remote(train_there).options(name=f"simviz {run.id}", **needs)
        flights[task.remote(data, rest, order, self._post)] = flight

    def _ingredients(self, spec: RunSpec, comparison: Comparison) -> tuple[Any, Any]:
        """References to the data set and to what else the run needs; each is sent to a node once."""
        origin.keep_pictures(comparison, data := load_data(spec))
        if self._data is None:
            self._data = self._ray.put(replace(data, images=np.asarray(data.images)))
        if spec.loss not in self._rest:
            found = gather(spec)
            self._rest[spec.loss] = self._ray.put(replace(found, data=None))  # type: ignore[arg-type]
        return self._data, self._rest[spec.loss]

    def _look(
        self,
        flights: dict[Any, _Flight],
        comparison: Comparison,
        listener: Listener | None,
        granted: budget.Budget | None,
    ) -> None:
        """One round: pass wishes on, take what was left, and see who is back."""
        spent = granted.sentence if granted is not None and not granted.left else None
        wishes = {}
        for reference, flight in list(flights.items()):
            wish = "cancel" if spent else flight.run.wanted
            if not flight.run.path.is_dir():  # deleted: nobody waits for it
                self._ray.cancel(reference)
                del flights[reference]
            elif flight.aloft and wish:
                wishes[flight.ticket] = wish
            elif wish in ("cancel", "pause"):
                self._ray.cancel(reference)
                flight.recalled = True
        left = self._ray.get(self._post.take.remote(wishes))
        for flight in flights.values():
            if flight.ticket in left:
                flight.aloft = True
                self._put(flight, left[flight.ticket], listener)
        back = self._ray.wait(list(flights), num_returns=len(flights), timeout=LOOK_SECONDS)[0] if flights else []
        for reference in back:
            flight = flights.pop(reference)
            if not self._landed(reference, flight, listener):
                self._send(flights, flight, comparison)
            elif spent and flight.run.wanted is None and status.last(flight.run).get("state") == "cancelled":
                self._say(flight, "cancelled", **status.kept(flight.run), error=f"stopped here: {spent}")

    def _landed(self, reference: Any, flight: _Flight, listener: Listener | None) -> bool:
        """Settle a run whose task has ended; False where it is to be tried again."""
        failure = self._ray.exceptions
        try:
            parcel = self._ray.get(reference)
        except (failure.TaskCancelledError, failure.RayTaskError) as error:
            # One that is called back while it begins ends as it pleases: its interruption is not a failure.
            if flight.recalled or isinstance(error, failure.TaskCancelledError):
                status.settle(flight.run, "cancelled" if flight.run.wanted == "cancel" else "queued")
            else:
                self._say(flight, "failed", error=in_plain_words(error.cause or error))
        except failure.RayError as error:
            return self._given_up(flight, str(error).splitlines()[0])
        else:
            self._put(flight, parcel, listener)
        return True

    def _given_up(self, flight: _Flight, why: str) -> bool:
        """Whether a run whose node died is given up; else it is made ready for its next attempt."""
        run, reached = flight.run, max((line["epoch"] for line in flight.run.metrics()), default=0)
        status.log(run, f"attempt {flight.attempt} ended with its node or process: {why}")
        if flight.attempt == ATTEMPTS:
            times = f"{ATTEMPTS} time{'' if ATTEMPTS == 1 else 's'}"
            self._say(flight, "failed", error=f"its node or process died {times}; finished epochs are kept")
            return True
        flight.attempt, flight.aloft = flight.attempt + 1, False
        begins = f"goes on from epoch {reached}" if _resumes(run) else "begins anew"
        said = f"its node or process died; attempt {flight.attempt} of {ATTEMPTS} {begins}"
        self._say(flight, "queued", **status.kept(run), error=said)
        return False

    def _put(self, flight: _Flight, parcel: Parcel, listener: Listener | None) -> None:
        """Put files into the run's folder, its status last: who sees it finished finds all files."""
        run, known = flight.run, {"epoch": 0, "epochs": flight.run.spec.epochs, **status.kept(flight.run)}
        text = parcel.pop("status.json", None)
        try:
            parcels.unpack(parcel, run.path)
            told = {"state": "running"} if text is None else json.loads(text)
            records.check("status.json", told)
            known |= told
        except (OSError, ValueError) as error:
            known |= {"state": "failed", "error": in_plain_words(error)}
        self._say(flight, known.pop("state"), **{k: v for k, v in known.items() if k not in _OWN})
        if listener is None or "metrics.jsonl" not in parcel:
            return
        for line in run.metrics():
            if line["epoch"] > flight.told:
                flight.told = line["epoch"]
                listener(run, EpochHome(line["epoch"], line))

    def _say(self, flight: _Flight, state: str, **values: Any) -> None:
        """Sign the status as this process: a node's clock and process ids mean nothing here."""
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            status.write(flight.run, state, **{**values, "attempt": flight.attempt})

    def _stop(self, flights: dict[Any, _Flight], comparison: Comparison, listener: Listener | None) -> None:
        """Let the runs under way end and bring home what they reached; those that wait stay queued."""
        for reference, flight in list(flights.items()):
            if flight.aloft:
                flight.run.want("cancel")
            else:
                self._ray.cancel(reference)
                del flights[reference]
        until = time.monotonic() + PATIENCE_SECONDS
        while flights and time.monotonic() < until:
            self._look(flights, comparison, listener, None)


def _resumes(run: Run) -> bool:
    return (run.path / parcels.CHECKPOINT).exists()
