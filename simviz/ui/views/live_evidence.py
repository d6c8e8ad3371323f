"""Whose features there are, what they are worth, and how far a last layer alone can be believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from simviz.classes import ClassSet
from simviz.hyperparameters import PENALTY
from simviz.runs import Comparison, Run, StoreError, read_only
from simviz.ui import evidence, state
from simviz.ui.text import plain

if TYPE_CHECKING:
    from simviz.runs.frozen import Frozen

RECORD = Path(__file__).resolve().parents[3] / "data" / "examples" / "live_honest.json"
READ, ASKED = "live/read", "live/asked"


def usable(comparison: Comparison) -> tuple[dict[str, Run], list[str]]:
    """The runs whose features are kept, or can be read from weights, those of cross entropy first; and why not."""
    from simviz.runs import frozen

    found, why = {}, []
    for run in sorted(comparison.runs, key=lambda r: not r.id.startswith("ce")):
        try:
            lacking = frozen.lacking(run)
        except (StoreError, ValueError, OSError) as error:
            why.append(str(error))
            continue
        if lacking is None or frozen.readable(run):
            found[run.id] = run
        else:
            why.append(lacking)
    return found, why


def nothing(why: list[str]) -> None:
    """Say that no run can be used, and the way out."""
    said = f" ({plain(why[0])})" if why else ""
    st.info(
        f"No run of this comparison keeps what a last layer is fitted to{said}. A run keeps its features, or the "
        "weights to read them from, when it is trained on this machine; predictions made elsewhere, where their file "
        "has features (an array of one row a sample, or columns, called features)."
    )
    evidence.page_link("train", "Train")
    evidence.page_link("runs", "Or upload features and labels of a model of your own", **{state.JUDGE: "true"})


def offer(run: Run, classes: ClassSet) -> None:
    """Read the features of training images from the weights: at once where there are no others, else when asked."""
    from simviz.runs import frozen

    if (run.path / frozen.FILE).is_file() or not frozen.readable(run) or read_only():
        if not (run.path / frozen.FILE).is_file() and frozen.lacking(run):
            raise StoreError(f"{frozen.lacking(run)}, and they cannot be read here")
        return
    needed = frozen.lacking(run) is not None
    st.button(
        "Fit to training images: read their features from the weights",
        icon=":material/input:",
        key=READ,
        on_click=st.session_state.update,
        args=({ASKED: run.id},),  # the frame may run the script twice, and a button is true in one run only
    )
    if st.session_state.pop(ASKED, None) != run.id and not needed:
        return
    bar = st.progress(0.0, "Reading the features of training, validation and test images")
    frozen.keep(run, classes, bar.progress)
    st.rerun()


def told(found: Frozen, known: float, comparison: Comparison) -> str:
    """What was fitted to, what it is judged by, and what is wrong with it."""
    unit = plain(comparison.info.get("unit_name", "image"))
    shared = len(set(found.fit.units.tolist()) & set(found.asked.units.tolist()))
    of, others = {
        "train": ("training images", "test images"),
        "validation": ("validation images", "test images"),
        "half": ("of the samples that were uploaded", f"others, of the other half of the {unit}s"),
    }[found.part]
    text = (
        f"Fitted to {len(found.fit):,} {of}, judged by {len(found.asked):,} {others} "
        f"({'no ' + unit + ' is in both' if not shared else f'{shared:,} {unit}s are in both'}). "
        f"Of what it was fitted to, the head of cross entropy has {known:.1%} right: the nearer to all, the less "
        "another loss finds to change, as in full training. "
    )
    if found.part == "validation":
        text += f"Where validation images share their {unit}s with training, the network knows them as well. "
    if found.held is None:
        text += "For min_cost no images are left to fit a temperature on. "
    return text + f"One penalty, {PENALTY:g} / 2 of the squared weights on standardised features, for every loss."


def honest() -> None:
    """How well last layers agree with networks trained on in full: the record, with its number."""
    try:
        record: dict[str, Any] = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        st.caption(
            "How well a last layer alone foretells full training has not been measured in this copy of simviz: "
            "`python benchmarks/live_honest.py` does."
        )
        return
    lines, missed = [], set()
    for one in record["records"]:
        missed |= {name for name, value in one["spearman"].items() if value < record["goal"]}
        chance = one.get("split_half")  # one seed has no halves
        lines.append(
            f"- **{plain(one['data'])}**, {one['settings']} settings, {evidence.seeds_text([one['seeds']])}: "
            f"Spearman's rho of the differences from cross entropy {_numbers(one['spearman'])}"
            + (f"; of full training over half of the seeds with the other half {_numbers(chance)}" if chance else "")
        )
    with st.expander("Is a last layer alone honest?", icon=":material/fact_check:"):
        st.markdown(
            "Each setting was also trained in full, from the weights of cross entropy on. 1 would mean that the last "
            f"layer ranks the settings as full training does; the goal was {record['goal']}. How well full training "
            "over some seeds foretells it over others is what chance leaves to be foretold.\n" + "\n".join(lines)
        )
        if missed:
            st.warning(
                f"The goal is missed, by {plain(', '.join(sorted(missed)))}: a setting that looks better than another "
                "here may be the worse one after full training. Train it in full before you believe it.",
                icon=":material/compare:",
            )
        st.caption(plain(record["said"]))


def _numbers(found: dict[str, float]) -> str:
    return plain(", ".join(f"{name} {value:.2f}" for name, value in found.items()))
