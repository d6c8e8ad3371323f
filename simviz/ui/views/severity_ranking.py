"""How far the k best-ranked classes are from the true one: AHD@k."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from simviz import compare
from simviz.evaluation.ranking import LONGEST
from simviz.figures import ranking as pictures
from simviz.ui import cache, cache_severity, charts, links, state
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain
from simviz.ui.views import severity_table


def show(found: Evidence, rows: list[compare.Row]) -> dict[str, Any]:
    """The choice of k, which is returned, the curve of each row, and the numbers at that k."""
    rows = [r for r in rows if r.decoder != compare.OWN]
    longest = min(LONGEST, len(found.classes))
    k = _top(longest)
    each = {r.label: np.stack(_curves(found, r)) for r in rows}
    means = {label: curves.mean(axis=0) for label, curves in each.items()}
    title = found.title(len(r.seeds) for r in rows)
    least = min(means, key=lambda label: means[label][k - 1])
    alt = f"Least AHD@{k}: {least} ({means[least][k - 1]:.3f})"
    charts.show(pictures.top_distances(means, unit=found.ruler.unit, k=k, title=title), "top-k", alt)
    every = [replace(r, values={f"ahd@{n + 1}": each[r.label][:, n].tolist() for n in range(longest)}) for r in rows]
    about = f"Mean distance of the {k} best-ranked classes to the true one, in {found.ruler.unit}."
    severity_table.metric_table(found, every, {f"ahd@{k}": (f"AHD@{k}", about)}, "AHD@k")
    st.latex(r"\mathrm{AHD@}k = \frac1N \sum_n \frac1k \sum_{r=1}^{k} D_{y_n,\,c_{nr}}")
    without = f" Only the decided class is known of {', '.join(found.bare)}: no ranking." if found.bare else ""
    st.caption(
        f"{plain(alt)}. c_nr is the class that sample n has at rank r, the decision first (so AHD@1 is the mean cost), "
        "then by expected cost for min_cost (Karthik et al., ICLR 2021) and by probability, as the decoder reads it, "
        "for the others. Bertinetto et al., “Making Better Mistakes”, CVPR 2020, who show k = 1, 5 and 20. "
        f"At k = {len(found.classes):,}, all classes, every model has the same value.{plain(without)}"
    )
    return {"k": k}


def _top(longest: int) -> int:
    links.outside(state.TOP, 1, longest, "the number of ranked classes")
    if not 1 <= int(st.session_state.get(state.TOP) or 1) <= longest:
        del st.session_state[state.TOP]  # kept from a comparison of more classes
    return st.number_input("k", 1, longest, min(5, longest), 1, key=state.TOP, bind=links.bind(state.TOP), width=160)


def _curves(found: Evidence, row: compare.Row) -> list[np.ndarray]:
    stamps = [cache.stamps(run, found.part) for run in found.runs_of(row)]
    return [cache_severity.ranking(of, found.classes, found.ruler, row.decoder) for of in stamps]
