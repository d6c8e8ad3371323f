"""What would it bring my model? Deciding by cost, or another loss on its last layer: the answer in a sentence."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from simviz import npz
from simviz.evaluation import Change, Gain, Outcome
from simviz.runs import Run
from simviz.ui import cache, cache_severity, charts, links, state
from simviz.ui.cache import Stamp
from simviz.ui.evidence import Evidence
from simviz.ui.text import plain

FIRST = ("simloss", "soft_labels", "expected_cost")
Rows = list[tuple[str, Outcome]]


def show(found: Evidence) -> dict[str, Any]:
    """The model, the answer, the table behind it; with features, another loss on the last layer.

    Returned is what `report.reading` needs to answer the same.
    """
    run = _model(found)
    stamp = cache.stamps(run, found.part)[0]
    assert stamp is not None  # a run without predictions is not in evidence
    said: dict[str, Any] = {"model": run.id, "by_cost": _by_cost(found, stamp), "layers": []}
    try:
        kept = "features" in npz.headers(run.path / f"{found.part}.npz")
    except ValueError as error:
        st.error(plain(error))
        return said
    if kept:
        said["layers"] = _last_layers(found, stamp)
    else:
        st.caption(
            "No penultimate features are kept with these predictions, so what another loss would make of them cannot "
            "be asked here."
        )
    return said


def _model(found: Evidence) -> Run:
    """One run; chosen where there are several."""
    runs = {run.id: run for run in found.comparison.runs}
    links.unknown(state.MODEL, runs, "model")
    if len(runs) == 1:
        return next(iter(runs.values()))
    if st.session_state.get(state.MODEL) not in (None, *runs):
        del st.session_state[state.MODEL]  # kept from a comparison that had it
    return runs[st.selectbox("Model", list(runs), key=state.MODEL, bind="query-params", width=320)]


def _by_cost(found: Evidence, stamp: Stamp) -> bool:
    """The answer, or why there is none; whether there is one."""
    try:
        gain = cache_severity.gain(stamp, found.classes, found.ruler)
    except ValueError as error:  # says why there is nothing to estimate
        st.info(plain(error))
        return False
    st.markdown(f"**{plain(gain.sentence(found.ruler.unit))}**")
    _table("decided by", "the most probable class", [("least expected cost", gain.outcome)])
    st.caption(f"{plain(_temperatures(gain))} {plain(_samples(found, gain.outcome))} Ruler: {plain(found.ruler_text)}.")
    return True


def _temperatures(gain: Gain) -> str:
    if gain.impossible:
        return (
            f"The true class of {gain.impossible:,} of the samples has probability 0, which no temperature repairs: p "
            "is taken as it is."
        )
    first, second = gain.temperatures
    return (
        f"log p is divided by a temperature fitted on one half of the units, {first:.2f} and {second:.2f}, and the "
        f"other half is decided with it; on all of them it is {gain.temperature:.2f}, the one to use from now on."
    )


def _samples(found: Evidence, outcome: Outcome) -> str:
    name = found.comparison.info.get("unit_name", "image")
    of = "" if outcome.units == outcome.samples else f" of {outcome.units:,} {name}s"
    return (
        f"{found.part.capitalize()} part, {outcome.samples:,} samples{of}, {outcome.changed:,} of them decided "
        f"otherwise; intervals resample {'samples' if not of else f'{name}s'}. They hold for new samples of the "
        "same kind."
    )


def _table(heading: str, plainly: str, rows: Rows) -> None:
    """What it is now, then each alternative with its changes."""
    first = rows[0][1]
    lines: list[dict[str, object]] = [
        {heading: plainly, "mean cost": first.cost.before, "accuracy": 100 * first.accuracy.before}
    ]
    for name, one in rows:
        lines.append({heading: name, **_cells("mean cost", one.cost, 1), **_cells("accuracy", one.accuracy, 100)})
    number = st.column_config.NumberColumn
    columns = {}
    for metric, form, signed, what in (
        ("mean cost", "%.3f", "%+.3f", "Mean cost"),
        ("accuracy", "%.1f %%", "%+.1f", "Points of accuracy"),
    ):
        columns[metric] = number(format=form)
        columns[f"change of {metric}"] = number("change", format=signed, help=f"{what}, after minus before.")
        for side in ("from", "to"):
            columns[f"{metric} {side}"] = number(side, format=signed, help=f"{what}: the interval of the change.")
    said = "; ".join(f"{n}: mean cost {o.cost.after:.3f}, accuracy {o.accuracy.after:.1%}" for n, o in rows)
    charts.table(
        pd.DataFrame(lines, columns=[heading, *columns]),
        f"Gain, {heading}",
        f"{plainly}: mean cost {first.cost.before:.3f}, accuracy {first.accuracy.before:.1%}; {said}",
        placeholder="",
        column_config=columns,
    )


def _cells(metric: str, change: Change, factor: int) -> dict[str, float]:
    return {
        metric: factor * change.after,
        f"change of {metric}": factor * change.mean,
        f"{metric} from": factor * change.low,
        f"{metric} to": factor * change.high,
    }


def _last_layers(found: Evidence, stamp: Stamp) -> list[str]:
    """Heads of other losses against one of cross entropy, when they are asked for; those that were judged."""
    label = "And if its last layer were trained with another loss?"
    with links.expander(label, state.LAYERS, ":material/layers:") as box:
        if not box.open:
            return []
        able = [name for name in cache.losses_for(found.classes) if name != "ce"]
        if not set(st.session_state.get(state.HEADS) or ()) <= set(able):
            del st.session_state[state.HEADS]  # kept from a comparison whose classes have an order
        asked = st.multiselect("Losses", able, default=list(FIRST), key=state.HEADS, bind="query-params")
        if not asked:
            st.info("Choose a loss.")
            return []
        try:
            outcomes = cache_severity.head_gains(stamp, found.classes, found.ruler, tuple(asked))
        except ValueError as error:
            st.info(plain(error))
            return []
        _told(found, list(zip(asked, outcomes, strict=True)))
        return list(asked)


def _told(found: Evidence, rows: Rows) -> None:
    name, best = min(rows, key=lambda row: row[1].cost.after)
    st.markdown(f"**{plain(best.sentence(f'A last layer of {name} in place of ce', found.ruler.unit))}**")
    _table("last layer of", "ce", rows)
    st.caption(
        f"{_of(rows)} "
        ":orange-badge[last layer only] Everything below the last layer stays as it was trained. Each loss, and cross "
        "entropy beside it, is fitted to one half of the units and asked about the other, by the most probable class; "
        "with all of them to fit to, heads are better. The matrix is the ruler, or for words its closest pairs. "
        f"{plain(_samples(found, best))} Ruler: {plain(found.ruler_text)}."
    )


def _of(rows: Rows) -> str:
    if len(rows) == 1:
        return ""
    return f"Least mean cost of {len(rows)}; the intervals are as wide as choosing among so many asks for (Bonferroni)."
