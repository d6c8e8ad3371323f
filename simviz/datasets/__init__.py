"""Data sets: every source of pictures gives the same in-memory `ImageDataset`."""

from simviz.datasets.core import ImageDataset, card
from simviz.datasets.registry import available, load

__all__ = ["ImageDataset", "available", "card", "load"]
