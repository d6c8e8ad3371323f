"""Confusion: every setting's matrix side by side, a cell of it, and the images behind that cell."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.evaluation import normalise
from simviz.figures import confusion as pictures
from simviz.figures.heatmap import CELL_LIMIT, TEXT_LIMIT
from simviz.ui import charts, evidence, links, pairs, shell, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain
from simviz.ui.views import confusion_images

NORMALIZED: dict[str, pictures.Normalize] = {
    "by-true": "true",
    "counts": "counts",
    "by-predicted": "predicted",
    "by-all": "all",
}


def show() -> None:
    st.title("Confusion")
    found = evidence.gather("see here which classes each of them takes for which")
    if found is None:
        return
    frame = shell.frame()
    panels = found.panels(frame.a, frame.b)
    counts = {p.label: found.confusion(p) / len(p.runs) for p in panels}
    look = _look(found)
    above = st.container()
    chosen = _cell(found)
    with above:
        _multiples(found, panels, counts, look, chosen)
        _difference(found, panels, counts, look, chosen)
    confusion_images.show(found, panels, chosen)
    st.subheader("Most frequent confusions")
    pairs.show(found, panels, by="count", key=state.PAIRS, on_pick=choose_pair)


def _look(found: Evidence) -> dict[str, object]:
    """How the matrices are drawn, as arguments of `figures.confusion`."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        links.unknown(state.NORMALIZE, NORMALIZED, "way to normalise")
        normalize = st.segmented_control(
            "Each cell",
            list(NORMALIZED),
            default="by-true",
            required=True,
            key=state.NORMALIZE,
            bind="query-params",
            help="by-true: share of the true class, rows sum to 1. by-predicted: columns sum to 1.",
        )
        by = shell.order_picker()
        hide, log = _switch(state.HIDE, "Hide diagonal"), _switch(state.LOG, "Logarithmic colours")
    order, remark = evidence.class_order(by, found)
    if remark:
        st.caption(plain(remark))
    classes = found.classes
    groups = None if by != "group" or classes.groups is None else [path[0] for path in classes.groups]
    return {"normalize": NORMALIZED[normalize], "hide_diagonal": hide, "log": log, "order": order, "groups": groups}


def _switch(key: str, label: str) -> bool:
    links.unknown(key, state.SWITCH, f"value of “{label}”")
    return st.toggle(label, key=key, bind="query-params")


def _cell(found: Evidence) -> tuple[int, int] | None:
    """The two boxes: the way to a cell by keyboard and by link. A click on a picture fills them."""
    names = found.classes.names
    boxes = []
    for column, (key, label) in zip(
        st.columns(2), ((state.TRUE, "True class"), (state.PREDICTED, "Predicted class")), strict=True
    ):
        links.unknown(key, names, label.lower())
        if st.session_state.get(key) not in (None, *names):
            del st.session_state[key]  # kept from a comparison that had it
        with column:
            boxes.append(
                st.selectbox(
                    label, names, index=None, key=key, bind="query-params", placeholder="or click a cell above"
                )
            )
    if None in boxes:
        return None
    return names.index(boxes[0]), names.index(boxes[1])


def choose(key: str, names: tuple[str, ...]) -> None:
    """Callback of a click: the cell under it goes into the boxes.

    A redrawn picture lets its selection go and reports that nothing is chosen; that is no wish, and ignored.
    """
    points = st.session_state[key]["selection"]["points"]
    if points:
        true, predicted = points[0]["customdata"][:2]
        st.session_state[state.TRUE], st.session_state[state.PREDICTED] = names[true], names[predicted]


def choose_pair(true: str, predicted: str) -> None:
    """Callback of a row of the pairs: the same boxes."""
    st.session_state[state.TRUE], st.session_state[state.PREDICTED] = true, predicted


def _multiples(
    found: Evidence,
    panels: list[Panel],
    counts: dict[str, NDArray[np.float64]],
    look: dict[str, object],
    chosen: tuple[int, int] | None,
) -> None:
    """One heat map a setting, the same colours for all."""
    names = found.classes.names
    low, high = shared_limits(list(counts.values()), look)
    what = pictures.TITLES[str(look["normalize"])]
    st.caption(
        f"{plain(found.sample_text())}, decided by {plain(found.decoder)}. Row: true class, column: predicted class. "
        f"Colour: {plain(what)}, {plain(f'{low:.3g}')} to {plain(f'{high:.3g}')} in all pictures."
        + ("" if len(names) <= CELL_LIMIT else " So many classes are drawn as an image; choose a cell by the boxes.")
    )
    across = min(len(panels), 3 if len(names) <= TEXT_LIMIT else 2)
    for start in range(0, len(panels), across):
        for column, panel in zip(st.columns(across), panels[start : start + across], strict=False):
            table = counts[panel.label]
            fig = pictures.confusion(
                table,
                names,
                **look,  # type: ignore[arg-type]
                chosen=chosen,
                limits=(low, high),
                title=f"{panel.label}, {found.part}, {panel.over}",
            )
            key = f"confusion-{panels.index(panel)}"
            alt = f"Confusion matrix of {panel.label}: {np.trace(table) / max(table.sum(), 1):.1%} lie on the diagonal"
            with column:
                charts.show(pictures.multiple(fig), key, alt, partial(choose, key, names))


def shared_limits(tables: list[NDArray[np.float64]], look: dict[str, object]) -> tuple[float, float]:
    """The range of colours that fits all pictures; its low end is above 0 where colours are logarithmic."""
    shown = np.stack([normalise(t, str(look["normalize"])) for t in tables])
    if look["hide_diagonal"]:
        shown = shown[:, ~np.eye(shown.shape[1], dtype=bool)]
    high = float(shown.max()) or 1.0
    low = float(shown[shown > 0].min(initial=high)) if look["log"] else 0.0
    return low, high


def _difference(
    found: Evidence,
    panels: list[Panel],
    counts: dict[str, NDArray[np.float64]],
    look: dict[str, object],
    chosen: tuple[int, int] | None,
) -> None:
    """A - B, where both are chosen."""
    frame = shell.frame()
    sides = [s for s in (frame.a, frame.b) if s is not None]
    for side in sides:
        if side not in counts:
            st.info(f"{plain(side)} has no predictions to take a difference with.")
            return
    if len(sides) < 2:
        st.caption("Choose A and B in the sidebar to see where they differ.")
        return
    if sides[0] == sides[1]:
        st.info("A and B are the same; choose two different ones to see a difference.")
        return
    a, b = counts[sides[0]], counts[sides[1]]
    over = {p.label: p.over for p in panels}
    wrong = [float(t.sum() - np.trace(t)) for t in (a, b)]
    change = wrong[1] - wrong[0]
    side = "more" if change > 0 else "fewer"
    more = f"{abs(change):,.1f} {side} mistakes than" if change else "as many mistakes as"
    key, names = "confusion-difference", found.classes.names
    fig = pictures.difference(
        a,
        b,
        names,
        labels=(sides[0], sides[1]),
        **{k: v for k, v in look.items() if k != "log"},  # type: ignore[arg-type]
        chosen=chosen,
        title=f"A - B: {sides[0]} ({over[sides[0]]}) - {sides[1]} ({over[sides[1]]}), {found.part}",
    )
    charts.show(fig, key, f"Difference of two confusion matrices: B makes {more} A", partial(choose, key, names))
    st.caption(f"Blue: rarer in B, red: more frequent in B. B makes {plain(more)} A in {a.sum():,.0f} images.")
