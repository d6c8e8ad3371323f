"""Ground distance: how a distance between the classes grows while a network trains, and what it agrees with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation import RULERS, agreement, statistics
from simviz.figures import distance as pictures
from simviz.figures.heatmap import Scale, heatmap
from simviz.matrices import ClassMatrix, anatomy
from simviz.runs import Comparison, Run, Store, StoreError
from simviz.ui import cache, charts, evidence, links, shell, state
from simviz.ui.text import plain

COMMAND = "python -m simviz train --dataset pictograms --loss self_guided --epochs 30"
PERMUTATIONS = 999
TREE_CLASSES = 130
HEIGHT = 560  # of two heat maps side by side
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Learned:
    """A run and the distance it learned, epoch by epoch."""

    comparison: Comparison
    run: Run
    epochs: list[int]
    distances: Floats
    warmup: int

    @property
    def classes(self) -> ClassSet:
        return self.comparison.classes

    @cached_property
    def references(self) -> dict[str, Floats]:
        """The distances that are known beforehand, by name."""
        found: dict[str, Floats] = {}
        for name in (r for r in RULERS if r != "zero_one"):
            try:
                found[name] = cache.ruler(self.classes, name).distance
            except (ValueError, OSError, ImportError):
                continue
        return found

    def matrix(self, row: int) -> ClassMatrix:
        return ClassMatrix(self.classes, self.distances[row], "distance")


def show() -> None:
    st.title("Ground distance")
    st.caption("What the self-guided loss learns about the classes: a distance, measured anew after every epoch.")
    found = _gather()
    if found is None:
        return
    row = _epoch(found)
    order_by = shell.order_picker()
    _warn(found, row)
    _heat(found, row, order_by)
    _agreement(found, row)
    _seeds(found, row)
    _trees(found, row)
    _map(found, row)


def _gather() -> Learned | None:
    """The run in view; None, with a sentence, where there is none."""
    chosen = shell.frame().comparison
    having = {c.id: c for c in Store().comparisons() if learners(c)}
    if chosen is not None and chosen.id in having:
        comparison = having[chosen.id]
    elif having and st.session_state.get(state.COMPARISON) is None and chosen is not None:
        comparison = next(iter(having.values()))
        st.info(
            f"The newest comparison learned no distance; this is “{plain(comparison.title)}” ({plain(comparison.id)})."
        )
    else:
        _nothing(having)
        return None
    runs = {r.id: r for r in learners(comparison)}
    links.unknown(state.LEARNER, runs, "run")
    if st.session_state.get(state.LEARNER) not in (None, *runs):
        del st.session_state[state.LEARNER]  # kept from another comparison
    run = runs[st.selectbox("Run", list(runs), key=state.LEARNER, bind="query-params")]
    try:
        return read(comparison, run)
    except (StoreError, ValueError, OSError) as error:
        st.error(plain(error))
        return None


def learners(comparison: Comparison) -> list[Run]:
    """The runs of a comparison whose epochs hold a distance; none where the comparison is damaged."""
    try:
        return [r for r in comparison.runs if (files := _files(r)) and cache.keeps_distance(files[-1][1])]
    except (StoreError, OSError):
        return []


def read(comparison: Comparison, run: Run) -> Learned:
    """A run's distances; ValueError where they are damaged."""
    run.spec  # noqa: B018  (a damaged one is said here, once)
    files = [(epoch, file) for epoch, file in _files(run) if cache.keeps_distance(file)]
    values = cache.distances(tuple(file for _, file in files), len(comparison.classes))
    warm = [m["epoch"] for m in run.metrics() if m.get("warmup")]
    return Learned(comparison, run, [epoch for epoch, _ in files], values, max(warm, default=0))


def _files(run: Run) -> list[tuple[int, cache.Stamp]]:
    stamped = [(epoch, cache.stamp(run.path / "epochs" / f"{epoch:04d}.npz")) for epoch in run.epochs]
    return [(epoch, file) for epoch, file in stamped if file is not None]


def _nothing(having: dict[str, Comparison]) -> None:
    if having:
        names = ", ".join(having)
        st.info(f"The comparison in view learned no distance. Choose one in the sidebar that did: {plain(names)}.")
        return
    st.info("No run here has learned a distance yet. A run of the loss self\\_guided does, for example:")
    st.code(COMMAND, language="bash")
    evidence.page_link("train", "Train")


def _epoch(found: Learned) -> int:
    """The scrubber; the row of `distances` in view."""
    if len(found.epochs) == 1:
        row = 0
    else:
        links.unknown(state.EPOCH, [str(e) for e in found.epochs], "epoch")
        if st.session_state.get(state.EPOCH) not in (None, *found.epochs):
            del st.session_state[state.EPOCH]
        picked = st.select_slider("Epoch", found.epochs, value=found.epochs[-1], key=state.EPOCH, bind="query-params")
        row = found.epochs.index(picked)
    st.caption(plain(label(found, row)))
    return row


def label(found: Learned, row: int) -> str:
    """What an epoch's distance is, in a sentence."""
    epoch, last = found.epochs[row], found.epochs[-1]
    where = f"Epoch {epoch} of {last}, seed {found.run.spec.seed}"
    if epoch < found.warmup:
        return f"{where}: warm-up. The network learned by plain cross entropy; the distance was measured, not used."
    if epoch == found.warmup:
        return f"{where}: the end of the warm-up by plain cross entropy. This distance is the first that the loss uses."
    used = "which no epoch used any more" if epoch == last else "which the next one uses"
    return f"{where}, after a warm-up of {found.warmup}: the distance learned in this epoch, {used}."


def problems(distance: Floats) -> list[str]:
    """What is wrong with a distance, in sentences."""
    if agreement.collapsed(distance):
        return ["It has collapsed to a constant: all classes are equally far apart, so the loss knows nothing of them."]
    broken, triples, exact = anatomy.triangle_violations(distance)
    if not broken:
        return []
    about = "" if exact else " (in a sample of classes)"
    return [
        f"The triangle inequality is broken by {broken:,} of {triples:,} triples of classes, "
        f"{broken / triples:.1%}{about}: ranks are no metric."
    ]


def _warn(found: Learned, row: int) -> None:
    for text in problems(found.distances[row]):
        if text.startswith("It has"):
            st.warning(plain(text), icon=":material/warning:")
        else:
            st.caption(plain(text))


def _heat(found: Learned, row: int, by: str) -> None:
    classes = found.classes
    order, said = None, ""
    if by == "name":
        order = sorted(range(len(classes)), key=lambda i: classes.names[i].lower())
    elif by == "group" and classes.groups is not None:
        order = sorted(range(len(classes)), key=classes.groups.__getitem__)
    elif by == "group":
        said = "These classes have no groups; they are in the order of the list."
    elif by == "similarity":
        order = cache.leaves(found.matrix(row))
        said = "Like classes stand side by side by the distance in view."
    groups = [path[0] for path in classes.groups] if by == "group" and classes.groups is not None else None
    first, now = found.distances[0], found.distances[row]
    change = now - first
    left, right = st.columns(2)
    axes = ("other class", "class")
    with left:
        scale = Scale("distance (mean rank)", low=0.0, high=1.0)
        fig = heatmap(
            now, classes.names, scale, title=f"Epoch {found.epochs[row]}", axes=axes, order=order, groups=groups
        )
        charts.show(
            fig.update_layout(height=HEIGHT),
            "learned",
            f"Learned distance of {len(classes)} classes after epoch {found.epochs[row]}",
        )
    with right:
        scale = Scale("change of distance", diverging=True)
        title = f"Epoch {found.epochs[row]} minus epoch {found.epochs[0]}"
        fig = heatmap(change, classes.names, scale, title=title, axes=axes, order=order, groups=groups)
        charts.show(
            fig.update_layout(height=HEIGHT), "change", f"{title}; largest change {float(np.abs(change).max()):.2f}"
        )
    st.caption(plain(f"{said} {_extremes(classes, change)}".strip()))


def _extremes(classes: ClassSet, change: Floats) -> str:
    if not np.any(change):
        return ""
    texts = []
    for what, index in (("closer", int(change.argmin())), ("apart", int(change.argmax()))):
        i, j = divmod(index, len(classes))
        texts.append(f"{classes.names[i]} and {classes.names[j]} moved {what} most ({change[i, j]:+.2f})")
    return "; ".join(texts) + ". 0 is nearest, 1 farthest: distances are ranked within each class."


def _agreement(found: Learned, row: int) -> None:
    st.subheader("What it agrees with")
    if not found.references:
        st.info("These classes have no words, groups or positions that the distance could be compared with.")
        return
    st.markdown(
        "Agreement means something **only beside its controls**: pixels and an untrained network already put some like "
        "classes together. The finding is the difference."
    )
    courses = {name: cache.course(found.distances, d) for name, d in found.references.items()}
    fig = pictures.course(found.epochs, courses, warmup=found.warmup, epoch=found.epochs[row])
    said = ", ".join(f"{name} {_number(values[row])}" for name, values in courses.items())
    charts.show(fig, "course", f"Agreement over the epochs; now {said}")
    table, missing = agreement_table(found, row)
    number = st.column_config.NumberColumn(format="%.2f")
    columns = {
        c: st.column_config.NumberColumn(format="%.3f") if c.endswith(" p") else number for c in table.columns[1:]
    }
    st.dataframe(table, hide_index=True, height="content", column_config=columns, alt="Agreement beside its controls")
    st.caption(
        f"Spearman's rho over the {len(found.classes) * (len(found.classes) - 1) // 2:,} pairs of classes. p: "
        f"one-sided Mantel test, {PERMUTATIONS} permutations of the class names, so never below "
        f"{1 / (PERMUTATIONS + 1):.3f}. "
        "Controls are learned by the same code from images of the validation part."
    )
    for name, text in missing.items():
        st.caption(f":material/block: Without the control “{plain(name)}”: {plain(text)}")


def agreement_table(found: Learned, row: int) -> tuple[pd.DataFrame, dict[str, str]]:
    """A row for the learned distance and each control: rho and p with each reference; and the missing controls."""
    run = found.run
    of = tuple(
        cache.stamp(p)
        for p in (
            found.comparison.path / "images.npz",
            *(r.path / "validation.npz" for r in found.comparison.runs),
            run.path / "spec.json",
        )
    )
    controls, missing = cache.controls(of, found.comparison, run)
    rows = {f"learned, epoch {found.epochs[row]}": found.distances[row]}
    if found.warmup in found.epochs and found.epochs[row] > found.warmup:
        rows[f"control: itself at the end of warm-up, epoch {found.warmup}"] = found.distances[
            found.epochs.index(found.warmup)
        ]
    rows |= {f"control: {name}": d for name, d in controls.items()}
    records = []
    for name, distance in rows.items():
        record: dict[str, object] = {"distance": name}
        for reference, known in found.references.items():
            result = cache.mantel(distance, known, PERMUTATIONS)
            record |= {reference: result and round(result.rho, 2) + 0.0, f"{reference} p": result and result.p}
        records.append(record)
    return pd.DataFrame(records), missing


def _seeds(found: Learned, row: int) -> None:
    """How much the distances of several seeds agree with one another, at the last epoch they share."""
    every = []
    for run in learners(found.comparison):
        try:
            if run.setting == found.run.setting:
                every.append(read(found.comparison, run))
        except (StoreError, ValueError, OSError) as error:
            st.caption(f":material/broken_image: Left out of the seeds: {plain(error)}")
    if len(every) < 2:
        st.caption("One seed alone: whether another seed learns the same distance is not known.")
        return
    epoch = min(found.epochs[row], *(e.epochs[-1] for e in every))
    if any(epoch not in e.epochs for e in every):
        st.caption("The seeds share no epoch, so they cannot be compared.")
        return
    last = [e.distances[e.epochs.index(epoch)] for e in every]
    st.caption(plain(seeds_text(last, found.references, epoch)))


def seeds_text(distances: list[Floats], references: dict[str, Floats], epoch: int) -> str:
    """Agreement of seeds with one another, and of their mean with each reference, as a sentence."""
    count = len(distances)
    between = [agreement.spearman(distances[i], distances[j]) for i in range(count) for j in range(i)]
    known = [b for b in between if b is not None]
    text = f"{count} seeds at epoch {epoch}: "
    if known:
        spread = f" ({min(known):.2f} to {max(known):.2f})" if len(known) > 1 else ""
        text += f"they agree with one another by rho {np.mean(known):.2f}{spread}. "
    for name, reference in references.items():
        values = [v for d in distances if (v := agreement.spearman(d, reference)) is not None]
        if len(values) > 1:
            mean = statistics.mean_interval(values)
            text += f"With {name} {mean.mean:.2f} (95 % interval {mean.low:.2f} to {mean.high:.2f}). "
    return text.strip()


def _trees(found: Learned, row: int) -> None:
    name = next(iter(n for n in ("words", "groups", "positions") if n in found.references), None)
    if name is None or len(found.classes) < 3:
        return
    st.subheader(f"Its tree beside that of {name}")
    known = ClassMatrix(found.classes, found.references[name], "distance")
    mine, other = anatomy.tree(found.matrix(row)), anatomy.tree(known)
    r = agreement.cophenetic_correlation(mine, other)
    if len(found.classes) <= TREE_CLASSES:
        fig = pictures.trees(mine, other, found.classes.names, (f"learned, epoch {found.epochs[row]}", name))
        charts.show(
            fig, "trees", f"Two trees of the classes, learned and by {name}; cophenetic correlation {_number(r)}"
        )
    st.caption(
        f"Average linkage. Cophenetic correlation {_number(r)}: how alike the heights are at which two classes join. "
        "A flat line joins a class that both trees put in the same place."
    )


def _map(found: Learned, row: int) -> None:
    if row == 0 or len(found.classes) < 3:
        return
    st.subheader("How the classes moved")
    start, _ = anatomy.class_map(found.matrix(0))
    end, shown = anatomy.class_map(found.matrix(row))
    groups = None if found.classes.groups is None else [path[0] for path in found.classes.groups]
    end = agreement.procrustes(end, start)
    fig = pictures.moves(start, end, found.classes.names, groups)
    far = int(np.linalg.norm(end - start, axis=1).argmax())
    said = f"{found.classes.names[far]} moved farthest between epochs {found.epochs[0]} and {found.epochs[row]}"
    charts.show(fig, "moves", said)
    st.caption(
        plain(
            f"{said}. Classical scaling to the plane, which shows {shown:.0%} of the squared distances of epoch "
            f"{found.epochs[row]}; turned and mirrored onto epoch {found.epochs[0]} (Procrustes)."
        )
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
