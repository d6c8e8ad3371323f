"""Results as text: what a command prints last."""

from __future__ import annotations

import json
import math
import sys
from typing import Any


def tell(comparison: Any, as_json: bool) -> None:
    """The result of a comparison's one run."""
    run = comparison.runs[0]
    result = run.result() | {"run": str(run.path)}
    if result["warning"]:
        print(f"note: {result['warning']}", file=sys.stderr)
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:28} {value:.4f}" if isinstance(value, float) else f"{key:28} {value}")


def tell_all(comparison: Any, as_json: bool) -> None:
    """The table of a comparison and what it says."""
    from simviz import compare

    rows = compare.table(comparison)
    ruler = compare.comparison_ruler(comparison)
    metrics = ("accuracy", "mean_cost", "mistake_severity", "failed_superclass_accuracy", "mae")
    shown = [k for k in metrics if rows[0].mean(k) is not None]
    print(f"\ntest part, {max(len(r.seeds) for r in rows)} seeds, mean and 95 % interval; ruler: {ruler.describe()}")
    width = max(len(r.label) for r in rows) + 2
    print(" " * width + "".join(f"{k.replace('_', ' '):>28}" for k in shown) + "   classes predicted")
    for row in rows:
        cells = "".join(f"{_cell(row, k):>28}" for k in shown)
        print(f"{row.label:{width}}{cells}   {row.mean('distinct_classes'):.0f}{'  (control)' if row.control else ''}")
    if (record := compare.tuning.recorded(comparison)) is not None and record.done:
        print(f"\nlearning rates, chosen by validation {record.metric.replace('_', ' ')} (seed {record.seed}):")
        for setting, tried in record.tried.items():
            found = ", ".join(f"{t.rate:g} {'failed' if t.value is None else f'{t.value:.4g}'}" for t in tried)
            edge = "  (at the edge)" if record.at_edge(setting) else ""
            print(f"{setting:{width}}{record.chosen.get(setting, math.nan):<10g} of {found}{edge}")
    if findings := compare.findings(rows):
        print("\n" + "\n".join(findings))
    if as_json:
        flat = {f"{r.label} {k}": r.mean(k) for r in rows for k in r.values}
        print(json.dumps({"comparison": str(comparison.path), "ruler": ruler.describe(), "split": "test", **flat}))


def _cell(row: Any, metric: str) -> str:
    mean, interval = row.mean(metric), row.interval(metric)
    if mean is None:
        return "-"
    return f"{mean:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
