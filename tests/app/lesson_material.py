"""Comparisons whose answers are known, because their predictions were planted."""

from __future__ import annotations

from simviz import ClassSet

TOLD = "simloss@words:keep=0.02"
SHUFFLED = "simloss@words:keep=0.02,shuffle=1"
KINDS = ClassSet(["cat", "dog", "car", "truck"], groups=["animal", "animal", "vehicle", "vehicle"])
TARGET = [0, 1, 2, 3] * 10
NEAR, FAR = (1, 0, 3, 2), (2, 3, 0, 1)  # the other one of the group; one of the other group


def answers(near: int, far: int) -> list[int]:
    """Predictions for `TARGET`: this many mistakes within the group, then this many across, then none."""
    mistakes = [NEAR[t] for t in TARGET[:near]] + [FAR[t] for t in TARGET[near : near + far]]
    return mistakes + TARGET[near + far :]
