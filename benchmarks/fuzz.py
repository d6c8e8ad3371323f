"""Every reader of a user's file under fire: 10,000 inputs or 60 s each, with little memory; one row a reader.

Run: python benchmarks/fuzz.py [READER ...] (17 minutes at most on one core). Exit code 1 where an input was neither
read nor refused in one sentence; such an input is printed, made as small as it can be.
"""

from __future__ import annotations

import faulthandler
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.security.readers import READERS, Reader, refused

EXAMPLES, SECONDS, BATCH = 10_000, 60.0, 500
MEMORY = 2**30  # bytes that all readers together may map beyond what is loaded when they begin


def main(names: list[str]) -> int:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    readers = [READERS[name]() for name in names or READERS]
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    print(f"| reader | inputs | read | refused | faults | seconds |\n|{'---|' * 6}", flush=True)
    return min(1, sum(map(_fuzz, readers)))


def _fuzz(reader: Reader) -> int:
    """Faults of one reader; prints its row."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    start, batch = time.monotonic(), 0
    while sum(counts.values()) < EXAMPLES and time.monotonic() - start < SECONDS and not faults:
        batch += 1
        faults += _batch(reader, counts, batch, start + SECONDS)
    shown = [counts[k] for k in ("read", "refused")]
    print(f"| {reader.name} | {sum(counts.values()):,} | {shown[0]:,} | {shown[1]:,} | {len(faults)} | "
          f"{time.monotonic() - start:.0f} |", flush=True)  # fmt: skip
    for fault in faults:
        print(fault, file=sys.stderr, flush=True)
    return len(faults)


def _batch(reader: Reader, counts: Counter[str], number: int, end: float) -> list[str]:
    failed: list[bool] = []

    @seed(number)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(reader.inputs)
    def one(data: object) -> None:
        if failed or (time.monotonic() < end and sum(counts.values()) < EXAMPLES):
            try:
                counts["refused" if refused(reader.read, data) else "read"] += 1
            except BaseException:
                failed.append(True)  # what failed is made small, whatever the time
                raise

    try:
        one()
    except BaseException as error:  # whatever it is, it is what we look for
        if isinstance(error, KeyboardInterrupt):
            raise
        where = "".join(traceback.format_tb(error.__traceback__)[-4:])
        smallest = "".join(getattr(error, "__notes__", []))  # Hypothesis: the smallest such input
        return [f"{where}{type(error).__name__}: {str(error)[:400]}\n{smallest[:1000]}\n"]
    return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
