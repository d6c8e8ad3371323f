"""One picture, of the comparison or the user's own: what every setting says of it, and how each decoder decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from simviz import compare
from simviz.evaluation import Answer, answer
from simviz.runs import Run, weights
from simviz.ui import cache, cache_picture, cache_severity, charts, evidence, given, links, state
from simviz.ui.cache_picture import Said
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

SHOWN = 5
LISTED = 20_000  # names that a list can still be picked from
SIDE = 160
KEPT, OWN = "of the comparison", "your own"
NO_WEIGHTS = (
    "No run of this comparison has weights here, so it cannot be asked about a new picture: predictions made elsewhere "
    "and most archives carry none. Train the settings on this machine, and ask those."
)


@dataclass(frozen=True)
class Reply:
    """What one run says of the picture; without an answer where only its decision is known."""

    label: str
    run: Run
    said: Said
    answer: Answer | None = None
    temperature: float | None = None

    @property
    def first(self) -> int:
        """The most probable class, or the decided one."""
        if self.answer is None:
            assert self.said.decided is not None
            return self.said.decided
        return self.answer.decisions["argmax"]


def show(found: Evidence, panels: list[Panel]) -> None:
    """The section; only what is open is read."""
    with links.expander("One picture", state.PICTURE, ":material/image_search:") as box:
        if not box.open:
            return
        with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
            links.unknown(state.OF_WHOM, (KEPT, OWN), "kind of picture")
            source = st.segmented_control(
                "Picture", [KEPT, OWN], default=KEPT, required=True, key=state.OF_WHOM, bind="query-params"
            )
            runs = _runs(panels)
        if source == KEPT:
            _kept(found, runs)
        else:
            _own(found, runs)


def clicked(widget: str, names: Sequence[str]) -> None:
    """Callback of a row of images: the section opens with it; a row let go of is no wish."""
    rows = st.session_state[widget]["selection"]["rows"]
    if rows:
        st.session_state[state.IMAGE] = names[rows[0]]
        st.session_state[state.PICTURE] = True
        st.session_state[state.OF_WHOM] = KEPT


def _runs(panels: list[Panel]) -> dict[str, Run]:
    """One run of each panel: that of the chosen seed, else its first."""
    seeds = sorted({run.spec.seed for panel in panels for run in panel.runs})
    names = [str(seed) for seed in seeds]
    links.unknown(state.SEED, names, "seed")
    if st.session_state.get(state.SEED) not in (None, *names):
        del st.session_state[state.SEED]  # kept from a comparison that had it
    seed = seeds[0]
    if len(seeds) > 1:
        about = "One run of each setting answers; other seeds may say something else."
        seed = int(st.selectbox("Seed", names, key=state.SEED, bind="query-params", width=120, help=about))
    return {p.label: next((r for r in p.runs if r.spec.seed == seed), p.runs[0]) for p in panels}


def _kept(found: Evidence, runs: dict[str, Run]) -> None:
    """An image of the part in view, from the predictions kept with the runs."""
    runs = {label: run for label, run in runs.items() if run.setting not in found.counted}
    if not runs:
        st.caption("Counts name no images, so there is none to look at.")
        return
    every = found.decoded(next(iter(runs.values()))).ids.tolist()
    wanted = st.session_state.get(state.IMAGE) or st.query_params.get(state.IMAGE)
    options = every[:LISTED]
    if wanted in every[LISTED:]:
        options = [*options, wanted]
    links.unknown(state.IMAGE, options, f"image of the {found.part} part")
    if st.session_state.get(state.IMAGE) not in (None, *options):
        del st.session_state[state.IMAGE]  # of another comparison or part
    name = st.selectbox(
        "Image",
        options,
        index=None,
        key=state.IMAGE,
        bind="query-params",
        placeholder="its name, or click a row of images above",
    )
    if name is None:
        return
    said: dict[str, Said | None] = {}
    for label, run in runs.items():
        stamp = cache.stamps(run, found.part)[0]
        assert stamp is not None
        said[label] = cache_picture.kept(stamp, name)
    true = next((s.true for s in said.values() if s is not None), None)
    data = (found.comparison.info.get("dataset") or {}).get("name", "predictions")
    held = "Nothing was trained or chosen on it. " if found.part == "test" else "Temperatures were fitted on it. "
    if any(run.spec.predictions is not None for run in runs.values()):
        held = ""  # what a model made elsewhere was trained on, nobody here knows
    about = (
        f"**Image of the {found.part} part** of {plain(data)}: {plain(name)}, true class "
        f"**{plain(found.classes.names[true or 0])}**. {held}What follows was kept with the runs."
    )
    _replies(found, runs, said, _pixels(found, name), about, true)


def _own(found: Evidence, runs: dict[str, Run]) -> None:
    """A picture of the user's, through the networks themselves."""
    stamps = {label: cache.stamp(weights.path(run)) for label, run in runs.items()}
    if not any(stamps.values()):
        seeds = sorted({run.spec.seed for run in found.comparison.runs if weights.path(run).is_file()})
        if seeds:
            there = ", ".join(map(str, seeds))
            st.info(f"No run of this seed has weights here, so none can answer for a new picture; seed {there} can.")
            return
        st.info(NO_WEIGHTS)
        evidence.page_link("train", "Train")
        return
    file = given.upload("A PNG, JPEG or WebP picture", ["png", "jpg", "jpeg", "webp"], "one-file")
    if file is None:
        return
    said: dict[str, Said | None] = {}
    pixels, troubles = None, []
    for label, run in runs.items():
        said[label] = None
        stamp = stamps[label]
        if stamp is None:
            troubles.append(f"{run.id} has no weights here")
            continue
        try:
            said[label], pixels = cache_picture.asked(stamp, run, found.classes, file.getvalue())
        except ValueError as error:
            troubles.append(str(error))
    for text in dict.fromkeys(troubles):
        st.error(plain(text), icon=":material/error:")
    if pixels is None:
        return
    data = (found.comparison.info.get("dataset") or {}).get("name", "the data")
    about = (
        f"**Your own picture**: {plain(file.name)}, from no part of {plain(data)}, resized to {pixels.shape[1]} x "
        f"{pixels.shape[0]} pixels as the networks see it. A network always answers with one of its "
        f"{len(found.classes):,} classes, and how often it is right was not measured on pictures like this."
    )
    _replies(found, runs, said, pixels, about, None)


def _replies(
    found: Evidence,
    runs: dict[str, Run],
    said: dict[str, Said | None],
    pixels: NDArray[np.uint8] | None,
    about: str,
    true: int | None,
) -> None:
    """Picture, sentence, the table of decisions and the best classes of each setting."""
    try:
        replies = [_reply(found, label, runs[label], one) for label, one in said.items() if one is not None]
    except ValueError as error:
        st.error(plain(error), icon=":material/error:")
        return
    with st.container(horizontal=True, gap="medium"):
        if pixels is not None:
            st.image(_enlarged(pixels), width=SIDE)
        with st.container(width="stretch"):
            st.markdown(about)
            st.caption(plain(_summary(found, replies, true)))
    _decisions(found, replies, true)
    measured = [r for r in replies if r.answer is not None]
    for start in range(0, len(measured), 3):
        for column, reply in zip(st.columns(3), measured[start : start + 3], strict=False):
            with column:
                _top(found, reply, true)


def _reply(found: Evidence, label: str, run: Run, said: Said) -> Reply:
    if said.decided is not None:
        return Reply(label, run, said)
    validation = cache.stamps(run, found.part)[1]
    temperature = None if validation is None else cache_severity.temperature(validation)[0]
    similarity = compare.trained_similarity(run, found.classes)
    one = answer(
        said.log_probabilities,
        classes=found.classes,
        ruler=found.ruler,
        temperature=temperature,
        similarity=similarity,
    )
    return Reply(label, run, said, one, temperature)


def _summary(found: Evidence, replies: list[Reply], true: int | None) -> str:
    """How many settings agree, and where deciding by cost changes something."""
    names = found.classes.names
    if true is None:
        first, count = Counter(r.first for r in replies).most_common(1)[0]
        text = f"By argmax {count} of {len(replies)} settings answer {names[first]}."
    else:
        count = sum(r.first == true for r in replies)
        text = f"By argmax {count} of {len(replies)} settings recognise it."
    moved = [r.label for r in replies if r.answer is not None and r.answer.decisions["min_cost"] != r.first]
    return text + (f" Deciding by cost changes the answer of {', '.join(moved)}." if moved else "")


def _decisions(found: Evidence, replies: list[Reply], true: int | None) -> None:
    names = found.classes.names
    decoders = list(dict.fromkeys(d for r in replies if r.answer is not None for d in r.answer.decisions))
    table = pd.DataFrame({"setting": [r.label for r in replies]})
    for decoder in decoders:
        table[decoder] = [_decision(r, decoder, names, true) for r in replies]
    if any(r.answer is None for r in replies):
        table[compare.OWN] = [_marked(r.first, names, true) if r.answer is None else "" for r in replies]
    if any(r.temperature is not None for r in replies):
        table["temperature"] = [r.temperature for r in replies]
    columns = {"temperature": st.column_config.NumberColumn("T", format="%.2f", help="Fitted on validation.")}
    alt = "; ".join(f"{r.label}: {names[r.first]}" for r in replies)
    charts.table(
        table, "Decisions", column_config=columns, key="one-decisions", alt=f"What each setting decides. {alt}"
    )
    st.caption(
        f"Each decoder's class, in brackets what it is expected to cost in {plain(found.ruler.unit)}, by the ruler "
        f"{plain(found.ruler.describe())}: the mean distance to the true class if its probabilities hold. Costs and "
        "min\\_cost divide log p by the temperature T fitted on validation, where there is one: below 1 the setting is "
        "taken to be surer than it says. The other decoders and p below are as the setting gave them."
        + ("" if true is None else " ✓: the true class.")
    )


def _decision(reply: Reply, decoder: str, names: Sequence[str], true: int | None) -> str:
    if reply.answer is None or decoder not in reply.answer.decisions:
        return ""
    decided = reply.answer.decisions[decoder]
    return f"{_marked(decided, names, true)} ({reply.answer.cost[decided]:.2f})"


def _marked(index: int, names: Sequence[str], true: int | None) -> str:
    return f"✓ {names[index]}" if index == true else names[index]


def _top(found: Evidence, reply: Reply, true: int | None) -> None:
    """The most probable classes of one setting, and what each would cost."""
    assert reply.answer is not None
    names, best = found.classes.names, reply.answer.top(SHOWN)
    st.markdown(f"**{plain(reply.label)}**, seed {reply.run.spec.seed}")
    table = pd.DataFrame(
        {
            "class": [_marked(i, names, true) for i in best],
            "probability": reply.answer.probability[best],
            "cost": reply.answer.cost[best],
        }
    )
    columns = {
        "probability": st.column_config.ProgressColumn("p", min_value=0, max_value=1, format="%.3f"),
        "cost": st.column_config.NumberColumn("cost", format="%.2f", help=f"Expected, in {found.ruler.unit}."),
    }
    shares = ", ".join(f"{names[i]} {reply.answer.probability[i]:.0%}" for i in best[:3])
    charts.table(
        table,
        f"Best classes of {reply.label}",
        column_config=columns,
        key=f"one-top-{reply.label}",
        alt=f"{reply.label}: {shares}",
    )


def _pixels(found: Evidence, name: str) -> NDArray[np.uint8] | None:
    """The picture of a sample; None, with a sentence, where the comparison keeps none."""
    file = cache.stamp(found.comparison.path / "images.npz")
    try:
        rows, images = ({}, None) if file is None else cache.pictures(file)
    except ValueError as error:
        st.warning(plain(error))
        return None
    if images is None or name not in rows:
        st.caption("This comparison keeps no picture of it.")
        return None
    return np.asarray(images[rows[name]])


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every pixel a square, so that one sees what the network sees."""
    times = max(1, SIDE // pixels.shape[0])
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
