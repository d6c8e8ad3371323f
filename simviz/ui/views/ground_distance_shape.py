"""The learned distance as a tree beside a known one, and as a map on which the classes move."""

from __future__ import annotations

import numpy as np
import streamlit as st

from simviz.evaluation import agreement
from simviz.figures import distance as pictures
from simviz.matrices import ClassMatrix, anatomy
from simviz.ui import cache, charts
from simviz.ui.text import plain
from simviz.ui.views.ground_distance_agreement import number
from simviz.ui.views.ground_distance_runs import Learned

TREE_CLASSES = 130
TREE_WIDTH = 640  # two trees read badly where the lines between them are long


def trees(found: Learned, row: int) -> None:
    """The tree of the epoch in view and that of what is known, face to face."""
    name = next(iter(n for n in ("words", "groups", "positions") if n in found.references), None)
    if name is None or len(found.classes) < 3:
        return
    st.subheader(f"Its tree beside that of {name}")
    known = ClassMatrix(found.classes, found.references[name], "distance")
    mine, other = cache.tree(found.matrix(row)), cache.tree(known)
    r = agreement.cophenetic_correlation(mine, other)
    if len(found.classes) <= TREE_CLASSES:
        fig = pictures.trees(mine, other, found.classes.names, (f"learned, epoch {found.epochs[row]}", name))
        with st.container(width=TREE_WIDTH):
            charts.show(
                fig, "trees", f"Two trees of the classes, learned and by {name}; cophenetic correlation {number(r)}"
            )
    st.caption(
        f"Average linkage. Cophenetic correlation {number(r)}: how alike the heights are at which two classes join. "
        "A flat line joins a class that both trees put in the same place; the right tree is turned at its joins so "
        "that fewer lines cross."
    )


def moves(found: Learned, row: int) -> None:
    """The map of the classes, with arrows from the first epoch."""
    if len(found.classes) < 3:
        return
    st.subheader("How the classes moved")
    if row == 0:
        st.caption(f"Epoch {found.epochs[0]} is the first that was kept. Choose a later one to see what has moved.")
        return
    start, _ = anatomy.class_map(found.matrix(0))
    end, shown = anatomy.class_map(found.matrix(row))
    groups = None if found.classes.groups is None else [path[0] for path in found.classes.groups]
    end = agreement.procrustes(end, start)
    fig = pictures.moves(start, end, found.classes.names, groups)
    far = int(np.linalg.norm(end - start, axis=1).argmax())
    said = f"{found.classes.names[far]} moved farthest between epochs {found.epochs[0]} and {found.epochs[row]}"
    charts.show(fig, "moves", said)
    st.caption(
        plain(
            f"{said}. Classical scaling to the plane, which shows {shown:.0%} of the squared distances of epoch "
            f"{found.epochs[row]}; turned and mirrored onto epoch {found.epochs[0]} (Procrustes)."
        )
    )
