import numpy as np

from simviz.evaluation import Reliability
from simviz.figures import style
from simviz.figures.calibration import reliability

FOUND = Reliability(np.array([5, 60, 35]), np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.6]))


def test_points_lie_at_confidence_and_accuracy_and_few_samples_are_hollow():
    points = reliability(FOUND, "emd2").data[2]
    assert points.x.tolist() == [0.1, 0.5, 0.9]
    assert points.y.tolist() == [0.2, 0.5, 0.6]
    assert points.customdata.tolist() == [5, 60, 35]
    assert [s.endswith("-open") for s in points.marker.symbol] == [True, False, False]
    assert points.marker.color == style.color("emd2")


def test_gaps_lead_to_the_diagonal_and_weigh_up_to_the_ece():
    fig = reliability(FOUND, "ce")
    diagonal, gaps = fig.data[:2]
    assert tuple(diagonal.x) == tuple(diagonal.y) == (0, 1)
    x, ends = gaps.x[::3], np.array([gaps.y[::3], gaps.y[1::3]], dtype=float)
    assert ends[0].tolist() == list(x)
    weights = FOUND.count / FOUND.count.sum()
    assert np.isclose((weights * np.abs(ends[1] - ends[0])).sum(), FOUND.ece)


def test_the_counts_of_all_bins_stand_below():
    counts = reliability(FOUND, "ce", title="ce, test").data[3]
    assert list(counts.y[1::3]) == [5, 60, 35]
    assert counts.yaxis == "y2"
