"""Does a last layer alone foretell full training? ``python benchmarks/live_honest.py [--seeds 2] [--out FILE]``

For each data set a network of cross entropy is trained. Then, for 15 settings and for cross entropy itself:

    last layer    the head alone, fitted anew on the frozen features, as the page "Drag the matrix" does
    full          the whole network, trained on for three epochs with the setting, from those weights on

Both are judged by all test images, by the most probable class. The table has their differences from cross entropy, as a
mean over seeds, and below it Spearman's rank correlation of the two columns (goal: 0.8); then that of full training
over half of the seeds with the other half: what chance leaves to be foretold. The record, which the page shows, goes to
data/examples/live_honest.json. CIFAR-100 (10,000 training images, LeNet) is measured where $SIMVIZ_TEST_DATA holds
its Parquet file. About ten minutes a seed on two free cores, nearly all of it pictograms.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from simviz import compare, evaluation
from simviz.runs import Comparison, Run, Store, checked, frozen, worker
from simviz.runs import checkpoint as checkpoints

OUT = Path(__file__).resolve().parents[1] / "data" / "examples" / "live_honest.json"
CIFAR = "cifar100-train-00000-of-00001.parquet"
SETTINGS = (
    *(f"simloss@words:keep={keep}" for keep in (0.02, 0.05, 0.1, 0.3)),
    "simloss:normalize=columns@words:keep=0.1",
    "simloss@words:keep=0.1,shuffle=1",
    *(f"soft_labels:beta={beta}@groups" for beta in (1, 2, 5)),
    *("expected_cost@groups", "ground_distance@words", "gce", "hxe", "group_ce", "cdw_ce@groups"),
)
METRICS = {"mean_cost": "mean cost", "failed_superclass_accuracy": "FSA", "accuracy": "accuracy"}
EPOCHS, RATE, GOAL = 3, 0.004, 0.8
Metrics = dict[str, float]


def data_sets() -> dict[str, dict[str, Any]]:
    """What the networks are trained on; name -> the fields of a spec."""
    found: dict[str, dict[str, Any]] = {"pictograms": {"dataset": "pictograms", "epochs": 5, "lr": 0.012}}
    parquet = Path(os.environ.get("SIMVIZ_TEST_DATA", "")) / CIFAR
    if os.environ.get("SIMVIZ_TEST_DATA") and parquet.is_file():
        found["CIFAR-100"] = {
            "dataset": str(parquet),
            "train_size": 10_000,
            "epochs": 12,
            "lr": 0.004,
            "model": "lenet",
        }
    return found


def base_run(base: dict[str, Any], seed: int, store: Store) -> tuple[Comparison, Run]:
    """A network of cross entropy, its features read."""
    comparison = compare.create(compare.specs_for(["ce"], [seed], **base), title="base", store=store)
    worker.work(comparison)
    frozen.keep(comparison.runs[0], comparison.classes)
    return comparison, comparison.runs[0]


def last_layer(setting: str, refitter: Any, asked: Any, classes: Any, ruler: Any) -> Metrics:
    from simviz import heads, losses

    return heads.judge(refitter.head(losses.build(setting, classes)), asked, classes=classes, ruler=ruler).metrics


def in_full(setting: str, run: Run, base: dict[str, Any], ruler: Any) -> Metrics:
    """The whole network trained on from the run's weights."""
    from simviz.runs.ingredients import trainer_for

    spec = checked(**{**base, "loss": setting, "seed": 1000 + run.spec.seed, "epochs": EPOCHS, "lr": RATE})
    trainer, data = trainer_for(spec)
    state = checkpoints.load(run.path / "checkpoint.safetensors")
    weights = state["best"] or {f"network.{name}": value for name, value in state["network"].items()}
    trainer.network.load_state_dict(
        {name.removeprefix("network."): value for name, value in weights.items() if name.startswith("network.")}
    )
    for _ in trainer.events():
        pass
    return trainer.predict("test").metrics(data.classes, ruler)


def measured(name: str, base: dict[str, Any], seeds: int, store: Store) -> dict[str, Any]:
    """The record of one data set, and its table on the screen."""
    from simviz import heads

    pairs: dict[str, list[tuple[Metrics, Metrics]]] = {setting: [] for setting in ("ce", *SETTINGS)}
    for seed in range(seeds):
        comparison, run = base_run(base, seed, store)
        classes, found = comparison.classes, frozen.load(run, comparison.classes)
        refitter, ruler = heads.Refitter(found.fit), evaluation.ruler(classes, "groups")
        for setting, kept in pairs.items():
            alone = last_layer(setting, refitter, found.asked, classes, ruler)
            kept.append((alone, in_full(setting, run, base, ruler)))
            print(
                f"{name}, seed {seed}: {setting} {kept[-1][0]['mean_cost']:.3f} {kept[-1][1]['mean_cost']:.3f}",
                file=sys.stderr,
            )
    return table(name, pairs)


def table(name: str, pairs: dict[str, list[tuple[Metrics, Metrics]]]) -> dict[str, Any]:
    """Changes from cross entropy, and how far the last layer foretells them."""
    rows: dict[str, dict[str, list[float]]] = {setting: {} for setting in SETTINGS}
    rho, halves = {}, {}
    for metric, text in METRICS.items():
        values = np.array([[[side[metric] for side in both] for both in pairs[s]] for s in ("ce", *SETTINGS)])
        change = values[1:] - values[0]  # settings x seeds x (last layer, full)
        for setting, mean in zip(SETTINGS, change.mean(1).round(5).tolist(), strict=True):
            rows[setting][metric] = mean
        rho[text] = round(float(spearmanr(*change.mean(1).T)[0]), 3)
        halves[text] = split_half(change[:, :, 1])
    seeds = len(pairs["ce"])
    print(f"\n{name}, {seeds} seed(s): change from cross entropy, last layer | full")
    for setting, row in rows.items():
        cells = zip(METRICS.values(), row.values(), strict=True)
        print(f"{setting:45}" + "".join(f"{text:>14} {a:+.3f} | {b:+.3f}" for text, (a, b) in cells))
    print(f"Spearman's rho: {rho}; full training of half of the seeds with the other half: {halves}", flush=True)
    record = {"data": name, "settings": len(SETTINGS), "seeds": seeds, "spearman": rho, "differences": rows}
    return record if seeds < 2 else {**record, "split_half": halves}


def split_half(change: NDArray[np.float64]) -> float:
    """Mean rank correlation of half of the seeds with the rest over all even splits of (settings, seeds), of an odd
    number without the last; NaN of one seed, which has no halves."""
    seeds = range(change.shape[1] // 2 * 2)
    found = []
    for half in combinations(seeds, len(seeds) // 2):
        if half and half[0] == 0:  # the other splits are these, mirrored
            rest = [seed for seed in seeds if seed not in half]
            found.append(float(spearmanr(change[:, list(half)].mean(1), change[:, rest].mean(1))[0]))
    return round(float(np.mean(found)), 3) if found else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", action="append", help="one of the data sets alone; the record of others is kept")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    known = json.loads(asked.out.read_text())["records"] if asked.out.exists() else []
    records = {one["data"]: one for one in known}
    with tempfile.TemporaryDirectory() as folder:
        for name, base in data_sets().items():
            if asked.data is None or name in asked.data:
                records[name] = measured(name, {**base, "device": "cpu"}, asked.seeds, Store(folder))
                said = (
                    f"Full training: {EPOCHS} epochs more, at a rate of {RATE}, from the weights of cross entropy; "
                    "differences are means over seeds, on all test images, argmax. The penalty of the last layer was "
                    "chosen on pictograms, seed 0, of 0.001, 0.01, 0.03, 0.1, 0.3 and 1."
                )
                record = {"goal": GOAL, "said": said, "records": list(records.values())}
                asked.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
