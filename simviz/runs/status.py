"""What a training process writes about its run: the state, and the lines and arrays of its epochs."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from simviz.atomic import replacing
from simviz.runs.files import StoreError, write_json
from simviz.runs.liveness import mark
from simviz.runs.store import SCHEMA_VERSION, Run

KEPT = ("epoch", "epochs", "progress", "seconds", "pace")  # what stays true of a run while no process serves it


_NO_ROOM = ("no space left on device", "disk quota exceeded")


def disk_full(error: BaseException) -> bool:
    """Whether there is no room on the disk, be it the system or safetensors that says so."""
    by_number = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return by_number or any(said in str(error).lower() for said in _NO_ROOM)


def write(run: Run, state: str, **values: Any) -> None:
    """Replace the status, signed by this process."""
    signed = {"heartbeat": time.time(), **mark()}
    replace_even_if_full(
        run.path / "status.json", {"schema_version": SCHEMA_VERSION, "state": state, **values, **signed}
    )


def replace_even_if_full(path: Path, data: dict[str, Any]) -> None:
    """Replace a JSON file; where the disk is full, write over the old one in its place.

    Its bytes are taken already: without them a full disk could not even be told of.
    """
    try:
        write_json(path, data)
    except OSError as error:
        if not disk_full(error) or not path.exists():
            raise
        with path.open("r+") as file:
            file.write(json.dumps(data).ljust(path.stat().st_size))


def settle(run: Run, state: str, said: str = "") -> None:
    """A new state for a run that no process trains; how far it came is kept."""
    about = {"error": said} if said else {}
    write_json(run.path / "status.json", {"schema_version": SCHEMA_VERSION, "state": state, **kept(run), **about})


def kept(run: Run) -> dict[str, Any]:
    """How far the run came, as its status tells."""
    return {k: v for k, v in last(run).items() if k in KEPT}


def last(run: Run) -> dict[str, Any]:
    """The status as it is; empty where it cannot be read."""
    try:
        return run.status
    except StoreError:
        return {}


def keep_epoch(run: Run, event: Any) -> None:
    """Arrays and numbers of a finished epoch."""
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


def mend_metrics(run: Run) -> None:
    """Drop a torn last line before the next is written: it would swallow that too."""
    path = run.path / "metrics.jsonl"
    if path.exists():
        with replacing(path) as partial:
            partial.write_text("".join(json.dumps(line) + "\n" for line in run.metrics()))


def log(run: Run, text: str) -> None:
    """What a person may want to read later. It may fail: a full disk has no room for it, a deleted folder no place."""
    try:
        with (run.path / "log.txt").open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text.rstrip()}\n")
    except OSError:
        return
