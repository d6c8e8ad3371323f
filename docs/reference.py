"""The reference of the library as HTML, from its docstrings: `python docs/reference.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc

import simviz

MODULES = ("simviz", "!simviz.ui", "!simviz.cli", "!simviz.__main__")  # pages and commands are no library


def build(folder: Path) -> None:
    """Write a page a module below `folder`."""
    for name in simviz.__all__:  # what loads on use has to be there to be described
        setattr(simviz, name, getattr(simviz, name))
    pdoc.render.configure(docformat="numpy", math=True, footer_text="simviz")
    pdoc.pdoc(*MODULES, output_directory=folder)


if __name__ == "__main__":
    build(Path(sys.argv[1] if len(sys.argv) > 1 else "site"))
