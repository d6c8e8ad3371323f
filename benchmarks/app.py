"""How quick the confusion page answers, in a real Chromium, and the metrics behind it: ``python benchmarks/app.py``.

    from a change of the order (index to group) or of the shares (by true to by predicted) of the classes until every
    picture of the page is drawn anew, with 10, 100 and 1,000 classes, two settings side by side
    goals on two quiet cores: 0.4, 0.6 and 2 s

    all metrics of 1,000,000 predictions of 100 classes, without bootstrap, in a process of its own: seconds, CPU
    seconds and the most memory it held; goal 2 s and 1 GiB

Each change is made back and forth, the sizes in turn, so that what else the machine does falls on all of them alike.
The CPU columns are what the server and what the browser used for one change: on a busy machine they say more than the
seconds do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from simviz import ClassSet
from simviz.evaluation.foreign import Foreign
from simviz.evaluation.predictions import Predictions
from simviz.runs import Store
from simviz.runs.foreign import keep
from tests.browser import steps
from tests.browser.conftest import WHY, executable, serving

GOALS = {10: 0.4, 100: 0.6, 1000: 2.0}
CHANGES = {"order": ("Order of the classes", "group", "index"), "normalise": ("Each cell", "by-predicted", "by-true")}
SAMPLES = 20_000
# From the click on a choice until all pictures have other data and two frames have been painted; in seconds.
CLICK = """async ([group, name]) => {
    const plots = () => [...document.querySelectorAll('.js-plotly-plot')];
    const before = plots().map(plot => plot._fullData);
    const radio = [...document.querySelectorAll(`[role=radiogroup][aria-label="${group}"] [role=radio]`)]
        .find(one => one.innerText.trim() === name);
    const frame = () => new Promise(requestAnimationFrame);
    const started = performance.now();
    radio.click();
    while (performance.now() - started < 60_000) {
        await frame();
        const now = plots();
        if (now.length === before.length && now.every((plot, k) => plot._fullData && plot._fullData !== before[k])) {
            await frame(); await frame();
            return (performance.now() - started) / 1000;
        }
    }
    return null;
}"""
METRICS = """
import json, resource, time
import numpy as np
from simviz import ClassSet, evaluation
random = np.random.default_rng(0)
classes = ClassSet([f"c{i}" for i in range(100)], groups=[f"g{i // 10}" for i in range(100)], positions=range(100))
target = random.integers(0, 100, 1_000_000)
logs = random.standard_normal((1_000_000, 100), dtype=np.float32)
logs[np.arange(len(logs)), target] += 2
for rows in range(0, len(logs), 10_000):
    logs[rows : rows + 10_000] -= np.log(np.exp(logs[rows : rows + 10_000]).sum(axis=1, keepdims=True))
ruler = evaluation.ruler(classes)
evaluation.metrics(logs[:1000], target[:1000], classes=classes, ruler=ruler)  # imports
given = (logs.nbytes + target.nbytes) / 2**20
started, cpu = time.perf_counter(), time.process_time()
found = evaluation.metrics(logs, target, classes=classes, ruler=ruler)
spent = time.perf_counter() - started, time.process_time() - cpu
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": spent[0], "cpu": spent[1], "mib": most, "given": given, "metrics": len(found)}))
"""


def comparison(store: Store, count: int) -> str:
    """Decisions of two models, most mistakes inside groups of ten classes; the id."""
    random = np.random.default_rng(count)
    classes = ClassSet(
        [f"class {i}" for i in range(count)], groups=[f"group {i % max(2, count // 10)}" for i in range(count)]
    )
    target = np.arange(SAMPLES) % count
    found = []
    for name, share in (("first", 0.5), ("second", 0.6)):
        near = (target + random.choice([0, max(2, count // 10)], SAMPLES)) % count
        said = np.where(
            random.random(SAMPLES) < share,
            target,
            np.where(random.random(SAMPLES) < 0.8, near, random.integers(0, count, SAMPLES)),
        )
        ids = np.arange(SAMPLES).astype(str)
        found.append(Foreign(name, classes, Predictions.of_decisions(ids, np.arange(SAMPLES), target, said, count)))
    return keep(found, store=store, title=f"{count} classes", ruler="groups").id


def cpu() -> tuple[float, float]:
    """Seconds of CPU that the server and the browser have used."""
    server = browser = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            spent = process.cpu_times()
            if "streamlit" in process.cmdline():
                server += spent.user + spent.system
            else:
                browser += spent.user + spent.system
        except psutil.Error:  # gone meanwhile
            continue
    return server, browser


def changes(browser: Any, repeats: int) -> dict[tuple[str, int], list[tuple[float, float, float]]]:
    """(change, classes) -> seconds, and CPU seconds of the server and of the browser, of each time it was made."""
    times: dict[tuple[str, int], list[tuple[float, float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "app") as address:
        store = Store(Path(folder) / "app" / "runs")
        pages = {}
        for count in GOALS:
            page = browser.new_context(viewport={"width": 1440, "height": 1200}).new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{address}/confusion?c={comparison(store, count)}")
            page.locator(steps.PLOT).nth(1).wait_for()
            steps.settled(page)
            pages[count] = page
        for number in range(repeats + 1):  # the first time nothing is cached; it is not counted
            for count, page in pages.items():
                page.bring_to_front()
                for change, (group, there, back) in CHANGES.items():
                    for name in (there, back):
                        started = cpu()
                        seconds = page.evaluate(CLICK, [group, name])
                        if seconds is None:
                            sys.exit(
                                f"the page of {count} classes was not drawn anew within a minute of {group}: {name}"
                            )
                        steps.settled(page)
                        if number:
                            spent = cpu()
                            times[change, count].append((seconds, spent[0] - started[0], spent[1] - started[1]))
    return times


def metrics() -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", METRICS], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def load() -> str:
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    path = executable()
    if path is None:
        sys.exit(WHY)
    print(f"{load()} at the start")
    many = [metrics() for _ in range(3)]
    best = sorted(many, key=lambda one: one["seconds"])[1]
    print(
        f"\n{best['metrics']} metrics of 1,000,000 x 100: {best['seconds']:.2f} s, CPU {best['cpu']:.2f} s, at most "
        f"{max(m['mib'] for m in many):.0f} MiB, of which {best['given']:.0f} are the predictions (goal 2 s, 1024)\n",
        flush=True,
    )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        times = changes(browser, repeats)
        browser.close()
    print(f"{'':12}{'classes':>9}{'median s':>10}{'min':>8}{'max':>8}{'CPU server':>12}{'browser':>9}{'goal':>7}")
    for (change, count), found in times.items():
        seconds, server, client = (list(column) for column in zip(*found, strict=True))
        print(
            f"{change:12}{count:9,}{median(seconds):10.2f}{min(seconds):8.2f}{max(seconds):8.2f}{median(server):12.2f}"
            f"{median(client):9.2f}{GOALS[count]:7.1f}"
        )
    print(f"\nmedian of {2 * repeats} changes each; {load()} at the end")


if __name__ == "__main__":
    main()
