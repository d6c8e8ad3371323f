"""Waiting for real processes, without a word on how long they take."""

from __future__ import annotations

import time


def wait(until, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")
