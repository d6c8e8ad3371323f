"""The process that trains: ``python -m simviz.runs.worker COMPARISON_FOLDER``.

It reads only the comparison's folder and writes only there. The command line calls the same `work`
in its own process, so library, command line and app share one path.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import psutil

from simviz import datasets, evaluation
from simviz.runs import checkpoint, tuning
from simviz.runs.cores import FreeCores
from simviz.runs.files import StoreError, read_json, replacing, write_json
from simviz.runs.spec import RunSpec
from simviz.runs.store import SCHEMA_VERSION, Comparison, Run

BEAT_SECONDS = 1.0
MAX_PICTURE_BYTES = 40 * 2**20

_cores = FreeCores()

Listener = Callable[[Run, Any], None]


class Cancelled(Exception):
    """The user asked to stop."""


def main(argv: list[str] | None = None) -> int:
    """Serve every queued run of one comparison, one after another."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1 or not (Path(arguments[0]) / "comparison.json").is_file():
        print("usage: python -m simviz.runs.worker COMPARISON_FOLDER", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if hasattr(os, "nice"):
        os.nice(5)  # the page that watches must stay quick
    work(Comparison(Path(arguments[0])))
    return 0


def work(comparison: Comparison, listener: Listener | None = None) -> None:
    """Choose the learning rates where that was asked, then train the runs that are not over; a failed one stops none.

    Runs of one machine go one after another: each waits for the machine's lock.
    """
    write_json(comparison.path / "worker.json", _process_mark())
    tuning.settle(comparison, work, listener)
    for run in comparison.runs:
        if run.settled:
            continue
        with _turn(run):
            if run.settled:  # another process trained it while this one waited
                continue
            if run.wanted == "cancel":
                _set_status(run, state="cancelled", epoch=0)
            else:
                execute(run, comparison, listener)


def execute(run: Run, comparison: Comparison, listener: Listener | None = None) -> None:
    """Train one run to its end, whatever the end is; the folder tells which."""
    try:
        _train(run, comparison, listener)
    except BaseException as error:
        (run.path / "log.txt").open("a").write(traceback.format_exc())
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
        state = {"state": "cancelled"} if stopped else {"state": "failed", "error": in_plain_words(error)}
        _set_status(run, **{**_last_status(run), **state})
        if stopped:
            raise


def in_plain_words(error: BaseException) -> str:
    """The cause of a failed run, and the way out where we know one."""
    text = str(error).strip() or type(error).__name__
    if "out of memory" in text.lower() or isinstance(error, MemoryError):
        return "Memory ran out. Halve the batch size, or choose a smaller model."
    if isinstance(error, OSError) and error.errno == 28:
        return "The disk is full. Free some space; finished epochs are kept."
    return text.splitlines()[0] if isinstance(error, ValueError) else f"{type(error).__name__}: {text.splitlines()[0]}"


@lru_cache(maxsize=2)
def _load_data(dataset: str, test: str | None, drop: tuple[str, ...], size: int | None) -> datasets.ImageDataset:
    return datasets.load(dataset, test=test, drop=drop, size=size)


def load_data(spec: RunSpec) -> datasets.ImageDataset:
    """The data set of a spec, its classes with the words the spec gives them."""
    data = _load_data(spec.dataset, spec.test, spec.drop, spec.image_size)
    return replace(data, classes=data.classes.with_words(spec.words)) if spec.words else data


def build_loss(spec: RunSpec, data: datasets.ImageDataset) -> Any:
    """The loss of a spec for the classes of its data; ValueError where they do not fit."""
    import torch

    from simviz import losses

    weight = None
    if spec.class_weights:
        counts = np.bincount(data.labels[data.indices("train")], minlength=len(data.classes))
        weight = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)
    return losses.build(spec.setting, data.classes, weight=weight)


def _train(run: Run, comparison: Comparison, listener: Listener | None) -> None:
    spec = run.spec
    _set_status(run, state="running", epoch=0, epochs=spec.epochs, message="loading the data")
    data = load_data(spec)
    from simviz.training import EpochEnd, Trainer

    _choose_threads(run)
    ruler = evaluation.ruler(data.classes, spec.ruler)
    trainer = Trainer(spec, data, build_loss(spec, data), ruler)
    _record_origin(run, comparison, data, trainer)
    saved = run.path / "checkpoint.safetensors"
    if saved.exists():
        trainer.load_state_dict(checkpoint.load(saved))
    clock = _Clock(run, spec, trainer.epoch)
    try:
        for event in trainer.events():
            if isinstance(event, EpochEnd):
                _keep_epoch(run, event)
                checkpoint.save(trainer.state_dict(), saved)
            clock.tick(event)
            if listener:
                listener(run, event)
    except (Cancelled, KeyboardInterrupt) as stop:
        if saved.exists():
            trainer.load_state_dict(checkpoint.load(saved))
            _conclude(run, trainer, data, clock, "cancelled")
        else:
            _set_status(run, state="cancelled", epoch=0, epochs=spec.epochs)
        if isinstance(stop, KeyboardInterrupt):
            raise
    else:
        _conclude(run, trainer, data, clock, "finished")


def _choose_threads(run: Run) -> None:
    """Threads for the free cores; a run that is resumed keeps those it began with, so that its sums round alike."""
    import torch

    free = _cores.count()
    begun = run.path / "environment.json"
    if begun.exists():
        torch.set_num_threads(int(read_json(begun).get("threads", free)))
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(free)


def _keep_epoch(run: Run, event: Any) -> None:
    with replacing(run.path / "epochs" / f"{event.epoch:04d}.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, confusion=event.confusion, **event.arrays)
    line = {
        "epoch": event.epoch,
        "train_loss": event.train_loss,
        "seconds": event.seconds,
        "images_per_second": event.images / event.seconds,
        "warmup": event.warmup,
        **event.validation,
    }
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(line, allow_nan=False, default=float) + "\n")


def _conclude(run: Run, trainer: Any, data: datasets.ImageDataset, clock: _Clock, state: str) -> None:
    """Read the test part once, at the chosen epoch, and write the flat result."""
    epoch = trainer.use_best()
    _set_status(run, **{**_last_status(run), "state": "running", "message": "reading the test part"})
    for part in ("validation", "test"):
        predictions = trainer.predict(part)
        with replacing(run.path / f"{part}.npz") as partial:
            predictions.save(partial)
    ruler = trainer.ruler
    values = evaluation.metrics(predictions.log_probabilities, predictions.target, classes=data.classes, ruler=ruler)
    lines = run.metrics()
    seconds = sum(line["seconds"] for line in lines)
    result = {
        **values,
        "ruler": ruler.describe(),
        "decoder": "argmax",
        "split": "test",
        "epoch": epoch,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(lines) * len(trainer.train_rows) / seconds, 1) if seconds else None,
        "warning": warning(
            values,
            len(data.classes),
            only_warmup=epoch <= trainer.warmup and run.spec.setting.loss.name != "ce",
            matrix=run.spec.setting.matrix is not None,
        ),
        "loss": run.setting,
        "seed": run.spec.seed,
        "run": run.id,
    }
    write_json(run.path / "result.json", result)
    _set_status(run, state=state, epoch=epoch, epochs=run.spec.epochs, reached=trainer.epoch, seconds=clock.spent)


def warning(values: dict[str, Any], num_classes: int, *, only_warmup: bool, matrix: bool) -> str | None:
    """What a run says of itself when it has not learned, has collapsed, or never left its warm-up."""
    if only_warmup:
        return "This run ended inside its warm-up: it was plain cross entropy throughout."
    if values["nll"] >= 0.99 * math.log(num_classes) and values["accuracy"] < 1.5 / num_classes:
        return "This run has not learned: it is no better than chance. Train longer or change the learning rate."
    if values["distinct_classes"] < num_classes / 2:
        way_out = (
            "Narrow the matrix (smaller keep or r), normalise its columns, or add warm-up epochs."
            if matrix
            else "Train longer, change the learning rate, or weigh the classes."
        )
        return f"This run has collapsed: it predicts {values['distinct_classes']} of {num_classes} classes. {way_out}"
    return None


class _Clock:
    """Keeps the status file warm, estimates the end, and hears a cancel, about once a second."""

    def __init__(self, run: Run, spec: RunSpec, first_epoch: int) -> None:
        self.run, self.spec, self.first = run, spec, first_epoch
        self.started = time.monotonic()
        self.beat = -math.inf

    @property
    def spent(self) -> float:
        return round(time.monotonic() - self.started, 2)

    def tick(self, event: Any) -> None:
        epoch_done = not hasattr(event, "step")
        if not epoch_done and time.monotonic() - self.beat < BEAT_SECONDS:
            return
        self.beat = time.monotonic()
        done = event.epoch if epoch_done else event.epoch - 1 + event.step / event.steps
        left = (self.spec.epochs - done) * self.spent / max(done - self.first, 1e-6)
        progress = {"epoch": int(done), "epochs": self.spec.epochs, "progress": round(done / self.spec.epochs, 4)}
        _set_status(self.run, state="running", eta_seconds=round(left, 1), **progress)
        if self.run.wanted == "cancel":
            raise Cancelled


def _record_origin(run: Run, comparison: Comparison, data: datasets.ImageDataset, trainer: Any) -> None:
    """What ran where on what, and the pictures behind the cells."""
    import torch

    environment = {
        "schema_version": SCHEMA_VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "precision": str(trainer.precision).removeprefix("torch."),
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "model": trainer.network["backbone"].name,
    }
    write_json(run.path / "environment.json", environment)
    split = {part: len(data.indices(part)) for part in ("train", "validation", "test")}
    origin = {"name": data.name, "fingerprint": data.fingerprint, "split": split, "unit_name": data.unit_name}
    write_json(run.path / "data.json", {"schema_version": SCHEMA_VERSION, **origin, "notes": list(data.notes)})
    part = run.spec.setting.matrix
    if part is not None:
        from simviz import matrices

        matrices.build(part, data.classes).save(run.path / "matrix.npz")
    rows = np.concatenate([data.indices("validation"), data.indices("test")])
    pictures = comparison.path / "images.npz"
    if not pictures.exists() and data.images[0].nbytes * len(rows) <= MAX_PICTURE_BYTES:
        with replacing(pictures) as partial, partial.open("wb") as file:
            np.savez_compressed(file, ids=data.ids[rows], images=data.images[rows])


@contextmanager
def _turn(run: Run) -> Iterator[None]:
    """This machine's lock, held; given up where the run is cancelled while it waits."""
    lock = filelock.FileLock(Path(tempfile.gettempdir()) / f"simviz-{getpass.getuser()}.lock")
    while run.wanted != "cancel":
        try:
            lock.acquire(timeout=0.5)
            break
        except filelock.Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


def _process_mark() -> dict[str, Any]:
    return {"pid": os.getpid(), "process_start": psutil.Process().create_time()}


def _set_status(run: Run, **values: Any) -> None:
    mark = {"schema_version": SCHEMA_VERSION, "heartbeat": time.time(), **_process_mark()}
    write_json(run.path / "status.json", {**values, **mark})


def _last_status(run: Run) -> dict[str, Any]:
    try:
        return run.status
    except StoreError:
        return {}


if __name__ == "__main__":
    sys.exit(main())
