from __future__ import annotations

import numpy as np
import pytest

from simviz import compare


def test_differences_are_paired_by_seed(comparison):
    rows = compare.table(comparison)
    base = next(r for r in rows if r.label == "ce")
    differences = compare.against(rows)
    assert "ce" not in differences
    for label, row in differences.items():
        own = next(r for r in rows if r.label == label)
        expected = np.subtract(own.values["accuracy"], base.values["accuracy"])
        assert row.values["accuracy"] == pytest.approx(list(expected))


def test_findings_name_each_setting_asked_for_and_decide_nothing_within_the_interval(comparison):
    rows = compare.table(comparison)
    texts = compare.findings(rows)
    assert [t.split(" against ")[0] for t in texts] == [r.label for r in rows if not r.control and r.label != "ce"]
    for text, label in zip(texts, [t.split(" against ")[0] for t in texts], strict=True):
        low, high = compare.against(rows)[label].interval("accuracy")
        assert ("not told apart on 2 seeds" in text.split(";")[0]) == (low <= 0 <= high)
