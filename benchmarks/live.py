"""How soon the page of refitted heads answers a slider, in a real Chromium: ``python benchmarks/live.py [--moves 20]``.

    slider to new confusion    from the key that moves "keep" (SimLoss by words) to the picture with the new setting
    scaling                    seconds of one fit by classes and features, without a page, on made-up features

A network is trained for each data set first (one epoch: only the shape of its features matters here), and its features
are read, at most 10,000 of training images. CIFAR-100 is measured where $SIMVIZ_TEST_DATA holds its Parquet file.
Goals on two cores: 1.0 s for pictograms and 2.5 s for CIFAR-100, at the 95th percentile.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.conftest import WHY, executable, serving

GOALS = {"pictograms": 1.0, "CIFAR-100": 2.5}
CIFAR = "cifar100-train-00000-of-00001.parquet"
SHAPES = [(10, 84), (64, 84), (64, 384), (64, 2048), (100, 84), (100, 512), (1000, 84), (1000, 512)]
TITLE = """wanted => [...document.querySelectorAll('.js-plotly-plot')].some(plot =>
    plot.layout?.title?.text?.replaceAll('<br>', ' ').replaceAll(' ', '').includes(wanted)
    && plot.data?.some(trace => trace.type === 'heatmap'))"""


def trained(folder: Path) -> dict[str, str]:
    """Comparisons by data set, with features read; name -> id."""
    from simviz import compare
    from simviz.runs import Store, frozen, worker

    store, found = Store(folder), {}
    wanted: dict[str, dict[str, Any]] = {"pictograms": {"dataset": "pictograms"}}
    parquet = Path(os.environ.get("SIMVIZ_TEST_DATA", "")) / CIFAR
    if os.environ.get("SIMVIZ_TEST_DATA") and parquet.is_file():
        wanted["CIFAR-100"] = {"dataset": str(parquet), "train_size": 10_000, "model": "lenet"}
    for name, base in wanted.items():
        specs = compare.specs_for(["ce"], [0], epochs=1, device="cpu", **base)
        comparison = compare.create(specs, title=name, store=store)
        worker.work(comparison)
        frozen.keep(comparison.runs[0], comparison.classes)
        kept = frozen.load(comparison.runs[0], comparison.classes)
        print(f"{name}: {len(kept.fit):,} x {kept.fit.values.shape[1]} features fitted to, {len(kept.asked):,} judged")
        found[name] = comparison.id
    return found


def moves(page: Any, address: str, comparison: str, count: int) -> list[float]:
    """Seconds from each of `count` key presses on the slider to the confusion that belongs to it."""
    page.goto(f"{address}/live?c={comparison}&loss=simloss&matrix=words&l_keep=0.02")
    page.wait_for_function(TITLE, arg="keep=0.02")
    slider = page.get_by_role("slider", name="keep")
    seconds = []
    for step in range(1, count + 1):
        page.wait_for_timeout(400)  # a hand that looks before it moves on
        started = time.perf_counter()
        slider.press("ArrowRight")
        page.wait_for_function(TITLE, arg=f"keep={0.02 + step / 100:g}")
        seconds.append(time.perf_counter() - started)
    return seconds


def scaling() -> None:
    """A table of seconds a fit, by classes and features; as many samples as `frozen` would take of 10,000."""
    from simviz import ClassSet, heads, losses
    from simviz.runs.frozen import MOST, WORK

    print(f"\n{'classes':>8}{'features':>9}{'samples':>9}{'prepare s':>11}{'simloss s':>11}{'soft_labels s':>14}")
    for count, width in SHAPES:
        samples = min(MOST, max(2 * count, WORK // (count * width)))
        random = np.random.default_rng(0)
        target = np.arange(samples) % count
        values = random.normal(size=(count, width))[target] + 2 * random.normal(size=(samples, width))
        classes = ClassSet([f"c{i}" for i in range(count)])
        started = time.perf_counter()
        refitter = heads.Refitter(heads.features(values, target, count))
        refitter.cross_entropy  # noqa: B018
        times = [time.perf_counter() - started]
        for setting in ("simloss@order:r=0.5", "soft_labels:beta=3@order:r=0.5"):
            loss = losses.build(setting, classes)
            started = time.perf_counter()
            refitter.head(loss)
            times.append(time.perf_counter() - started)
        print(f"{count:8}{width:9}{samples:9}{times[0]:11.2f}{times[1]:11.2f}{times[2]:14.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=20)
    count = parser.parse_args().moves
    path = executable()
    if path is None:
        sys.exit(WHY)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        ids = trained(Path(folder) / "app" / "runs")
        with serving(Path(folder) / "app") as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 1200})
            page.set_default_timeout(240_000)
            print(f"\n{'slider to new confusion':28}{'p50 s':>8}{'p95 s':>8}{'max s':>8}{'goal':>8}{'moves':>8}")
            for name, comparison in ids.items():
                seconds = moves(page, address, comparison, count)
                p95 = float(np.quantile(seconds, 0.95))
                print(f"{name:28}{median(seconds):8.2f}{p95:8.2f}{max(seconds):8.2f}{GOALS[name]:8.1f}{count:8}")
            browser.close()
    scaling()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"\n{os.cpu_count()} cores, load average {load:.1f} at the end")


if __name__ == "__main__":
    main()
