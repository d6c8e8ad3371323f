"""Eight runs: one after another in one loop, through this machine's queue, on a Ray cluster of one and of two nodes.

Every run trains on one thread, every node has one CPU, so a machine of two cores has room for two nodes. The loop is
the floor: trainer and test part of the same specs, nothing written. The table says what eight runs take in all, what
one more run takes (eight runs less one, a seventh of it), how much of that the queue adds to the loop, and how much
sooner two nodes are done than one. Starting Ray itself is left out (about 10 s); starting its training processes, the
import of torch in each of them, is not.

Run: python benchmarks/fleet.py [--epochs 6]      (about 5 minutes on 2 cores that have nothing else to do)
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded, by the processes started from here too
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import psutil
from ray.cluster_utils import Cluster

from simviz import compare
from simviz.runs import Comparison, Store, cluster, queue
from simviz.runs.ingredients import trainer_for

RUNS = 8
BASE = {"dataset": "pictograms", "model": "lenet", "device": "cpu", "precision": "float32"}


def loop(comparison: Comparison) -> None:
    for run in comparison.runs:
        trainer, _ = trainer_for(run.spec)
        for _ in trainer.events():
            pass
        trainer.use_best()
        for part in ("validation", "test"):
            trainer.predict(part)


def queued(comparison: Comparison) -> None:
    queue.start(comparison)
    while queue.served(comparison):
        time.sleep(0.02)


def timed(how: Callable[[Comparison], None], comparison: Comparison) -> float:
    """Wall seconds; the runs of all but the loop must have finished."""
    began = time.perf_counter()
    how(comparison)
    seconds = time.perf_counter() - began
    states = {run.status["state"] for run in comparison.runs}
    assert how is loop or states == {"finished"}, states
    return seconds


def on_nodes(count: int, make: Callable[[int], Comparison]) -> tuple[float, float]:
    """Seconds of one run and of all on a cluster of so many nodes, whose head trains nothing."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(count):
            started.add_node(num_cpus=1)
        one, all_ = (timed(lambda c: cluster.work(c, started.address), make(n)) for n in (1, RUNS))
    finally:
        started.shutdown()
    return one, all_


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    epochs = parser.parse_args().epochs
    with tempfile.TemporaryDirectory() as folder:

        def make(count: int) -> Comparison:
            specs = compare.specs_for(["ce"], range(count), epochs=epochs, **BASE)
            return compare.create(specs, store=Store(folder))

        load = psutil.getloadavg()[0]
        timed(loop, make(1))  # draws the pictures, or finds them drawn
        found = {"one loop": (timed(loop, make(1)), timed(loop, make(RUNS)))}
        found["queue"] = (timed(queued, make(1)), timed(queued, make(RUNS)))
        found["Ray, one node"] = on_nodes(1, make)
        found["Ray, two nodes"] = on_nodes(2, make)
    floor = more(*found["one loop"])
    print(f"pictograms, lenet, {epochs} epochs, float32, one thread a run; load before: {load:.1f}\n")
    print(f"{'':16}{'1 run s':>10}{f'{RUNS} runs s':>10}{'one more s':>12}{'over the loop s':>17}{'speed-up':>10}")
    for name, (one, all_) in found.items():
        over = "" if name == "Ray, two nodes" else f"{more(one, all_) - floor:.2f}"
        gain = f"{found['Ray, one node'][1] / all_:.2f}" if name.startswith("Ray") else ""
        print(f"{name:16}{one:10.1f}{all_:10.1f}{more(one, all_):12.2f}{over:>17}{gain:>10}")


def more(one: float, all_: float) -> float:
    return (all_ - one) / (RUNS - 1)


if __name__ == "__main__":
    main()
