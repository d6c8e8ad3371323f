"""clock: hands where the minute says, on a circle, in clocks that give nothing else away."""

from __future__ import annotations

import numpy as np
import pytest

from simviz import matrices
from simviz.datasets import clock as source

from .helpers import ink, middle_turn, pointer


def test_the_longest_hand_points_at_the_minute():
    minutes = np.arange(60)
    images = source.compose(minutes, 256, np.random.default_rng(0))
    away = np.abs(pointer(images) * 60 - minutes)
    assert np.minimum(away, 60 - away).max() < 0.5


@pytest.mark.parametrize(("minute", "past_the_hour"), [(0, 0.0), (30, 0.5)])
def test_the_hour_hand_stands_where_it_stands_at_that_minute(minute, past_the_hour):
    """At the full hour it points at one of twelve places, half an hour later between two of them."""
    seen = set()
    for image in source.compose(np.full(200, minute), 128, np.random.default_rng(0)):
        turn, reach = ink(image)
        from_long = np.abs((turn - minute / 60 + 0.5) % 1 - 0.5)
        short = (reach > 0.25) & (reach < 0.35) & (from_long > 1 / 15)
        if short.any() and from_long[short].min() > 0.09:  # else the hands run into each other
            hours = 12 * middle_turn(turn[short])
            assert abs((hours - past_the_hour + 0.5) % 1 - 0.5) < 0.25
            seen.add(round(hours - past_the_hour) % 12)
    assert len(seen) >= 8  # all hours but those near the long hand


def test_minute_59_lies_next_to_minute_0():
    distance = matrices.positions(source.classes()).values
    assert distance[59, 0] == distance[0, 1] == distance.max() / 30


def test_every_minute_is_in_every_part_and_drawing_repeats(clock):
    for part in ("train", "validation", "test"):
        counts = np.bincount(clock.labels[clock.indices(part)], minlength=60)
        assert counts.min() == counts.max() > 0
    assert clock.classes.circular
    assert clock.augment == ()  # a mirrored clock shows another minute
    assert source.draw().fingerprint == clock.fingerprint
    assert len(np.unique(clock.images.reshape(len(clock), -1), axis=0)) == len(clock)
