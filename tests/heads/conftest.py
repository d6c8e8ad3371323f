"""Frozen features for every test of this folder."""

from __future__ import annotations

import numpy as np
import pytest

from simviz import heads


@pytest.fixture
def blobs():
    """Classes as overlapping clouds: features of `count` samples, `width` wide, of `classes` classes."""

    def make(count=400, width=12, classes=5, *, seed=0, distance=2.0, present=None):
        random = np.random.default_rng(seed)
        centres = distance * np.random.default_rng(99).normal(size=(classes, width)) / np.sqrt(width)
        target = np.arange(count) % (classes if present is None else present)
        values = centres[target] * 3 + random.normal(size=(count, width)) * np.linspace(0.2, 3, width) + 5
        return heads.features(values, target, classes)

    return make
