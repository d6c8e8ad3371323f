"""Matrices of similarity and distance between classes, and what builds them."""

from simviz.matrices.core import ClassMatrix
from simviz.matrices.groups import groups
from simviz.matrices.order import class_order
from simviz.matrices.positions import positions
from simviz.matrices.registry import available, build, shuffled
from simviz.matrices.words import word_similarity

__all__ = [
    "ClassMatrix",
    "available",
    "build",
    "class_order",
    "groups",
    "positions",
    "shuffled",
    "word_similarity",
]
