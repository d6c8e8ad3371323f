"""Losses that know how classes relate: one file a loss, one contract (`ClassLoss`), one registry."""

# The order of these imports is the order of available().
# isort: off
from simviz.losses.base import ClassLoss
from simviz.losses.registry import available, build, get, register, unregister
from simviz.losses.cross_entropy import CrossEntropyLoss, cross_entropy
from simviz.losses.simloss import SimLoss, sim_loss
from simviz.losses.emd2 import SquaredEMDLoss, squared_emd
from simviz.losses.expected_cost import ExpectedCostLoss, expected_cost
from simviz.losses.ground_distance import GroundDistanceLoss, ground_distance_loss, normalized_distance
# isort: on

__all__ = [
    "ClassLoss",
    "CrossEntropyLoss",
    "ExpectedCostLoss",
    "GroundDistanceLoss",
    "SimLoss",
    "SquaredEMDLoss",
    "available",
    "build",
    "cross_entropy",
    "expected_cost",
    "get",
    "ground_distance_loss",
    "normalized_distance",
    "register",
    "sim_loss",
    "squared_emd",
    "unregister",
]
