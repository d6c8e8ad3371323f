"""A - B on the confusion page: which cells changed, which of them by more than chance, and what harm that does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from simviz.evaluation import CellDifferences
from simviz.figures import confusion as pictures
from simviz.figures.heatmap import window
from simviz.ui import cache, cache_confusion, charts, links, pairs, shell, state
from simviz.ui.evidence import Panel
from simviz.ui.text import plain
from simviz.ui.views import confusion_cell
from simviz.ui.views.confusion_epoch import AtEpoch
from simviz.ui.views.confusion_view import Floats, View, switch

TONES = ("change", "harm")
SHOWN = 25
DRAWN = "as drawn, A - B"


def show(view: View, cell: tuple[int, int] | None) -> dict[str, Any]:
    """The two switches, the picture, what was tested, and the cells that stand out as a table.

    Returned is what `report.reading.confusion` needs to draw the same.
    """
    sides = _sides(view)
    if sides is None:
        return {}
    a, b = sides
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        links.unknown(state.TONE, TONES, "colour of the difference")
        tone = st.segmented_control(
            "Colour of A - B",
            TONES,
            default=TONES[0],
            required=True,
            key=state.TONE,
            bind="query-params",
            help=f"harm: distance x change, by the ruler {view.found.ruler.describe()}.",
        )
        grey = switch(state.GREY, "Grey where it may be chance", "Cells that fail the test described below.", on=True)
    harm = _harm(view, a, b) if tone == "harm" else None
    tests, said = _tests(view, a, b, weighted=harm is not None)
    change = pictures.change(view.counts[a.label], view.counts[b.label], view.normalize, harm)
    quiet = (change != 0) & ~tests.significant if grey and tests is not None else None
    _draw(view, (a, b), cell, change, harm, quiet, tests)
    wrong = [float(t.sum() - np.trace(t)) for t in (view.classwise[a.label], view.classwise[b.label])]
    if quiet is not None and quiet.any() and (quiet == (change != 0)).all():
        said += " So every cell is grey: let go of “Grey where it may be chance” to see which way they go."
    st.caption(f"{plain(summary(view, wrong, harm))} {plain(said)}")
    _table(view, (a, b), change, harm, tests)
    return {"sides": (a.label, b.label), "harm": harm is not None, "grey": quiet is not None}


def _sides(view: View) -> tuple[Panel, Panel] | None:
    """A and B; None, with a sentence, where there are not two."""
    frame, known = shell.frame(), {p.label: p for p in view.panels}
    sides = [s for s in (frame.a, frame.b) if s is not None]
    for side in sides:
        if side not in known:
            st.info(f"{plain(side)} has no predictions to take a difference with.")
            return None
    if len(sides) < 2:
        st.caption("Choose A and B in the sidebar to see where they differ.")
        return None
    if sides[0] == sides[1]:
        st.info("A and B are the same; choose two different ones to see a difference.")
        return None
    return known[sides[0]], known[sides[1]]


def _harm(view: View, a: Panel, b: Panel) -> tuple[Floats, Floats]:
    """The summed distance of the mistakes in each cell."""
    distance = view.found.ruler.distance_for(view.found.classes)
    first, second = (view.nodes.sum(view.classwise[p.label] * distance) for p in (a, b))
    return first, second


def _tests(view: View, a: Panel, b: Panel, *, weighted: bool) -> tuple[CellDifferences | None, str]:
    """The tests of all cells, and what they are worth in a sentence or two; None where there can be none."""
    found = view.found
    if isinstance(found, AtEpoch):
        return None, "Nothing is tested: an epoch keeps counts, not what was said of each image."
    if a.setting in found.counted or b.setting in found.counted:
        return None, (
            "Nothing is tested: counts do not say which images they are of, so no cell can be tested on the images in "
            "which A and B differ."
        )
    seeds = [[r.spec.seed for r in p.runs] for p in (a, b)]
    stamps = tuple(tuple(cache.stamps(r, found.part) for r in p.runs) for p in (a, b))
    tests = cache_confusion.tested(
        stamps,
        found.classes,
        found.ruler,
        found.decoder,
        view.nodes.row.tobytes(),
        weighted=weighted,
        paired=seeds[0] == seeds[1],
        _a=[found.decoded(r) for r in a.runs],
        _b=[found.decoded(r) for r in b.runs],
    )
    if tests is None:
        return None, "Nothing is tested: A and B did not answer the same images."
    said = tested_text(tests, found.comparison.info.get("unit_name", "image"), [len(s) for s in seeds])
    if view.normalize == "predicted":
        what = "count" if not weighted else "harm"
        said += f" Tested is a cell's {what}, not the share that is drawn: that changes with its whole column."
    if view.hide and not weighted:
        said += " The diagonal is hidden, and tested all the same."
    if not tests.tested.any() and len(view.nodes) == len(found.classes) and found.classes.groups is not None:
        said += " Rows of groups pool their classes, and can be told apart sooner."
    return tests, said


def tested_text(tests: CellDifferences, unit: str, seeds: list[int]) -> str:
    """What was tested and how much it says."""
    units, changed = f"{unit}s", int((tests.differing > 0).sum())
    count, bright = int(tests.tested.sum()), int(tests.significant.sum())
    few = (
        f"the seeds ({seeds[0]} and {seeds[1]}) must not disagree about its sign"
        if min(seeds) > 1
        else "with one seed a side it is about these networks, not about the losses"
    )
    if not count:
        return (
            f"None of the {changed:,} cells that changed can be told from chance: a p of {tests.level:g} takes at "
            f"least {tests.needed} {units} that differ in a cell; there are {tests.units:,} {units} in all."
        )
    return (
        f"{bright:,} of the {changed:,} cells that changed stand out. Tested: the {count:,} in which at least "
        f"{tests.needed} of the {tests.units:,} {units} differ (exact sign flips of whole {units}, Benjamini-Hochberg "
        f"at {tests.level:.0%}); {few}."
    )


def summary(view: View, wrong: list[float], harm: tuple[Floats, Floats] | None) -> str:
    """Which way the colours go, and how the mistakes (or their cost) change in all."""
    if harm is None:
        change, images = wrong[1] - wrong[0], sum(map(np.sum, view.classwise.values())) / len(view.classwise)
        side = "more" if change > 0 else "fewer"
        more = f"{abs(change):,.1f} {side} mistakes than" if change else "as many mistakes as"
        return f"Blue: rarer in B, red: more frequent in B. B makes {more} A in {images:,.0f} images."
    costs = [float(h.sum()) for h in harm]
    return (
        f"Blue: less harm in B, red: more. All mistakes together cost {costs[0]:,.1f} in A and {costs[1]:,.1f} in B "
        f"({view.found.ruler.unit})."
    )


def note(tests: CellDifferences, unit: str, true: int, predicted: int) -> str:
    """What the test says of one cell."""
    count, p = int(tests.differing[true, predicted]), float(tests.p[true, predicted])
    units = f"{count} {unit}{'' if count == 1 else 's'}"
    if not count:
        return f"no {unit} differs"
    if np.isnan(p):
        return f"{units} differ; a test needs {tests.needed}"
    steady = "" if tests.steady[true, predicted] else "; the seeds disagree"
    return f"{units} differ, p = {p:.2g}, adjusted {tests.adjusted[true, predicted]:.2g}{steady}"


def _draw(
    view: View,
    sides: tuple[Panel, Panel],
    cell: tuple[int, int] | None,
    change: Floats,
    harm: tuple[Floats, Floats] | None,
    quiet: NDArray[np.bool_] | None,
    tests: CellDifferences | None,
) -> None:
    a, b = sides
    names, found = view.nodes.names, view.found
    drawn = np.where(np.eye(len(change), dtype=bool), 0, change) if view.hide else change
    unit = str(found.comparison.info.get("unit_name", "image"))
    parts = {"confusion-difference": (view.places, view.places, cell)}
    if view.wide:
        around = view.around(cell)
        parts["window-difference"] = (window(view.places, around[0]), window(view.places, around[1]), around)
    title = f"A - B: {a.label} ({a.over}) - {b.label} ({b.over}), {view.when}"
    title += "" if harm is None else f"; ruler {found.ruler_text}"
    alt = f"Difference of two confusion matrices: {0 if quiet is None else int(quiet.sum())} cells are grey"
    for key, (down, across, framed) in parts.items():
        fig = pictures.difference(
            view.counts[a.label],
            view.counts[b.label],
            names,
            **view.style(framed) | {"order": down},
            columns=across,
            labels=(a.label, b.label),
            limit=float(np.abs(drawn).max()) or 1.0,
            harm=harm,
            unit=found.ruler.unit,
            quiet=quiet,
            note=None if tests is None else partial(note, tests, unit),
            title=title,
        )
        charts.show(fig, key, alt, partial(confusion_cell.click, key, names))


def _table(
    view: View,
    sides: tuple[Panel, Panel],
    change: Floats,
    harm: tuple[Floats, Floats] | None,
    tests: CellDifferences | None,
) -> None:
    """The largest changes off the diagonal, those that stand out first; a row that is clicked becomes the cell."""
    standing = np.zeros(change.shape, dtype=bool) if tests is None else tests.significant
    off = np.abs(np.where(np.eye(len(change), dtype=bool), 0, change))
    rows, columns = np.nonzero(off)
    if not len(rows):
        return
    best = np.lexsort((-off[rows, columns], ~standing[rows, columns]))[:SHOWN]
    table = cells(view, sides, (rows[best], columns[best]), change, harm, tests)
    if "p" in table:
        table["adjusted p"] = ["too few differ" if np.isnan(p) else f"{p:.2g}" for p in table["adjusted p"]]
        table["stands out"] = np.where(table["stands out"], "yes", "")
        table = table.drop(columns=["differing", "p"])
    number = st.column_config.NumberColumn
    config = {name: number(format="%.1f", help="Images a run.") for name in ("A", "B", "A - B")}
    config |= {"harm, A - B": number(format="%.1f"), DRAWN: number(format="%.4f", help="The largest come first.")}
    key = "difference-rows"
    charts.table(
        table,
        "Cells of A - B",
        csv=lambda: charts.as_csv(cells(view, sides, np.nonzero(change), change, harm, tests)),
        column_config=config,
        height=min(36 * (len(table) + 1) + 4, 320),
        key=key,
        on_select=partial(pairs.picked, key, table, confusion_cell.pick),
        selection_mode="single-row",
        alt=f"The {len(table)} cells in which {sides[0].label} and {sides[1].label} differ most",
    )
    st.caption(f"Click a row to look at that cell; {charts.KEYBOARD}.")


def cells(
    view: View,
    sides: tuple[Panel, Panel],
    where: tuple[NDArray[np.intp], ...],
    change: Floats,
    harm: tuple[Floats, Floats] | None,
    tests: CellDifferences | None,
) -> pd.DataFrame:
    """Cells as rows: counts a run of A and B, the change of harm, what is drawn, and the test where there is one.

    `where` are their rows and columns; a p is NaN where too few units differ.
    """
    names = np.array(view.nodes.names, dtype=object)
    table = pd.DataFrame({"true": names[where[0]], "predicted": names[where[1]]})
    table["A"], table["B"] = (view.counts[p.label][where] for p in sides)
    table["A - B"] = table["A"] - table["B"]
    if harm is not None:
        table["harm, A - B"] = harm[0][where] - harm[1][where]
    if view.normalize != "counts":
        table[DRAWN] = change[where]
    if tests is not None and tests.tested.any():
        table["differing"], table["p"] = tests.differing[where], tests.p[where]
        table["adjusted p"], table["stands out"] = tests.adjusted[where], tests.significant[where]
    return table
