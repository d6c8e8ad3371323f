"""The learning rate of each setting, chosen on validation (science.md section 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from simviz.compare.settings import create
from simviz.hyperparameters import RISING
from simviz.runs import Store, checked
from simviz.settings import parse_setting

RATES = (4.4e-4, 1.3e-3, 4e-3, 1.2e-2, 3.6e-2)
WIDENED = 2


def tune(
    settings: Sequence[str],
    *,
    metric: str = "accuracy",
    rates: Sequence[float] = RATES,
    seed: int = 0,
    store: Store | None = None,
    listener: Any = None,
    **base: Any,
) -> dict[str, float]:
    """The learning rate of each setting: the best by one validation metric, the same for all settings.

    Each setting is trained once a rate; while its best rate lies at an edge, the range is widened by a
    factor 3, at most `WIDENED` times. The runs are kept in the store.
    """
    from simviz.runs import worker

    sign = 1 if metric in RISING else -1
    found: dict[str, dict[float, float]] = {str(parse_setting(s)): {} for s in settings}
    wanted = {s: list(rates) for s in found}
    for _ in range(WIDENED + 1):
        specs = [checked(loss=s, lr=r, seed=seed, **base) for s, new in wanted.items() for r in new]
        if not specs:
            break
        comparison = create(specs, title=f"learning rates {base.get('dataset', '')}", store=store)
        worker.work(comparison, listener)
        for run in comparison.runs:
            lines = run.metrics()
            value = lines[-1].get(metric) if lines and run.status["state"] == "finished" else None
            found[run.setting][run.spec.lr] = -math.inf if value is None else sign * value
        wanted = {s: _beyond(values) for s, values in found.items()}
    return {s: max(values, key=lambda r: (values[r], -r)) for s, values in found.items()}


def _beyond(values: dict[float, float]) -> list[float]:
    """The next rate to try where the best so far lies at an edge of those tried."""
    best, low, high = max(values, key=lambda r: (values[r], -r)), min(values), max(values)
    return [high * 3] if best == high else [low / 3] if best == low else []
