"""What predictions are worth: confusion, metrics under a ruler, decoders, statistics. No torch."""

from simviz.evaluation import statistics
from simviz.evaluation.answers import Answer, answer
from simviz.evaluation.blurred import blur_error_bound, blur_warning, blurred, column_ratio
from simviz.evaluation.calibration import BINNINGS, Reliability, confidences, reliability
from simviz.evaluation.confusion import (
    class_severity,
    confusion_matrix,
    confusion_order,
    error_distances,
    normalise,
    top_pairs,
)
from simviz.evaluation.decoders import DECODERS, apply_temperature, decode, fit_temperature
from simviz.evaluation.differences import Answers, CellDifferences, cell_differences, joined_differences
from simviz.evaluation.gain import Change, Gain, Outcome, change, gain_by_cost, halves, outcome
from simviz.evaluation.metrics import metrics, metrics_from_confusion
from simviz.evaluation.ranking import ahd_at_k, ahd_curve
from simviz.evaluation.ruler import RULERS, Ruler, ruler

__all__ = [
    "BINNINGS",
    "DECODERS",
    "RULERS",
    "Answer",
    "Answers",
    "CellDifferences",
    "Change",
    "Gain",
    "Outcome",
    "Reliability",
    "Ruler",
    "ahd_at_k",
    "ahd_curve",
    "answer",
    "apply_temperature",
    "blur_error_bound",
    "blur_warning",
    "blurred",
    "cell_differences",
    "change",
    "class_severity",
    "column_ratio",
    "confidences",
    "confusion_matrix",
    "confusion_order",
    "decode",
    "error_distances",
    "fit_temperature",
    "gain_by_cost",
    "halves",
    "joined_differences",
    "metrics",
    "metrics_from_confusion",
    "normalise",
    "outcome",
    "reliability",
    "ruler",
    "statistics",
    "top_pairs",
]
