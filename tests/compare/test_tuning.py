from __future__ import annotations

import pytest

from simviz import compare
from simviz.compare import tuning
from simviz.runs import Store

from .helpers import BASE


@pytest.mark.parametrize(
    ("values", "beyond"),
    [({0.1: 1, 0.3: 2}, [0.9]), ({0.1: 2, 0.3: 1}, [0.1 / 3]), ({0.1: 1, 0.3: 2, 0.9: 1}, []), ({0.3: 1}, [0.9])],
)
def test_the_range_of_rates_is_widened_while_the_best_lies_at_an_edge(values, beyond):
    assert tuning._beyond(values) == pytest.approx(beyond)


def test_tuning_takes_the_best_rate_of_its_runs_by_the_stated_metric(tiny_folder, tmp_path):
    base = {**BASE, "epochs": 2, "dataset": str(tiny_folder)}
    best = compare.tune(["ce", "expected_cost@words"], rates=(1e-5, 3e-3), metric="nll", store=Store(tmp_path), **base)
    runs = [r for c in Store(tmp_path) for r in c.runs]
    for setting, rate in best.items():
        found = {r.spec.lr: r.metrics()[-1]["nll"] for r in runs if r.setting == setting}
        assert len(found) >= 3
        assert found[rate] == min(found.values())
