"""Comparisons: settings x seeds -> runs -> one table. Data, split, model and batches are the same for all."""

from simviz.compare.differences import Duel, against, duel, findings
from simviz.compare.rows import (
    OWN,
    Row,
    blur_warnings,
    comparison_ruler,
    decided_elsewhere,
    decoded_by,
    decoder_for,
    decoder_needs,
    has_similarity,
    measured,
    table,
    trained_similarity,
)
from simviz.compare.settings import create, is_control, specs_for, with_controls
from simviz.runs import tuning
from simviz.runs.records import MAX_RUNS

__all__ = [
    "MAX_RUNS",
    "OWN",
    "Duel",
    "Row",
    "against",
    "blur_warnings",
    "comparison_ruler",
    "create",
    "decided_elsewhere",
    "decoded_by",
    "decoder_for",
    "decoder_needs",
    "duel",
    "findings",
    "has_similarity",
    "is_control",
    "measured",
    "specs_for",
    "table",
    "trained_similarity",
    "tuning",
    "with_controls",
]
