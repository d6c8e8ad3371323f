"""The settings of a comparison: losses x matrices, each as the text that the command line takes too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import streamlit as st

from simviz import compare
from simviz.classes import ClassSet
from simviz.settings import MATRIX_FILES, parse_setting
from simviz.ui import cache, folders, state
from simviz.ui.text import code, plain

WORDS = "words:keep=0.02"
GRAMMAR = (
    "LOSS[:key=value,…][@MATRIX[:key=value,…]], for example `simloss:normalize=columns@words:keep=0.02`, "
    "`simloss@order:r=0.8`, `expected_cost@groups`, `ground_distance:exponent=2@words`, `self_guided`."
)


@dataclass(frozen=True)
class Settings:
    """What was asked for, what will be trained (with controls), and what cannot be read."""

    asked: list[str]
    all: list[str]
    wrong: list[str]


def show(classes: ClassSet, changed_words: int) -> Settings:
    """Pick settings, type them, or build them; with their controls."""
    key = f"settings-{ClassSet(classes.names).fingerprint}"
    part = _carried(classes)
    _prepare(key, classes, part)
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    asked = left.multiselect(
        "Settings: a loss and the matrix it is given",
        st.session_state[f"{key}/known"],
        key=key,
        accept_new_options=True,
        wrap=True,
        persist_state="session",
        placeholder="Choose, or type a setting and press Enter",
        help=GRAMMAR,
    )
    with right.popover("Build one", icon=":material/add:", width="stretch", on_change="rerun", key="build") as box:
        if box.open:
            _builder(key, classes)
    good, wrong = _read(asked)
    _carried_note(part, changed_words)
    _forecasts(good, classes)
    controls = st.toggle(
        "Add the controls",
        value=True,
        key="controls",
        persist_state="session",
        help="Plain cross entropy, and for every SimLoss the same with shuffled class names (was it the meaning, "
        "or only smoothing?) and with unit columns (was it a bonus for hubs?). They run after what you asked for.",
    )
    whole = compare.with_controls(good) if controls and good else good
    extra = [s for s in whole if s not in good]
    if extra:
        st.caption("Controls: " + ", ".join(map(code, extra)))
    return Settings(good, whole, wrong)


def offer(classes: ClassSet, settings: list[str]) -> None:
    """Callback of another page: these settings, and no others, are chosen when the train page is seen next."""
    key = f"settings-{ClassSet(classes.names).fingerprint}"
    st.session_state[key], st.session_state[f"{key}/known"] = list(settings), list(settings)


def defaults(classes: ClassSet) -> list[str]:
    """What to begin with: the losses that these classes allow."""
    if classes.ordered:
        return ["ce", "emd2", "simloss@order:r=0.3"]
    if all(r.how != "missing" for r in cache.resolved(classes)):
        part = WORDS
    elif classes.groups is not None:
        part = "groups"
    else:
        return ["ce", "gce"]
    return ["ce", f"simloss@{part}", f"ground_distance@{part}"]


def _carried(classes: ClassSet) -> str | None:
    """The matrix built on the similarity page, as a part of a setting, if it is one for these classes."""
    chosen = st.session_state.get(state.BUILT)
    if chosen is None or not set(classes.names) <= set(chosen.matrix.names):
        return None
    if PurePath(chosen.part).suffix.lower() in MATRIX_FILES:
        return str(folders.kept(chosen.matrix))
    try:  # classes of one's own may have had positions or groups that the data set lacks
        cache.matrix(chosen.part, classes)
    except ValueError:
        return None
    return chosen.part


def _prepare(key: str, classes: ClassSet, part: str | None) -> None:
    """The first selection; a matrix that has since changed on the similarity page takes its place in it."""
    known, last = f"{key}/known", f"{key}/carried"
    if known not in st.session_state:
        st.session_state[known] = defaults(classes)
        st.session_state[key] = list(st.session_state[known])
    before = st.session_state.get(last, WORDS)
    if part is None or part == before:
        return
    st.session_state[last] = part
    kept = [s for s in st.session_state.get(key, []) if not s.endswith(f"@{before}")]
    _add(key, [f"simloss@{part}", f"ground_distance@{part}"], kept)


def _add(key: str, settings: list[str], kept: list[str] | None = None) -> None:
    """Add settings to the selection; also a callback."""
    kept = st.session_state.get(key, []) if kept is None else kept
    st.session_state[key] = list(dict.fromkeys([*kept, *settings]))
    known = f"{key}/known"
    st.session_state[known] = list(dict.fromkeys([*st.session_state[known], *settings]))


def _read(asked: list[str]) -> tuple[list[str], list[str]]:
    """Canonical settings, and those that cannot be read, each named in a sentence."""
    good, wrong = [], []
    for text in asked:
        try:
            good.append(folders.checked_setting(text))
        except ValueError as error:
            wrong.append(text)
            st.error(f"{code(text)}: {plain(error)}")
    return list(dict.fromkeys(good)), wrong


def _forecasts(settings: list[str], classes: ClassSet) -> None:
    """Say before training which matrices will cost SimLoss its accuracy."""
    for text in settings:
        setting = parse_setting(text)
        if setting.loss.name != "simloss" or setting.matrix is None:
            continue
        try:
            matrix = cache.matrix(str(setting.matrix), classes).aligned(classes).to_similarity()
        except ValueError:
            continue  # said where the comparison is checked
        found = cache.forecast(matrix, str(setting.loss.options.get("normalize", "none")))
        if found.warning:
            (st.error if found.costly else st.warning)(f"{code(text)}: {plain(found.warning)}", icon=":material/hub:")


def _carried_note(part: str | None, changed: int) -> None:
    words = f"{changed} changed word{'' if changed == 1 else 's'}"
    if part is None:
        st.caption(
            "A matrix built on the similarity page appears here by itself." + (f" With {words}." * bool(changed))
        )
    else:
        st.caption(f"{code(f'@{part}')}{f' and {words}' if changed else ''} from the similarity page.")


def _builder(key: str, classes: ClassSet) -> None:
    """Loss, matrix and options by hand."""
    known = cache.losses_for(classes)
    loss = st.selectbox("Loss", known, format_func=lambda n: f"{known[n]['title']} ({n})", key="build-loss")
    about: dict[str, Any] = known[loss]
    options = st.text_input("Its options", key="build-options", placeholder="key=value, key=value", help=about["help"])
    st.caption(about["help"])
    setting = f"{loss}:{options}" if options else loss
    if about["matrix"]:
        setting += "@" + _matrix(classes)
    st.code(setting, language=None)
    st.button("Add", key="build-add", on_click=_add, args=(key, [setting]), icon=":material/add:", type="primary")


def _matrix(classes: ClassSet) -> str:
    from simviz import matrices

    lacking = {"positions": classes.positions is None, "groups": classes.groups is None}
    builders = {b.name: b for b in matrices.available() if not lacking.get(b.name)}
    name = st.selectbox("Matrix", builders, key="build-matrix", help="Files are typed: `simloss@FILE.csv`")
    st.caption(plain(builders[name].summary))
    takes = ", ".join(builders[name].options)
    options = st.text_input(f"Its options ({takes})", key="build-m-options") if takes else ""
    return f"{name}:{options}" if options else name
