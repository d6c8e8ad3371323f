"""simviz: losses that know how classes relate, and pictures of what they change.

Everything loads when it is first used: ``import simviz`` imports neither torch nor streamlit.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "classes",
    "compare",
    "datasets",
    "evaluation",
    "figures",
    "hyperparameters",
    "losses",
    "matrices",
    "models",
    "runs",
    "settings",
    "training",
    "words",
)
_NAMES = {"ClassSet": "simviz.classes", "ClassMatrix": "simviz.matrices"}

__all__ = ["ClassMatrix", "ClassSet", "__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"simviz.{name}")
    raise AttributeError(f"module 'simviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
