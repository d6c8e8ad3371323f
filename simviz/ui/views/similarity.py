"""Similarity matrix: choose classes and a source, see the matrix and what it will do, take it along."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from simviz import words
from simviz.classes import ClassSet
from simviz.figures import matrix as pictures
from simviz.figures.heatmap import CELL_LIMIT, WINDOW, window
from simviz.matrices import ClassMatrix, files
from simviz.settings import Part
from simviz.ui import cache, charts, class_picker, given, links, shell, state
from simviz.ui.text import plain
from simviz.ui.views import similarity_anatomy, similarity_vectors, similarity_words

ABOUT = {
    "words": "cosine of the class names' word vectors, everything below a bound set to 0",
    "order": "S = r to the power of the steps between two classes, in the order of the list",
    "positions": "distance on the classes' scale, in its own units; around the circle where it closes",
    "groups": "height of the lowest group two classes share: 0 same class, 1 same group, 2 other",
    "file": "a CSV, TSV or npz file with class names on both axes",
}
IMAGE_HEIGHT = 640


@dataclass(frozen=True)
class Chosen:
    """A matrix, how it is written in a setting, and the classes it was made for."""

    matrix: ClassMatrix
    part: str
    classes: ClassSet
    reworded: bool = False  # by hand on this page


def show() -> None:
    st.title("Similarity matrix")
    left, right = st.columns([3, 2])
    with left:
        source = _source()
    with right:
        picked = class_picker.data_set()
    classes = class_picker.classes_of(picked)
    if classes is None:
        return
    if picked != state.OWN:
        class_picker.card(picked)
    _which(classes)
    chosen = _from_file(classes, picked) if source == "file" else _built(source, classes)
    if chosen is not None:
        st.session_state[state.BUILT] = chosen  # the train page takes it up
        _report(chosen)


def _source() -> str:
    links.unknown(state.SOURCE, state.SOURCES, "source")
    source = st.segmented_control(
        "From", state.SOURCES, default="words", required=True, key=state.SOURCE, bind="query-params"
    )
    st.caption(ABOUT[source])
    return source


def _which(classes: ClassSet) -> None:
    """The decision card: what these classes allow, and what follows from it."""
    with st.expander("Which distance should I use?", icon=":material/help:"):
        ordered = "They have positions" + (f" with the period {classes.period:g}." if classes.circular else ".")
        st.markdown(
            "| ask | then | these classes |\n|---|---|---|\n"
            "| Do the classes lie on a scale (ages, sizes)? | **positions**; losses `emd2`, `expected_cost` | "
            f"{ordered if classes.ordered else 'No positions are known.'} |\n"
            "| Does the scale close on itself (hours, angles)? | **positions** with a period | "
            f"{'Yes.' if classes.circular else 'No period is known.'} |\n"
            "| Do they fall into groups, or a tree? | **groups**; also the ruler for mistakes | "
            f"{_groups_sentence(classes)} |\n"
            "| Are names all you have? | **words**, after a look at how each word was understood | "
            f"{len(classes)} names. |\n"
            "| None of these? | plain `ce`; every mistake counts 1 | |\n"
        )
        st.caption(
            "A matrix says what a mistake costs, so choose what a wrong answer costs you, not what raises a number."
        )


def _groups_sentence(classes: ClassSet) -> str:
    if classes.groups is None:
        return "No groups are known."
    depth = len(classes.groups[0])
    return f"{len({path[0] for path in classes.groups})} groups, {depth} level{'' if depth == 1 else 's'}."


def _built(source: str, classes: ClassSet) -> Chosen | None:
    """A matrix from the grammar's builders."""
    options = _options(source)
    known = {"positions": classes.positions, "groups": classes.groups}
    if source in known and known[source] is None:
        st.info(
            f"These {len(classes)} classes have no {source}. Choose “own” under “Classes of” and switch on "
            f"“Give the classes groups or positions” to define them, or choose another source."
        )
        return None
    given = classes
    if source == "words":
        vectors = similarity_vectors.show()
        repaired = None if vectors is None else similarity_words.show(classes, vectors)
        if vectors is None or repaired is None:
            return None
        classes = repaired
        options |= {} if vectors == words.BUNDLED else {"vectors": vectors}
    part = str(Part(source, options))
    try:
        return Chosen(cache.matrix(part, classes), part, classes, reworded=classes.words != given.words)
    except ValueError as error:
        st.error(plain(error))
        return None


def _options(source: str) -> dict[str, float | str]:
    """The source's numbers, as sliders bound to the link."""
    if source == "words":
        links.unknown(state.BY, state.BOUNDS, "way to set the bound")
        left, right = st.columns([1, 3])
        by = left.segmented_control(
            "Bound by",
            state.BOUNDS,
            default="keep",
            required=True,
            key=state.BY,
            bind="query-params",
            help="keep: the share of pairs left above zero, the same for any vectors. lower_bound: a cosine.",
        )
        with right:
            if by == "keep":
                label = "keep: share of the pairs of classes that stay above zero"
                return {"keep": _slider(state.KEEP, label, (0.0, 0.5), 0.02, 0.01)}
            label = "lower_bound: cosine up to which two classes count as unrelated"
            return {"lower_bound": _slider(state.LOWER, label, (0.0, 0.99), 0.5, 0.01)}
    if source == "order":
        return {"r": _slider(state.RATIO, "r: similarity of neighbours; 0 is cross entropy", (0.0, 0.99), 0.3, 0.01)}
    if source == "positions":
        return {"power": _slider(state.POWER, "power of the distance", (0.25, 3.0), 1.0, 0.25)}
    return {}


def _slider(key: str, label: str, limits: tuple[float, float], value: float, step: float) -> float:
    links.outside(key, *limits, key)
    return round(st.slider(label, *limits, value, step, key=key, bind="query-params"), 4)


def _from_file(classes: ClassSet, picked: str) -> Chosen | None:
    """An uploaded matrix, matched to the classes by name where it knows them all."""
    upload = given.upload("Matrix file (CSV, TSV or npz)", ["csv", "tsv", "npz"], "matrix-file")
    if upload is None:
        st.info("A table with the class names in the first row and the first column. Export one below any matrix here.")
        return None
    try:
        matrix = cache.uploaded(upload.getvalue(), PurePath(upload.name).suffix)
    except ValueError as error:
        st.error(f"{plain(upload.name)}: {plain(error)}")
        return None
    part = PurePath(upload.name).name
    try:
        return Chosen(matrix.aligned(classes), part, classes)
    except ValueError as error:
        st.warning(f"It does not fit the classes of {plain(picked)}: {plain(error)}. Shown with its own classes.")
        return Chosen(matrix, part, ClassSet(matrix.names))


def _report(chosen: Chosen) -> None:
    """Everything below the choices."""
    with st.container(horizontal=True, gap="large"):
        kind = _kind(chosen.matrix)
        order_by = shell.order_picker()
    matrix = chosen.matrix.to_similarity() if kind == "similarity" else chosen.matrix.to_distance()
    order = _order(order_by, chosen)
    groups = None if chosen.classes.groups is None else [path[0] for path in chosen.classes.groups]
    wide, narrow = st.columns([2, 1])
    with wide:
        fig = pictures.matrix(matrix, order=order, groups=groups if order_by == "group" else None)
        if len(matrix) > CELL_LIMIT:  # one square image, as high as its column is wide
            fig.update_layout(height=IMAGE_HEIGHT)
        charts.show(fig, "matrix", f"{kind} of {len(matrix)} classes, ordered by {order_by}")
        if len(matrix) > CELL_LIMIT:
            _window(matrix, order)
    with narrow:
        similarity_anatomy.checks(matrix, chosen.classes)
        charts.show(pictures.histogram(matrix), "histogram", f"How the {kind} of two different classes is spread")
    similarity_anatomy.show(chosen.matrix, matrix, chosen.classes)
    _take_along(chosen, matrix)


def _window(matrix: ClassMatrix, order: list[int] | None) -> None:
    """A part of the image with its cells and names, around a class of one's choice."""
    places = order or list(range(len(matrix)))
    first = matrix.names[places[0]]
    links.unknown(state.AROUND, matrix.names, "class to look around")
    if st.session_state.get(state.AROUND) not in (None, *matrix.names):
        del st.session_state[state.AROUND]  # kept from other classes
    at = matrix.names.index(
        st.selectbox("Closer, around", matrix.names, index=places[0], key=state.AROUND, bind="query-params") or first
    )
    fig = pictures.matrix(matrix, order=window(places, at)).update_layout(height=IMAGE_HEIGHT)
    charts.show(fig, "matrix-window", f"{WINDOW} of the {len(matrix)} classes, around {matrix.names[at]}")


def _kind(matrix: ClassMatrix) -> str:
    links.unknown(state.SHOWN, state.KINDS, "kind of matrix")
    return st.segmented_control(
        "Shown as",
        state.KINDS,
        default="similarity",
        required=True,
        key=state.SHOWN,
        bind="query-params",
        help=f"This matrix is a {matrix.kind}. D = 1 - S; S = 1 - D / largest D.",
    )


def _order(by: str, chosen: Chosen) -> list[int] | None:
    names, groups = chosen.classes.names, chosen.classes.groups
    if by == "name":
        return sorted(range(len(names)), key=lambda i: names[i].lower())
    if by == "similarity":
        return cache.leaves(chosen.matrix)
    if by == "group":
        if groups is not None:
            return sorted(range(len(names)), key=lambda i: groups[i])
        st.info("These classes have no groups; they are in the order of the list.")
    return None


def _take_along(chosen: Chosen, shown: ClassMatrix) -> None:
    """Export, and the text to use elsewhere."""
    st.subheader("Take it along")
    recipe = {"names": list(shown.names), "kind": shown.kind, "recipe": shown.recipe, "setting": chosen.part}
    with st.container(horizontal=True):
        _download("CSV", ".csv", "text/csv", shown.kind, lambda: files.dumps(shown, ".csv"))
        _download("npz", ".npz", "application/octet-stream", shown.kind, lambda: files.dumps(shown, ".npz"))
        whole = recipe | {"values": shown.values}
        as_json = lambda: json.dumps(whole, indent=1, default=lambda v: v.tolist())  # noqa: E731
        _download("JSON with recipe", ".json", "application/json", shown.kind, as_json)
    st.caption("As the setting of a loss, on the command line and on the train page:")
    st.code(f"simloss@{chosen.part}\nground_distance@{chosen.part}", language=None)
    if chosen.reworded:
        st.caption(
            "The words you changed are not part of that text: export the matrix and use its file, `simloss@FILE.csv`."
        )


def _download(label: str, suffix: str, mime: str, name: str, data: Callable[[], str | bytes]) -> None:
    """A download whose content is made when it is asked for, without a rerun of the page."""
    st.download_button(
        label,
        data=data,
        file_name=f"{name}{suffix}",
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
        key=f"export{suffix}",
    )
