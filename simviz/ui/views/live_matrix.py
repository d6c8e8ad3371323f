"""Beside the answer: what the matrix will do to SimLoss, and the way to training it in full."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from simviz import datasets
from simviz.classes import ClassSet
from simviz.figures import matrix as pictures
from simviz.matrices import ClassMatrix
from simviz.runs import Run, read_only
from simviz.runs.spec import RunSpec
from simviz.settings import Part, Setting, parse_setting
from simviz.ui import cache, charts, folders, state
from simviz.ui.text import code, plain
from simviz.ui.views import train_options, train_settings

LARGEST = 20


def sums(matrix: ClassMatrix, setting: str) -> None:
    """Column sums, and the forecast where it is a warning."""
    similarity = matrix.to_similarity()
    normalize = str(parse_setting(setting).loss.options.get("normalize", "none"))
    simloss = parse_setting(setting).loss.name == "simloss"
    found = cache.forecast(similarity, normalize)
    if found.warning and simloss:
        box = st.error if found.costly else st.warning
        box(f"**Trained in full.** {plain(found.warning)}", icon=":material/hub:")
    columns = similarity.values.sum(axis=0)
    largest = int(columns.argmax())
    hubs = [similarity.names[i] for i in (-columns).argsort()[:4]] if found.gathers else []
    with st.expander(
        f"Column sums: {columns.min():.2f} to {columns.max():.2f}, largest {plain(similarity.names[largest])}",
        icon=":material/bar_chart:",
        key="live-sums",
        on_change="rerun",
    ) as opened:
        if opened.open:
            alt = f"Column sums of the similarity, largest {similarity.names[largest]} with {columns[largest]:.2f}"
            fig = pictures.column_sums(similarity.names, columns, hubs=hubs, largest=LARGEST)
            charts.show(fig, "live-columns", alt)
            st.caption(
                f"{plain(alt)}. SimLoss pays for telling about {found.told_apart:.0f} of {found.classes} classes apart."
            )


def full(run: Run, classes: ClassSet, setting: str, matrix: ClassMatrix | None, *, changed: bool) -> None:
    """A button that takes the setting to the train page; a matrix `changed` by hand goes along as a CSV file."""
    if run.spec.predictions is not None:
        st.caption(
            f"As a setting: {code(setting)}. {plain(run.id)} was made elsewhere, and there it can be trained in full."
        )
        return
    if changed and matrix is None:
        st.caption(
            f"As a setting: {code(setting)}, its groups changed by hand: it cannot be trained in full, because a run "
            "takes its groups from its data set. A loss on the matrix “groups” takes them along."
        )
        return
    given = matrix if changed else None
    st.button(
        "Train it in full",
        icon=":material/model_training:",
        key="live-full",
        disabled=read_only(),
        on_click=_ask,
        args=(run.spec, classes, setting, given),
        help="To the train page, with this setting and plain cross entropy filled in, and this network's images and "
        "model.",
    )
    if st.session_state.pop("live/full", False):
        st.switch_page("pages/train.py", query_params={})  # left to itself it may not clear what sliders are bound to
    st.caption(f"As a setting: {code(setting)}" + (", its matrix changed by hand" if changed else "") + _left(run))


def _left(run: Run) -> str:
    """What the train page has no box for."""
    size, apart = run.spec.image_size, run.spec.test is not None
    left = [f"the pictures' size of {size} pixels"] * (size is not None) + ["a test part that lies apart"] * apart
    return f". The train page does not take {' and '.join(left)}" if left else ""


def _ask(spec: RunSpec, classes: ClassSet, setting: str, matrix: ClassMatrix | None) -> None:
    """Callback: what the train page will find filled in."""
    if matrix is not None:
        setting = str(Setting(parse_setting(setting).loss, Part(str(folders.kept(matrix, ".csv")))))
    train_settings.offer(classes, ["ce", setting])
    where = spec.dataset
    known = where in datasets.available()
    st.session_state[state.DATASET] = where if known else state.ELSEWHERE
    if not known:
        st.session_state[state.WHERE] = where
    with suppress(ValueError, OSError):  # said on the train page
        train_options.offer(cache.dataset(where if known else folders.inside(where)), spec)
    st.session_state["live/full"] = True
