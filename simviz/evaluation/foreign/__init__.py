"""Predictions of any model, from a file: `source` reads it, `guess` says what it means, `read` makes predictions."""

from simviz.evaluation.foreign.corrections import NAMES, corrected, spoken
from simviz.evaluation.foreign.files import FORMATS, source
from simviz.evaluation.foreign.guess import LAYOUTS, SCALES, Guess, guess
from simviz.evaluation.foreign.reading import Foreign, dumps, read
from simviz.evaluation.foreign.table import Source

__all__ = [
    "FORMATS",
    "LAYOUTS",
    "NAMES",
    "SCALES",
    "Foreign",
    "Guess",
    "Source",
    "corrected",
    "dumps",
    "guess",
    "read",
    "source",
    "spoken",
]
