"""Judge your own model: files of predictions, what their columns mean, and a comparison made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from simviz.classes import ClassSet
from simviz.evaluation import foreign
from simviz.evaluation.foreign import Foreign, Guess, Source
from simviz.evaluation.foreign.table import listed
from simviz.runs import Store
from simviz.runs.foreign import keep, same_classes, same_samples
from simviz.ui import cache, cache_foreign, class_picker, evidence, folders, given, links, state
from simviz.ui.cache_foreign import Given
from simviz.ui.text import plain

MAX_PICKED = 60  # columns that a list can still be picked from
PREVIEW_ROWS, PREVIEW_COLUMNS = 5, 14
ADDED, REFUSED, EMPTIED = "judge-added", "judge-refused", "judge-emptied"
LAYOUTS = {"samples": "one row a sample", "confusion": "a confusion matrix"}
UNANSWERED = "No predictions; a last layer of cross entropy, fitted to one half and asked about the other, stands in."
HELP = {
    "Scores": "One a class, or one block of them all.",
    "Features": "What the last layer is fed: with it other last layers can be tried, and the matrix dragged.",
}
Link = tuple[str, str, dict[str, str]]
WITH_FEATURES: Link = ("live", "What would another loss on its last layer do?", {})
OUTCOMES: tuple[Link, ...] = (
    ("confusion", "See its confusions", {}),
    ("severity", "See how bad its mistakes are", {}),
    ("severity", "What would deciding by cost bring it?", {state.DETAIL: "gain"}),
)
ABOUT = (
    f"CSV, TSV (or these as .gz), Parquet, npz or npy, at most {given.UPLOAD_MB} MB each. One row a sample: the true "
    "class with the decided class, or with one score for every class (probabilities, their logarithms or logits), and "
    "if you have them an id, a unit (samples of one person or scene), a picture's path, and features: the numbers that "
    "the last layer is fed, with which other last layers can be tried. Or a table of counts. "
    "Several files of the same samples become the settings of one comparison."
)


@dataclass(frozen=True)
class File:
    """One file of the user's: its name, where it lies or what it is called, and what it holds."""

    name: str
    where: str
    given: Given


def show() -> None:
    """The section, and what came of the last click in it."""
    _outcome()
    with links.expander("Judge your own model", state.JUDGE, ":material/rule:") as box:
        if not box.open:
            return
        if given.closed("no predictions can be added here"):
            return
        st.caption(ABOUT)
        files = _files()
        if files:
            st.session_state.pop(ADDED, None)
            _section(files)


def _outcome() -> None:
    if trouble := st.session_state.pop(REFUSED, None):
        st.error(f"Nothing was added. {plain(trouble)}", icon=":material/block:")
    if (added := st.session_state.get(ADDED)) is None:
        return
    st.success(f"Added “{plain(added[1])}”. It is the comparison in view now.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        for page, label, more in (*OUTCOMES, *([WITH_FEATURES] if added[2] else [])):
            st.page_link(
                f"pages/{page}.py",
                label=label,
                icon=":material/arrow_forward:",
                query_params={state.COMPARISON: added[0], **more},
            )


def _files() -> list[File]:
    """What was uploaded, then what was named by its path."""
    version = st.session_state.get(EMPTIED, 0)
    kinds = [suffix.removeprefix(".") for suffix in foreign.FORMATS]
    uploads = given.uploads("Files of predictions", kinds, f"judge-files-{version}")
    files = [File(one.name, one.name, one.getvalue()) for one in uploads]
    path = given.path_instead(f"judge-path-{version}")
    if path is not None:
        files.append(File(Path(path).name, path, cache.stamp(Path(path)) or b""))
    return files


def _section(files: Sequence[File]) -> None:
    """Columns, classes, ruler, button; at the first trouble a sentence instead of what follows."""
    key = _key(files)
    try:
        meanings, said = _meanings(files)
        found, table = _read(files, meanings, key)
        found = same_samples(found)
    except (ValueError, OSError) as error:
        st.error(plain(error), icon=":material/error:")
        return
    _understood(found)
    classes = found[0].classes
    if table is None and st.toggle("Give the classes groups, an order or words", key=f"{key}-relations"):
        classes = class_picker.related(classes, words=True) or classes
        if missing := evidence.unknown_words(classes):
            shown = ", ".join(missing[:8]) + (", ..." if len(missing) > 8 else "")
            st.info(f"No word vector for {plain(shown)}. Type a word for each, and mistakes can be measured by words.")
        found = [replace(one, classes=classes) for one in found]
    ruler = st.selectbox(
        "Ruler: the distance by which mistakes are measured",
        evidence.rulers(classes),
        key=f"{key}-ruler-{classes.fingerprint}",
    )
    title = st.text_input("Title", key=f"{key}-title", placeholder="made of the files' names", max_chars=200)
    where = [file.where for file in files]
    arguments = {"title": title or None, "ruler": ruler, "files": where, "columns": said, "class_table": table}
    st.button(
        "Add as a comparison",
        type="primary",
        icon=":material/add:",
        key="judge-add",
        on_click=add,
        args=(found, arguments),
    )


def _meanings(files: Sequence[File]) -> tuple[list[Guess], list[dict[str, str]]]:
    """What the columns of each file mean, in boxes to correct, and what was corrected of each."""
    sources = [cache_foreign.source(file.given, file.name) for file in files]
    guesses = [foreign.guess(source) for source in sources]
    meanings = list(guesses)
    for alike in _alike(sources, guesses):
        first = alike[0]
        if len(files) > 1:
            names, one = listed([files[number].name for number in alike]), files[first].name
            st.markdown(
                f"**Columns of {plain(names)}**" + (f"; the rows below are from {plain(one)}" if len(alike) > 1 else "")
            )
        _preview(sources[first], guesses[first])
        chosen = _meaning(sources[first], guesses[first], _key([files[first]]))  # stays where a file is added
        for number in alike:
            meanings[number] = chosen
    return meanings, [foreign.spoken(guessed, meaning) for guessed, meaning in zip(guesses, meanings, strict=True)]


def _alike(sources: Sequence[Source], guesses: Sequence[Guess]) -> list[list[int]]:
    """The files, by number, that share boxes: with the same columns, and the same guess of what these mean."""
    found: dict[Hashable, list[int]] = {}
    for number, (source, guessed) in enumerate(zip(sources, guesses, strict=True)):
        unordered = replace(guessed, scores=tuple(sorted(guessed.scores)))  # in whatever order the columns stand
        found.setdefault((frozenset(source.arrays), unordered), []).append(number)
    return list(found.values())


def _key(files: Sequence[File]) -> str:
    """Of the boxes that belong to these files: what was corrected for one file says nothing of another."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode(errors="replace"))
        digest.update(file.given if isinstance(file.given, bytes) else repr(file.given).encode())
    return f"judge-{digest.hexdigest()[:8]}"


def _preview(source: Source, guessed: Guess) -> None:
    """The first rows, the columns with a meaning of their own first."""
    roles = [guessed.ids, guessed.true, guessed.predicted, guessed.units, guessed.images, *guessed.scores]
    named = [n for n in dict.fromkeys([*roles, *source.arrays]) if n is not None]
    columns = [n for n in named if source.axes(n) == 1][:PREVIEW_COLUMNS]
    rows = {n: pd.Series([_cell(v) for v in source[n][:PREVIEW_ROWS]], dtype="object") for n in columns}
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=f"The first rows of {source.name}")
    blocks = [f"{n}, {' x '.join(map(str, source[n].shape))}" for n in named if source.axes(n) == 2]
    if blocks:
        st.caption(f"Blocks: {plain('; '.join(blocks))}.")


def _cell(value: Any) -> str:
    """A cell as it stands in the file; a long number in fewer digits."""
    text = str(value.as_py() if hasattr(value, "as_py") else value)
    try:
        return f"{float(text):.4g}" if len(text) > 10 else text
    except ValueError:
        return text


def _meaning(source: Source, guessed: Guess, key: str) -> Guess:
    """The guess in boxes, as the user corrected it."""
    layout = st.segmented_control(
        "The file holds",
        list(LAYOUTS),
        format_func=LAYOUTS.__getitem__,
        default=guessed.layout,
        required=True,
        key=f"{key}-layout",
    )
    if layout == "confusion":
        return _meaning_of_counts(source, guessed, key)
    names = list(source.arrays)
    columns = [n for n in names if source.axes(n) == 1]
    box = _Boxes(key)
    with st.container(horizontal=True):
        true = box.pick("True class", names, guessed.true)
        predicted = box.pick("Decided class", names, guessed.predicted)
        scale = st.selectbox("The scores are", foreign.SCALES, key=f"{key}-scale", width=200)
    numeric = [n for n in names if source.numeric(n)] if len(names) <= MAX_PICKED else []
    scores = _several("Scores", numeric, guessed.scores, f"{key}-scores")
    spoken_for = {true, predicted, guessed.ids, guessed.units, *scores}
    left = [n for n in numeric if n not in spoken_for]
    features = _several("Features", left, guessed.features, f"{key}-features") if left or not numeric else ()
    with st.container(horizontal=True):
        ids = box.pick("Id", columns, guessed.ids)
        units = box.pick("Unit", columns, guessed.units)
        images = box.pick("Picture", columns, guessed.images)
    return replace(
        guessed,
        layout="samples",
        true=true,
        predicted=predicted,
        scores=scores,
        features=features,
        scale=scale,
        ids=ids,
        units=units,
        images=images,
    )


def _several(label: str, names: Sequence[str], guessed: Sequence[str], key: str) -> tuple[str, ...]:
    """A box for several columns; of a file of very many, whether to take what was guessed."""
    if names:
        known = [n for n in guessed if n in names]
        return tuple(st.multiselect(label, names, default=known, key=key, help=HELP[label]))
    which = f"the {len(guessed)} columns {' ... '.join(guessed[:: max(1, len(guessed) - 1)])}"
    return tuple(guessed) if guessed and st.toggle(f"{label}: {plain(which)}", value=True, key=key) else ()


def _meaning_of_counts(source: Source, guessed: Guess, key: str) -> Guess:
    blocks = [n for n in source.arrays if source.axes(n) == 2]
    columns = [n for n in source.arrays if source.axes(n) == 1]
    box = _Boxes(key)
    with st.container(horizontal=True):
        rows = st.segmented_control(
            "A row of the table is a",
            ("true", "predicted"),
            format_func=lambda side: f"{side} class",
            default=guessed.rows,
            required=True,
            key=f"{key}-rows",
            help="Counts alone cannot tell. In scikit-learn and pandas.crosstab(true, predicted) it is the true one.",
        )
        matrix = box.pick("Counts", blocks, guessed.matrix) if blocks else None
        names = box.pick("Names of the classes", columns, guessed.names)
    return Guess("confusion", matrix=matrix, names=names, rows=rows)


@dataclass(frozen=True)
class _Boxes:
    """Selectboxes of columns, which may stay empty."""

    key: str

    def pick(self, label: str, names: Sequence[str], guessed: str | None) -> str | None:
        index = None if guessed is None or guessed not in names else list(names).index(guessed)
        return st.selectbox(label, names, index=index, key=f"{self.key}-{label}", placeholder="none", width=200)


def _read(files: Sequence[File], meanings: Sequence[Guess], key: str) -> tuple[list[Foreign], str | None]:
    """What the files say in common classes, and the name of the class table if there is one."""
    upload = given.upload(
        "A class table, if there is one: name, and any of label, position, group, word", ["csv"], f"{key}-classes"
    )
    classes: ClassSet | None = None
    aliases: dict[str, str] | None = None
    if upload is not None:
        classes, aliases = cache_foreign.class_table(upload.getvalue(), upload.name)
    found = [
        cache_foreign.read(file.given, file.name, meaning, classes, aliases)
        for file, meaning in zip(files, meanings, strict=True)
    ]
    return same_classes(found), None if upload is None else upload.name


def _understood(found: Sequence[Foreign]) -> None:
    """What was read, for the user to check."""
    first = found[0]
    names = ", ".join(first.classes.names[:12]) + (", ..." if len(first.classes) > 12 else "")
    samples, count = len(first.predictions), len(first.classes)
    st.markdown(f"**{samples:,} samples, {count} classes:** {plain(names)}")
    for one in found:
        known = one.predictions
        said = f"{(_decided(one) == known.target).mean():.1%} right." if one.answered else UNANSWERED
        said += "" if known.features is None else f" With {known.features.shape[1]:,} features a sample."
        st.caption(plain(f"{one.name}: {said} {' '.join(one.notes)}"))


def _decided(one: Foreign) -> Any:
    bare = one.predictions.predicted
    return one.predictions.log_probabilities.argmax(axis=1) if bare is None else bare


def add(found: Sequence[Foreign], arguments: dict[str, Any]) -> None:
    """Callback: keep the predictions as a comparison, and bring it into view."""
    st.session_state.pop(ADDED, None)
    try:
        made = keep(found, store=Store(), picture_roots=folders.roots(), **arguments)
    except (ValueError, OSError) as error:
        st.session_state[REFUSED] = str(error)
        return
    st.session_state[EMPTIED] = st.session_state.get(EMPTIED, 0) + 1  # an empty uploader
    st.session_state[state.OPENED] = made.id
    st.session_state[ADDED] = made.id, made.title, any(one.predictions.features is not None for one in found)
