"""A training process that stands ready: it has loaded torch before there is anything to train.

Torch and its optimizers take seconds to load. A page lets them pass while a visitor chooses what to train.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Lock

from simviz.runs.cores import WAIT_BRIEFLY

READY = "--ready"

_lock = Lock()
_waiting: tuple[subprocess.Popen[bytes], dict[str, str]] | None = None  # and the environment it was started in


def make() -> None:
    """Let a process stand ready, where none does. It ends with this one, for its input ends then."""
    global _waiting
    with _lock:
        if _waiting is None or _waiting[0].poll() is not None:
            environment = dict(os.environ)
            child = launch(READY, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            _waiting = child, environment


def take(folder: Path) -> subprocess.Popen[bytes] | None:
    """Let the process that stands ready serve the comparison in this folder; None where none can."""
    global _waiting
    with _lock:
        if _waiting is None:
            return None
        (child, environment), _waiting = _waiting, None
        assert child.stdin is not None
        try:
            with child.stdin as line:
                if environment == os.environ and child.poll() is None:
                    line.write(json.dumps(str(folder)).encode() + b"\n")
                    return child
        except OSError:  # it died just now
            pass
        return None


def wait() -> Path | None:
    """In the process that stands ready: load everything, and wait for the folder; None where none comes any more."""
    import torch

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # the first optimizer loads torch's compiler
    line = sys.stdin.readline()
    if not line:
        return None
    folder = Path(json.loads(line))
    with (folder / "log.txt").open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    return folder


def launch(*arguments: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    """A process that trains, apart from this one's terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "simviz.runs.worker", *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**WAIT_BRIEFLY, **os.environ, "PYTHONUNBUFFERED": "1"},
    )
