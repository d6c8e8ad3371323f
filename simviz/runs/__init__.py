"""Runs on disk and the processes that make them. Loads without torch; the worker imports it."""

from simviz.runs.files import StoreError, read_only
from simviz.runs.spec import RunSpec, checked
from simviz.runs.store import Comparison, Run, Store, default_root

__all__ = ["Comparison", "Run", "RunSpec", "Store", "StoreError", "checked", "default_root", "read_only"]
