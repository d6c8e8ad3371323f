"""Ground distance: how a distance between the classes grows while a network trains, and what it agrees with."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from simviz.evaluation import agreement
from simviz.figures.heatmap import Scale, heatmap
from simviz.matrices import anatomy, files
from simviz.runs import Comparison, Store, StoreError
from simviz.ui import cache, charts, evidence, links, shell, state
from simviz.ui.text import formula_safe, plain
from simviz.ui.views import ground_distance_agreement, ground_distance_shape
from simviz.ui.views.ground_distance_runs import Floats, Learned, learners, read

COMMAND = "python -m simviz train --dataset pictograms --loss self_guided --epochs 30"
HEIGHT = 560  # of two heat maps side by side
MOVED = 6  # pairs that came closest, and as many that went apart
AXES = ("other class", "class")


def show() -> None:
    st.title("Ground distance")
    st.caption("What the self-guided loss learns about the classes: a distance, measured anew after every epoch.")
    found = _gather()
    if found is None:
        return
    row = _epoch(found)
    order_by = shell.order_picker()
    _warn(found.distances[row])
    _heat(found, row, order_by)
    _download(found, row)
    ground_distance_agreement.show(found, row)
    ground_distance_shape.trees(found, row)
    ground_distance_shape.moves(found, row)


def _gather() -> Learned | None:
    """The run in view; None, with a sentence, where there is none."""
    chosen = shell.frame().comparison
    having = {c.id: c for c in Store().comparisons() if learners(c)}
    if chosen is not None and chosen.id in having:
        comparison = having[chosen.id]
    elif having and st.session_state.get(state.COMPARISON) is None and chosen is not None:
        comparison = next(iter(having.values()))
        st.info(
            f"The newest comparison learned no distance; this is “{plain(comparison.title)}” ({plain(comparison.id)})."
        )
    else:
        _nothing(having)
        return None
    runs = {r.id: r for r in learners(comparison)}
    links.unknown(state.LEARNER, runs, "run")
    if st.session_state.get(state.LEARNER) not in (None, *runs):
        del st.session_state[state.LEARNER]  # kept from another comparison
    run = runs[st.selectbox("Run", list(runs), key=state.LEARNER, bind="query-params")]
    try:
        return read(comparison, run)
    except (StoreError, ValueError, OSError) as error:
        st.error(plain(error))
        return None


def _nothing(having: dict[str, Comparison]) -> None:
    if having:
        names = ", ".join(having)
        st.info(f"The comparison in view learned no distance. Choose one in the sidebar that did: {plain(names)}.")
        return
    st.info("No run here has learned a distance yet. A run of the loss self\\_guided does, for example:")
    st.code(COMMAND, language="bash")
    evidence.page_link("train", "Train")


def _epoch(found: Learned) -> int:
    """The scrubber; the row of `distances` in view."""
    if len(found.epochs) == 1:
        row = 0
    else:
        links.unknown(state.EPOCH, [str(e) for e in found.epochs], "epoch")
        if st.session_state.get(state.EPOCH) not in (None, *found.epochs):
            del st.session_state[state.EPOCH]
        picked = st.select_slider("Epoch", found.epochs, value=found.epochs[-1], key=state.EPOCH, bind="query-params")
        row = found.epochs.index(picked)
    st.caption(plain(label(found, row)))
    return row


def label(found: Learned, row: int) -> str:
    """What an epoch's distance is, in a sentence."""
    epoch, last = found.epochs[row], found.epochs[-1]
    where = f"Epoch {epoch} of {last}, seed {found.run.spec.seed}"
    if epoch < found.warmup:
        return f"{where}: warm-up. The network learned by plain cross entropy; the distance was measured, not used."
    if epoch == found.warmup:
        return f"{where}: the end of the warm-up by plain cross entropy. This distance is the first that the loss uses."
    used = "which no epoch used any more" if epoch == last else "which the next one uses"
    return f"{where}, after a warm-up of {found.warmup}: the distance learned in this epoch, {used}."


def _warn(distance: Floats) -> None:
    """Say what is wrong with a distance."""
    if agreement.collapsed(distance):
        st.warning(
            "It has collapsed to a constant: all classes are equally far apart, so the loss knows nothing of them.",
            icon=":material/warning:",
        )
        return
    broken, triples, exact = anatomy.triangle_violations(distance)
    if broken:
        about = "" if exact else " (in a sample of classes)"
        said = f"by {broken:,} of {triples:,} triples of classes, {broken / triples:.1%}{about}: ranks are no metric."
        st.caption(plain(f"The triangle inequality is broken {said}"))


def _heat(found: Learned, row: int, by: str) -> None:
    """The first distance, the one in view, their difference, and what is asymmetric in it."""
    order, groups, said = _order(found, row, by)
    draw = partial(heatmap, names=found.classes.names, axes=AXES, order=order, groups=groups)
    first, now = found.distances[0], found.distances[row]
    begin, end = found.epochs[0], found.epochs[row]
    places = [column for _ in range(2) for column in st.columns(2)]
    for place, epoch, values, key in ((places[0], begin, first, "first"), (places[1], end, now, "learned")):
        with place:
            scale = Scale("distance (mean rank)", low=0.0, high=1.0)
            fig = draw(values, scale=scale, title=f"Epoch {epoch}").update_layout(height=HEIGHT)
            charts.show(fig, key, f"Learned distance of {len(found.classes)} classes after epoch {epoch}")
    change = now - first
    if row > 0:
        with places[2]:
            title = f"Epoch {end} minus epoch {begin}"
            fig = draw(change, scale=Scale("change of distance", diverging=True), title=title)
            alt = f"{title}; largest change {float(np.abs(change).max()):.2f}"
            charts.show(fig.update_layout(height=HEIGHT), "change", alt)
        with places[3]:
            st.markdown("**Pairs that moved most**")
            table = moved(found, row)
            numbers = {c: st.column_config.NumberColumn(format="%.2f") for c in table.columns[1:3]}
            numbers["change"] = st.column_config.NumberColumn(format="%+.2f")
            alt = f"The {len(table)} pairs of classes whose distance changed most"
            charts.table(table, "Pairs that moved most", alt, height="content", column_config=numbers)
            st.caption("0 is nearest, 1 farthest: distances are ranked within each class.")
    skew = now - now.T
    if np.abs(skew).max() > 1e-6:
        scale = Scale("distance there minus distance back", diverging=True)
        fig = draw(skew, scale=scale, title=f"Asymmetry of epoch {end}").update_layout(height=HEIGHT)
        charts.show(fig, "asymmetry", f"Asymmetry; largest {float(np.abs(skew).max()):.2f}")
    else:
        said += (
            " The distance is the same in both directions: their ranks are averaged, so there is no asymmetry to draw."
        )
    st.caption(plain(said.strip()))


def _order(found: Learned, row: int, by: str) -> tuple[list[int] | None, list[str] | None, str]:
    """The order in which the classes are drawn, the groups that are set apart, and a sentence on it."""
    classes = found.classes
    if by == "name":
        return sorted(range(len(classes)), key=lambda i: classes.names[i].lower()), None, ""
    if by == "similarity":
        said = "Like classes stand side by side by the distance in view."
        return cache.leaves(found.matrix(row)), None, said
    if by == "group" and classes.groups is None:
        return None, None, "These classes have no groups; they are in the order of the list."
    if by == "group":
        assert classes.groups is not None
        order = sorted(range(len(classes)), key=classes.groups.__getitem__)
        return order, [path[0] for path in classes.groups], ""
    return None, None, ""


def moved(found: Learned, row: int) -> pd.DataFrame:
    """The pairs that came closer most, then those that went apart most, between the first epoch and a later one."""
    first, now = agreement.pairs(found.distances[0]), agreement.pairs(found.distances[row])
    change = now - first
    order = np.argsort(change, kind="stable")
    one, other = np.triu_indices(len(found.classes), 1)
    names = found.classes.names
    ends = np.concatenate([order[:MOVED], order[MOVED:][-MOVED:]])
    ends = ends[np.abs(change[ends]) > 0]
    return pd.DataFrame(
        {
            "pair": [formula_safe(f"{names[one[i]]}, {names[other[i]]}") for i in ends],
            f"epoch {found.epochs[0]}": first[ends],
            f"epoch {found.epochs[row]}": now[ends],
            "change": change[ends],
        }
    )


def _download(found: Learned, row: int) -> None:
    """The distance in view as a file that every loss with a matrix takes."""
    epoch = found.epochs[row]
    st.download_button(
        f"Distance of epoch {epoch} (CSV)",
        data=partial(files.dumps, found.matrix(row), ".csv"),
        file_name=f"learned-{found.run.id}-{epoch:04d}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key="learned-csv",
        help="Row = true class. As ground_distance@FILE, or another loss with a matrix, it trains a network anew.",
    )
