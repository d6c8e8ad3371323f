"""One sample is enough: a file of one row becomes a comparison that every page of results shows."""

import re

import pytest

from simviz.cli import main
from simviz.runs import Store
from tests.app.reading import figures, says

ROWS = {
    "decided": b"y_true,y_pred\ncat,dog\n",
    "right": b"y_true,y_pred\ncat,cat\n",
    "scored": b"y_true,p_cat,p_dog\ncat,.4,.6\n",
}


@pytest.mark.parametrize("case", ROWS)
def test_one_sample_is_shown(visit, runs, tmp_path, case):
    path = tmp_path / f"{case}.csv"
    path.write_bytes(ROWS[case])
    classes = ["--classes", "cat,dog"]
    assert main(["evaluate", str(path), "--runs", str(runs), *classes]) == 0
    (made,) = Store(runs).comparisons()
    assert made.runs[0].result()["accuracy"] == (1.0 if case == "right" else 0.0)
    for page in ("confusion", "severity", "runs"):
        at = visit(page, c=made.id)
        assert not at.error, says(at)
        assert figures(at) or page == "runs"
        if page == "confusion":
            assert re.search(r"test part of .*: 1 image[ ,]", says(at), re.I)
