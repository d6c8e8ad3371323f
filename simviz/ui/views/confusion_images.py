"""The images behind a cell of the confusion matrices, and what every setting said of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

import numpy as np
import pandas as pd
import streamlit as st

from simviz.ui import cache, charts, links, shell, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain
from simviz.ui.views import confusion_one
from simviz.ui.views.confusion_cell import first_page
from simviz.ui.views.confusion_view import members

PAGE_SIZE = 12
SHOWN_ANSWERS = 2
KINDS = {"all": None, "A wrong, B right": (False, True), "A right, B wrong": (True, False)}


@dataclass
class Sample:
    """One image of the true class.

    Attributes
    ----------
    true : its class
    answers : panel label -> what each of its runs said: (predicted class, its probability)
    """

    id: str
    true: int
    answers: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))

    def right(self, label: str) -> bool:
        """Whether more than half of a panel's runs recognise it."""
        said = [predicted == self.true for predicted, _ in self.answers[label]]
        return sum(said) * 2 > len(said)

    def inside(self, predicted: Collection[int]) -> int:
        """How many runs, of all panels, put it into one of the columns `predicted`."""
        return sum(answer in predicted for said in self.answers.values() for answer, _ in said)


def show(found: Evidence, panels: list[Panel], chosen: tuple[str, str] | None) -> None:
    """Heading, filter, pages and table of the images of a class or group taken for another."""
    panels = [p for p in panels if p.setting not in found.counted]
    kinds = _kinds(panels)
    links.unknown(state.KIND, kinds, "kind of images")
    if chosen is None:
        st.caption("Choose a true and a predicted class to see the images behind that cell.")
        return
    true, predicted = map(plain, chosen)
    st.subheader(f"{true} recognised" if chosen[0] == chosen[1] else f"{true} taken for {predicted}")
    if found.counted:
        st.caption(plain(f"{', '.join(found.counted)}: counts name no images, so none are listed."))
    if not panels:
        return
    known = members(found)
    inside = samples(found, panels, known[chosen[0]], known[chosen[1]])
    if not inside:
        st.info(f"No setting takes an image of {true} for {predicted} on the {found.part} part.")
        return
    kept = _filtered(inside, kinds)
    if not kept:
        st.info("None of the images in this cell is of that kind.")
        return
    page = _page(-(-len(kept) // PAGE_SIZE))
    _table(found, panels, kept, page)
    st.caption(
        f"{len(kept)} of the {len(inside)} images that at least one run puts into this cell; those of most runs first. "
        "✓: recognised; otherwise the class it was taken for, by how many of the seeds, and the mean probability they "
        "gave that class. A row that is clicked opens below as “One picture”; " + charts.KEYBOARD + "."
    )


def samples(found: Evidence, panels: list[Panel], true: list[int], predicted: list[int]) -> list[Sample]:
    """The images of the true classes that at least one run puts into the cell, those of most runs first."""
    every = {(panel.label, run.id): found.decoded(run) for panel in panels for run in panel.runs}
    asked: set[str] = set()
    for said in every.values():
        asked |= set(said.ids[np.isin(said.target, true) & np.isin(said.predicted, predicted)].tolist())
    known: dict[str, Sample] = {}
    names = np.array(sorted(asked), dtype=np.str_)
    for (label, _), said in every.items():
        for row in np.flatnonzero(np.isin(said.ids, names)):
            name = str(said.ids[row])
            answer = int(said.predicted[row]), float(said.probability[row])
            known.setdefault(name, Sample(name, int(said.target[row]))).answers[label].append(answer)
    columns = set(predicted)
    return sorted(known.values(), key=lambda s: -s.inside(columns))


def _kinds(panels: list[Panel]) -> list[str]:
    """The ways to filter; where A and B are not two there is one."""
    frame, labels = shell.frame(), {p.label for p in panels}
    return list(KINDS) if {frame.a, frame.b} <= labels and frame.a != frame.b else ["all"]


def _filtered(inside: list[Sample], kinds: list[str]) -> list[Sample]:
    """Only those on which A and B disagree, where it is asked for."""
    if len(kinds) == 1:
        return inside
    a, b = str(shell.frame().a), str(shell.frame().b)
    picked = st.segmented_control(
        "Images",
        kinds,
        default="all",
        required=True,
        key=state.KIND,
        bind="query-params",
        on_change=first_page,
        help="right: recognised by more than half of the seeds; wrong: by half of them or fewer.",
    )
    kind = KINDS[picked]
    return inside if kind is None else [s for s in inside if (s.right(a), s.right(b)) == kind]


def _page(pages: int) -> int:
    """The page in view."""
    if state.PAGE not in st.session_state:  # later the address lags behind other images
        links.outside(state.PAGE, 1, pages, "the page of images")
    elif st.session_state[state.PAGE] > pages:
        st.session_state[state.PAGE] = 1
    if pages == 1:
        return 1
    return st.pagination(pages, key=state.PAGE, bind=links.bind(state.PAGE))


def verdict(said: list[tuple[int, float]], true: int, names: tuple[str, ...], most: int = SHOWN_ANSWERS) -> str:
    """What the runs of a panel said of an image: "✓ 0.83", or "dog 2/3 0.41, ✓ 1/3 0.50"."""
    by_class: dict[int, list[float]] = defaultdict(list)
    for predicted, probability in said:
        by_class[predicted].append(probability)
    texts = []
    for predicted, probabilities in sorted(by_class.items(), key=lambda item: (-len(item[1]), item[0])):
        share = f" {len(probabilities)}/{len(said)}" if len(said) > 1 else ""
        mean = float(np.mean(probabilities))
        sure = "" if np.isnan(mean) else f" {mean:.2f}"  # a bare decision has none
        texts.append(f"{'✓' if predicted == true else names[predicted]}{share}{sure}")
    return ", ".join(texts[:most]) + (" …" if len(texts) > most else "")


def _whole(panels: list[Panel], kept: list[Sample], names: tuple[str, ...]) -> bytes:
    """All images of the cell as CSV, with every answer."""
    table = pd.DataFrame({"image": [s.id for s in kept], "true": [names[s.true] for s in kept]})
    for panel in panels:
        table[panel.label] = [verdict(s.answers[panel.label], s.true, names, len(names)) for s in kept]
    return charts.as_csv(table)


def _table(found: Evidence, panels: list[Panel], kept: list[Sample], page: int) -> None:
    """One page of the images."""
    rows = kept[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    table = pd.DataFrame({"picture": _thumbnails(found, rows)})
    for panel in panels:
        table[panel.label] = [verdict(s.answers[panel.label], s.true, found.classes.names) for s in rows]
    table["image"] = [s.id for s in rows]
    side = 68
    if table["picture"].isna().all():
        table, side = table.drop(columns="picture"), 36
    names = [s.id for s in rows]
    widget = f"images-{sha256(repr(names).encode()).hexdigest()[:8]}"  # other rows have nothing selected yet
    charts.table(
        table,
        "Images of the cell",
        csv=partial(_whole, panels, kept, found.classes.names),
        key=widget,
        on_select=partial(confusion_one.clicked, widget, names),
        selection_mode="single-row",
        row_height=side,
        column_config={"picture": st.column_config.ImageColumn(width=72, pinned=True)},
        height=min(side * len(table) + 40, 700),
        alt=f"{len(rows)} images of the chosen cell with the answer of each setting",
    )


def _thumbnails(found: Evidence, rows: list[Sample]) -> list[str | None]:
    """A data URI for each image; None where the comparison keeps no picture of it."""
    file = cache.stamp(found.comparison.path / "images.npz")
    if file is None:
        st.caption("This comparison keeps no pictures; the images are listed by name.")
        return [None] * len(rows)
    try:
        at, _ = cache.pictures(file)
    except ValueError as error:
        st.warning(plain(error))
        return [None] * len(rows)
    return [cache.thumbnail(file, at[s.id]) if s.id in at else None for s in rows]
