"""What a table says: every row against a baseline, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simviz.compare.rows import Row
from simviz.evaluation.statistics import paired_over_seeds


def against(rows: Sequence[Row], baseline: str = "ce") -> dict[str, Row]:
    """Rows by label whose values are differences from the baseline's argmax row, seed by seed."""
    base = next((r for r in rows if r.setting == baseline and r.decoder == "argmax"), None)
    if base is None:
        return {}
    differences = {}
    for row in rows:
        shared = [s for s in row.seeds if s in base.seeds]
        if row is base or not shared:
            continue
        values = {
            key: [_minus(found[row.seeds.index(s)], base.values[key][base.seeds.index(s)]) for s in shared]
            for key, found in row.values.items()
            if key in base.values
        }
        differences[row.label] = replace(row, seeds=tuple(shared), values=values)
    return differences


def findings(rows: Sequence[Row], baseline: str = "ce") -> list[str]:
    """What the table says, computed: each setting against the baseline in accuracy and mean cost."""
    texts = []
    base = next((r for r in rows if r.setting == baseline and r.decoder == "argmax"), None)
    for row in rows:
        if base is None or row is base or row.control:
            continue
        shared = [s for s in row.seeds if s in base.seeds]
        if not shared:
            continue
        parts = [_one_finding(row, base, shared, metric) for metric in ("accuracy", "mean_cost")]
        text = f"{row.label} against {baseline}: {parts[0]}; {parts[1]}."
        texts.append(text + (" It was trained on the very matrix that measures it." if row.same_ruler else ""))
    return texts


def _one_finding(row: Row, base: Row, shared: Sequence[int], metric: str) -> str:
    pick = lambda r: [r.values[metric][r.seeds.index(s)] for s in shared]  # noqa: E731
    ours, theirs = pick(row), pick(base)
    name = metric.replace("_", " ")
    change = float(np.mean(np.subtract(ours, theirs)))
    if len(shared) < 2:
        return f"{name} {change:+.3f} on one seed, which decides nothing"
    found = paired_over_seeds(ours, theirs)
    assert found.low is not None
    assert found.high is not None
    if not found.low <= 0 <= found.high:
        better = (change > 0) == (metric == "accuracy")
        return f"{name} {change:+.3f} (95 % {found.low:+.3f} to {found.high:+.3f}), {'better' if better else 'worse'}"
    return f"{name} {change:+.3f} (95 % {found.low:+.3f} to {found.high:+.3f}), not told apart on {len(shared)} seeds"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
