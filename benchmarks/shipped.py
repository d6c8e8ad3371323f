"""Train the comparisons that ship in data/examples, from nothing: tuned rates, five seeds, controls.

Run: python benchmarks/shipped.py (about 25 minutes on 2 cores)

In bfloat16 on the CPU, so that a rerun elsewhere lands near the same figures. Penultimate features are left out of
the archives, of which they would be most, but for those of the validation part beside the learned distance: its
control by plain cross entropy is made of them. The networks of seed 0 go along.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from simviz import compare
from simviz.runs import Comparison, Store, archive, tuning, weights, worker

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"
ASKED = ("ce", "simloss@words:keep=0.02", "ground_distance@words", "soft_labels@groups")
BASE = {"dataset": "pictograms", "epochs": 5, "precision": "bfloat16", "device": "cpu", "ruler": "groups"}
SEEDS = range(5)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, help="keep the runs here (default: a temporary folder)")
    runs = parser.parse_args().runs or Path(tempfile.mkdtemp(prefix="simviz-shipped-"))
    store = Store(runs)
    specs = compare.specs_for(compare.with_controls(ASKED), SEEDS, **BASE)
    search = compare.create(specs, title="Learning rates", store=store, tuning=tuning.plan(specs))
    tuning.settle(search, worker.work, say)
    found = tuning.recorded(search)
    rates = found.chosen
    for setting, rate in rates.items():
        print(f"learning rate {rate:.2g}  {setting}", flush=True)
    longer = {**BASE, "epochs": 30, "lr": rates["ce"]}
    learned = [spec for loss in ("self_guided", "ce") for spec in compare.specs_for([loss], range(3), **longer)]
    ship(compare.create(learned, title="A learned distance", store=store), "self-guided.zip", features=("validation",))
    # Last, so that it is the newest of the two and pages open on it.
    specs = [s.model_copy(update={"lr": rates[s.loss]}) for s in specs]
    ship(compare.create(specs, title="Pictograms, five seeds", store=store, tuning=found), "pictograms.zip")


def ship(comparison: Comparison, name: str, features: tuple[str, ...] = ()) -> None:
    worker.work(comparison, say)
    for run in comparison.runs:
        if run.spec.seed == 0:  # so that the shipped networks can be asked about a picture of the visitor's
            weights.keep(run)
        for part in {"validation", "test"} - set(features):
            replace(run.predictions(part), features=None).save(run.path / f"{part}.npz")
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    with (EXAMPLES / name).open("wb") as file:
        archive.pack(comparison, file)
    print(f"{name}: {(EXAMPLES / name).stat().st_size / 1e6:.1f} MB", flush=True)
    for row in compare.table(comparison):
        figures = "  ".join(f"{k} {row.mean(k):.3f}" for k in ("accuracy", "failed_superclass_accuracy", "mean_cost"))
        print(f"{row.label:45} {figures}  classes {row.mean('distinct_classes'):.0f}", flush=True)


def say(run: object, event: object) -> None:
    if not hasattr(event, "step"):
        accuracy = event.validation["accuracy"]
        print(f"{run.id}: epoch {event.epoch}, accuracy {accuracy:.3f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
