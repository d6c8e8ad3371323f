"""Choosing the classes: those of a data set, which is shown, or one's own."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import streamlit as st

from simviz import datasets
from simviz.classes import ClassSet
from simviz.datasets.listing import STAND_TWICE
from simviz.matrices.files import check_name
from simviz.ui import cache, charts, editor, links, state
from simviz.ui.text import plain

EXAMPLE = "rose, tulip, cat, dog, truck, bus"


def data_set() -> str:
    """The picker: a data set's name, or `state.OWN` for class names of one's own."""
    about = datasets.available()
    options = [*about, state.OWN]
    links.unknown(state.DATA, options, "data set")
    picked = st.selectbox("Classes of", options, key=state.DATA, bind="query-params")
    st.caption("Class names of your own, typed below." if picked == state.OWN else plain(about[picked]))
    return picked


def classes_of(picked: str) -> ClassSet | None:
    """The classes of the choice; None, with a sentence on the page, where there are none."""
    if picked == state.OWN:
        return _own()
    try:
        return cache.dataset(picked).classes
    except (ValueError, OSError) as error:
        st.error(plain(error))
        return None


def card(picked: str) -> None:
    """See the data first: pictures, counts and split of a data set. Drawn only when it is opened."""
    data = cache.dataset(picked)
    parts = ", ".join(f"{len(data.indices(p)):,} {p}" for p in ("train", "validation", "test"))
    title = f"The data: {len(data.classes)} classes, {len(data):,} images ({parts})"
    with st.expander(title, icon=":material/photo_library:", on_change="rerun", key="data-card") as box:
        if not box.open:
            return
        rows = cache.card(picked, data.fingerprint)
        charts.table(
            rows,
            "Classes and counts",
            f"The classes of {picked} with eight pictures each and the number of images",
            lambda: charts.as_csv(rows.drop(columns="pictures")),
            row_height=52,
            height=460,
            column_config={"pictures": st.column_config.ImageColumn("eight pictures", width=400)},
        )
        about: dict[str, Any] = datasets.card(data)
        held = f"{about['units_held_out']:,} {data.unit_name}s" if data.unit_name != "image" else "images"
        if any(STAND_TWICE in note for note in data.notes):
            apart = ""  # the note says how many do not
        else:
            apart = f"The test part is made of {held} that no other part contains. "
        st.caption(apart + " ".join(map(plain, data.notes)))


def split_names(text: str) -> list[str]:
    """Class names from lines or commas, without blanks and empty pieces."""
    return [n for n in (piece.strip() for piece in re.split(r"[,;\n]", text)) if n]


def _own() -> ClassSet | None:
    text = st.text_area(
        "Class names, one a line or separated by commas",
        value=EXAMPLE,
        key=state.NAMES,
        bind="query-params",
        height=100,
    )
    try:
        bare = ClassSet(split_names(text or ""))
        for name in bare:
            check_name(name)
    except ValueError as error:
        st.error(plain(error))
        return None
    if len(bare) < 2:
        st.error("One class alone has nothing to be compared with; type at least two names.")
        return None
    if not st.toggle("Give the classes groups or positions", key="own-relations", persist_state="session"):
        return bare
    return related(bare)


def related(bare: ClassSet, *, words: bool = False) -> ClassSet | None:
    """Groups and positions of one's own classes, and where asked the words that stand for them, typed into a table."""
    key = f"own-{bare.fingerprint}"
    typed = editor.edits(key)
    table = pd.DataFrame(
        {
            "class": list(bare),
            "group": [typed.get(n, {}).get("group") for n in bare],
            "position": pd.Series([typed.get(n, {}).get("position") for n in bare], dtype="float64"),
        }
    )
    if words:
        table["word"] = [typed.get(n, {}).get("word") for n in bare]
    editor.show(
        key,
        table,
        editable=list(table.columns[1:]),
        columns={
            "group": st.column_config.TextColumn(help="From coarse to fine: animal / mammal. Every class needs one."),
            "position": st.column_config.NumberColumn(help="Where the class lies on a scale. Every class needs one."),
            "word": st.column_config.TextColumn(help="Looked up among the word vectors in place of the class's name."),
        },
        alt=f"{', '.join(table.columns[1:]).capitalize()} of each class",
    )
    period = st.number_input(
        "Period, if the scale closes on itself (60 for minutes)",
        value=None,
        min_value=0.0,
        key="own-period",
        persist_state="session",
    )
    positions, groups = _whole(table["position"], "position"), _whole(table["group"], "group")
    paths = None if groups is None else [[p.strip() for p in str(g).split("/")] for g in groups]
    given = {n: edit["word"] for n, edit in typed.items() if edit.get("word")} if words else None
    try:
        return ClassSet(bare.names, positions, period if positions else None, paths, given)
    except ValueError as error:
        st.error(plain(error))
        return bare


def _whole(column: pd.Series, what: str) -> list[Any] | None:
    """The column if it is filled, None if it is empty; half filled it is named and left out."""
    missing = int(column.isna().sum())
    if 0 < missing < len(column):
        st.info(f"{missing} of {len(column)} classes have no {what} yet; the {what}s count once all have one.")
    return None if missing else column.tolist()
