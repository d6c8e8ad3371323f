"""How sure each loss is and how often it is right then: reliability, ECE, NLL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from simviz import compare, evaluation
from simviz.evaluation import BINNINGS, Reliability
from simviz.evaluation.metrics import ECE_BINS
from simviz.figures import calibration as pictures
from simviz.report.closer import with_probabilities
from simviz.ui import cache, cache_severity, charts, evidence, links, state
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain
from simviz.ui.views import severity_table

SIDE = 3
CUTS = {
    "equal-width": f"{ECE_BINS} bins of equal width; empty ones have no point",
    "equal-mass": f"{ECE_BINS} bins of as many samples each",
}
ABOUT = {
    "nll": ("NLL", "Mean of -log p of the true class, in nats; less is better."),
    "ece": ("ECE", "Expected calibration error: |accuracy - confidence|, mean over the samples' bins; 0 is best."),
    "lean": ("leans", "Mean confidence minus accuracy: above 0 it is surer than it is right."),
}


def show(found: Evidence, rows: list[compare.Row]) -> dict[str, Any]:
    """The kind of bins, which is returned, the numbers, and a diagram a setting."""
    links.unknown(state.BINNING, BINNINGS, "kind of bins")
    binning = st.segmented_control(
        "Bins",
        BINNINGS,
        default=BINNINGS[0],
        required=True,
        key=state.BINNING,
        bind="query-params",
        help="equal-width: 15 intervals of confidence. equal-mass: 15 bins of as many samples each.",
    )
    rows = with_probabilities(rows)
    by_seed = {r.label: _by_seed(found, r) for r in rows}
    numbers = []
    for row in rows:
        one = [evaluation.reliability(*pair, binning) for pair in by_seed[row.label]]
        own: dict[str, list[float | None]] = {"ece": [r.ece for r in one], "lean": [r.lean for r in one]}
        numbers.append(replace(row, values={"nll": row.values["nll"], **own}))
    severity_table.metric_table(found, numbers, ABOUT, "Calibration")
    pooled = {}
    for row in rows:
        confidence, right = (np.concatenate(parts) for parts in zip(*by_seed[row.label], strict=True))
        pooled[row.label] = evaluation.reliability(confidence, right, binning)
    _diagrams(found, rows, pooled, binning)
    for text in worse_softened(found, rows):
        st.warning(plain(text), icon=":material/thermostat:")
    without = f" Only the decided class is known of {', '.join(found.bare)}: no probabilities." if found.bare else ""
    st.caption(
        f"Confidence is the probability of the most probable class, as the decoder reads p: softened for min_cost, "
        "S p / sum(S p) for blurred, p itself for the others; the decision and the ruler play no part. "
        f"{CUTS[binning][0].upper()}{CUTS[binning][1:]}. "
        "In the diagrams the samples of all seeds lie in one; the table's ECE is the mean of each seed's own. Hollow: "
        f"fewer than {pictures.FEW} samples. Guo et al. 2017.{plain(without)}"
    )
    _table(pooled)
    return {"binning": binning}


def worse_softened(found: Evidence, rows: list[compare.Row]) -> list[str]:
    """A sentence for every setting whose temperature, fitted on validation, makes the probabilities worse here."""
    if all(r.decoder != "min_cost" for r in rows):
        return []
    by_label = {r.label: r for r in replace(found, decoder="argmax").table}
    texts = []
    for row in rows:
        raw = by_label.get(row.setting)
        if row.decoder != "min_cost" or raw is None:
            continue
        before, after = raw.mean("nll"), row.mean("nll")
        stamps = [cache.stamps(run, found.part)[1] for run in found.comparison.groups[row.setting]]
        there = [cache_severity.temperature(stamp)[1] for stamp in stamps if stamp is not None]
        if there and before is not None and after is not None and after > before:
            texts.append(
                f"{row.setting}: the temperature fitted on validation makes the NLL worse here, {after:.3f} against "
                f"{before:.3f}. The most probable class is right for {np.mean(there):.1%} of validation and "
                f"{raw.mean('accuracy'):.1%} here, so what is fitted there does not carry over."
            )
    return texts


def _by_seed(found: Evidence, row: compare.Row) -> list[tuple[np.ndarray, np.ndarray]]:
    stamps = [cache.stamps(run, found.part) for run in found.runs_of(row)]
    return [cache_severity.confidences(of, found.classes, row.decoder) for of in stamps]


def _diagrams(found: Evidence, rows: list[compare.Row], pooled: dict[str, Reliability], binning: str) -> None:
    for start in range(0, len(rows), SIDE):
        for column, row in zip(st.columns(SIDE), rows[start : start + SIDE], strict=False):
            one = pooled[row.label]
            seeds = evidence.seeds_text([len(row.seeds)])
            title = f"{row.setting}, {found.part}, {row.decoder}, {seeds}, {binning}; ruler {found.ruler_text}"
            too = "surer" if one.lean > 0 else "less sure"
            alt = f"{row.label} is {too} than it is right, by {abs(one.lean):.1%} on average; ECE {one.ece:.3f}"
            with column:
                fig = pictures.reliability(one, row.setting, title=title)
                charts.show(fig, f"reliability-{rows.index(row)}", alt)


def _table(pooled: dict[str, Reliability]) -> None:
    """The numbers behind the diagrams."""
    with links.expander("Bins as a table", state.BINS_TABLE, ":material/table:") as box:
        if not box.open:
            return
        parts = [
            pd.DataFrame({"setting": k, "confidence": r.confidence, "accuracy": r.accuracy, "samples": r.count})
            for k, r in pooled.items()
        ]
        share = st.column_config.NumberColumn(format="percent")
        columns = {"confidence": share, "accuracy": share}
        bins = pd.concat(parts)
        charts.table(bins, "Reliability by bin", "Reliability by bin", column_config=columns, height=420)
