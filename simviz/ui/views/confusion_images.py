"""The images behind a cell of the confusion matrices, and what every setting said of each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from simviz.ui import cache, shell
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

PAGE_SIZE = 12
SHOWN_ANSWERS = 2


@dataclass
class Sample:
    """One image of the true class.

    Attributes
    ----------
    answers : panel label -> what each of its runs said: (predicted class, its probability)
    """

    id: str
    answers: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))

    def right(self, label: str, true: int) -> bool:
        """Whether more than half of a panel's runs recognise it."""
        said = [predicted == true for predicted, _ in self.answers[label]]
        return sum(said) * 2 > len(said)

    def inside(self, predicted: int) -> int:
        """How many runs, of all panels, put it into the column of `predicted`."""
        return sum(answer == predicted for said in self.answers.values() for answer, _ in said)


def show(found: Evidence, panels: list[Panel], chosen: tuple[int, int] | None) -> None:
    """Heading, filter, pages and table."""
    if chosen is None:
        st.caption("Choose a true and a predicted class to see the images behind that cell.")
        return
    true, predicted = (plain(found.classes.names[i]) for i in chosen)
    st.subheader(f"{true} recognised" if chosen[0] == chosen[1] else f"{true} taken for {predicted}")
    inside = samples(found, panels, chosen)
    if not inside:
        st.info(f"No setting takes an image of {true} for {predicted} on the {found.part} part.")
        return
    kept = _filtered(inside, panels, chosen[0])
    pages = max(1, -(-len(kept) // PAGE_SIZE))
    if not kept:
        st.info("None of the images in this cell is of that kind.")
        return
    page = st.pagination(pages, key=f"cell-page-{chosen}-{pages}") if pages > 1 else 1
    _table(found, panels, chosen[0], kept[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    st.caption(
        f"{len(kept)} of the {len(inside)} images that at least one run puts into this cell; those of most runs first. "
        "✓: recognised; otherwise the class it was taken for, by how many of the seeds, and the mean probability they "
        "gave that class."
    )


def samples(found: Evidence, panels: list[Panel], chosen: tuple[int, int]) -> list[Sample]:
    """The images that at least one run puts into the cell, those of most runs first."""
    true, predicted = chosen
    every: dict[str, Sample] = {}
    for panel in panels:
        for run in panel.runs:
            decoded = found.decoded(run)
            for row in np.flatnonzero(decoded.target == true):
                name = str(decoded.ids[row])
                answer = int(decoded.predicted[row]), float(decoded.probability[row])
                every.setdefault(name, Sample(name)).answers[panel.label].append(answer)
    inside = [s for s in every.values() if s.inside(predicted)]
    return sorted(inside, key=lambda s: -s.inside(predicted))


def _filtered(inside: list[Sample], panels: list[Panel], true: int) -> list[Sample]:
    """Only those on which A and B disagree, where both are chosen and it is asked for."""
    frame, labels = shell.frame(), {p.label for p in panels}
    if frame.a not in labels or frame.b not in labels or frame.a == frame.b:
        return inside
    a, b = str(frame.a), str(frame.b)
    kinds = {"all": None, "A wrong, B right": (False, True), "A right, B wrong": (True, False)}
    kind = kinds[st.segmented_control("Images", list(kinds), default="all", required=True, key="cell-kind")]
    if kind is None:
        return inside
    return [s for s in inside if (s.right(a, true), s.right(b, true)) == kind]


def verdict(said: list[tuple[int, float]], true: int, names: tuple[str, ...]) -> str:
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
    return ", ".join(texts[:SHOWN_ANSWERS]) + (" …" if len(texts) > SHOWN_ANSWERS else "")


def _table(found: Evidence, panels: list[Panel], true: int, rows: list[Sample]) -> None:
    table = pd.DataFrame({"picture": _thumbnails(found, rows)})
    for panel in panels:
        table[panel.label] = [verdict(s.answers[panel.label], true, found.classes.names) for s in rows]
    table["image"] = [s.id for s in rows]
    if table["picture"].isna().all():
        table = table.drop(columns="picture")
    st.dataframe(
        table,
        hide_index=True,
        row_height=68,
        column_config={"picture": st.column_config.ImageColumn(width=72, pinned=True)},
        height=min(68 * len(table) + 40, 700),
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
