"""Losses that know how classes relate: one file a loss, one contract (`ClassLoss`), one registry."""

# The order of these imports is the order of available().
# isort: off
from simviz.losses.base import ClassLoss
from simviz.losses.registry import available, build, get, register, unregister
from simviz.losses.cross_entropy import CrossEntropyLoss, cross_entropy
from simviz.losses.simloss import SimLoss, embedding_sim_loss, sim_loss
from simviz.losses.emd2 import SquaredEMDLoss, squared_emd
from simviz.losses.expected_cost import ExpectedCostLoss, expected_cost
from simviz.losses.ground_distance import GroundDistanceLoss, ground_distance_loss, normalized_distance
from simviz.losses.self_guided import SelfGuidedEMDLoss, learned_distance
from simviz.losses.sinkhorn import SinkhornLoss, sinkhorn_loss
from simviz.losses.soft_labels import SoftLabelsLoss, soft_label_loss, soft_labels
from simviz.losses.cdw_ce import CDWCELoss, cdw_ce
from simviz.losses.group_ce import GroupCELoss, group_ce
from simviz.losses.hxe import HXELoss, hxe
from simviz.losses.tree import tree_nodes
from simviz.losses.dldl import DLDLLoss, dldl_loss, gaussian_labels
from simviz.losses.forward_correction import ForwardCorrectionLoss, forward_correction
from simviz.losses.gce import GCELoss, generalized_cross_entropy
from simviz.losses.coral import CORALLoss, coral_loss
from simviz.losses.corn import CORNLoss, corn_loss
from simviz.losses.or_cnn import ORCNNLoss, or_cnn_loss
# isort: on

__all__ = [
    "CDWCELoss",
    "CORALLoss",
    "CORNLoss",
    "ClassLoss",
    "CrossEntropyLoss",
    "DLDLLoss",
    "ExpectedCostLoss",
    "ForwardCorrectionLoss",
    "GCELoss",
    "GroundDistanceLoss",
    "GroupCELoss",
    "HXELoss",
    "ORCNNLoss",
    "SelfGuidedEMDLoss",
    "SimLoss",
    "SinkhornLoss",
    "SoftLabelsLoss",
    "SquaredEMDLoss",
    "available",
    "build",
    "cdw_ce",
    "coral_loss",
    "corn_loss",
    "cross_entropy",
    "dldl_loss",
    "embedding_sim_loss",
    "expected_cost",
    "forward_correction",
    "gaussian_labels",
    "generalized_cross_entropy",
    "get",
    "ground_distance_loss",
    "group_ce",
    "hxe",
    "learned_distance",
    "normalized_distance",
    "or_cnn_loss",
    "register",
    "sim_loss",
    "sinkhorn_loss",
    "soft_label_loss",
    "soft_labels",
    "squared_emd",
    "tree_nodes",
    "unregister",
]
