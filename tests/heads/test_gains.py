"""What other last layers bring, beside cross entropy fitted the same way."""

import numpy as np
import pytest

from simviz import ClassSet, evaluation, heads, losses

AGES = ClassSet([f"{age}" for age in range(5)], positions=range(5))
RULER = evaluation.ruler(AGES)


def test_changes_are_those_of_cross_fitted_heads(blobs):
    samples = blobs()
    asked = [losses.build(s, AGES) for s in ("expected_cost@positions", "simloss@order:r=0.5")]
    found = heads.gains(samples, asked, classes=AGES, ruler=RULER)
    logs = heads.cross_fitted(samples, [losses.build("ce", AGES), *asked])
    costs = [np.abs(one.argmax(1) - samples.target).mean() for one in logs]
    rights = [(one.argmax(1) == samples.target).mean() for one in logs]
    for place, one in enumerate(found, start=1):
        assert (one.cost.before, one.cost.after) == pytest.approx((costs[0], costs[place]))
        assert (one.accuracy.before, one.accuracy.after) == pytest.approx((rights[0], rights[place]))
        assert one.changed == (logs[0].argmax(1) != logs[place].argmax(1)).sum()
        assert one.cost.level == pytest.approx(0.975)  # of two intervals, both at once at 95 %


def test_cross_entropy_brings_nothing_beside_itself(blobs):
    (found,) = heads.gains(blobs(), [losses.build("ce", AGES)], classes=AGES, ruler=RULER)
    assert found.changed == found.cost.mean == found.accuracy.mean == 0
    assert found.cost.low < 0 < found.cost.high


@pytest.mark.parametrize("units", [3, 19, 20])
def test_few_units_are_no_interval(blobs, units):
    """The check and the sentence of `evaluation.gain_by_cost`."""
    samples = blobs(classes=2)
    few = heads.features(samples.values, samples.target, 5, np.arange(len(samples)) % units)
    asked = [losses.build("gce", AGES)]
    if units == 20:
        assert heads.gains(few, asked, classes=AGES, ruler=RULER)[0].units == 20
        return
    with pytest.raises(ValueError, match=f"400 samples of {units} units are too few to tell"):
        heads.gains(few, asked, classes=AGES, ruler=RULER)


def test_no_losses_is_an_error(blobs):
    with pytest.raises(ValueError, match="no losses"):
        heads.gains(blobs(), [], classes=AGES, ruler=RULER)
