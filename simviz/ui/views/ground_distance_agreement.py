"""What a learned distance agrees with, beside what its controls agree with, over the seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from simviz.evaluation import agreement, statistics
from simviz.figures import distance as pictures
from simviz.learned import CROSS_ENTROPY
from simviz.runs import Run, StoreError
from simviz.ui import cache, charts
from simviz.ui.text import plain
from simviz.ui.views.ground_distance_runs import Floats, Learned, learners, read

PERMUTATIONS = 999
Differences = dict[tuple[str, str], list[float]]  # (control, reference) -> learned less control, a value a seed


def show(found: Learned, row: int) -> None:
    """The course over the epochs, the table beside the controls, and the difference over the seeds."""
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
    said = ", ".join(f"{name} {number(values[row])}" for name, values in courses.items())
    charts.show(fig, "course", f"Agreement over the epochs; now {said}")
    table, missing = agreement_table(found, row)
    columns = {
        c: st.column_config.NumberColumn(format="%.3f" if c.endswith(" p") else "%.2f") for c in table.columns[1:]
    }
    charts.table(table, "Agreement", "Agreement beside its controls", height="content", column_config=columns)
    st.caption(
        f"Spearman's rho over the {len(found.classes) * (len(found.classes) - 1) // 2:,} pairs of classes. p: "
        f"one-sided Mantel test, {PERMUTATIONS} permutations of the class names, so never below "
        f"{1 / (PERMUTATIONS + 1):.3f}. "
        "The learned distance is that of the training images while the network changed; the controls are learned by "
        "the same code from images of the validation part."
    )
    for name, text in missing.items():
        st.caption(f":material/block: Without the control “{plain(name)}”: {plain(text)}")
    _over_seeds(found, row)


def agreement_table(found: Learned, row: int) -> tuple[pd.DataFrame, dict[str, str]]:
    """A row for the learned distance and each control: rho and p with each reference; and the missing controls."""
    known, missing = controls(found, row)
    rows = {f"learned, epoch {found.epochs[row]}": found.distances[row]}
    rows |= {f"control: {name}": d for name, d in known.items()}
    records = []
    for name, distance in rows.items():
        record: dict[str, object] = {"distance": name}
        for reference, given in found.references.items():
            result = cache.mantel(distance, given, PERMUTATIONS)
            record |= {reference: result and round(result.rho, 2) + 0.0, f"{reference} p": result and result.p}
        records.append(record)
    return pd.DataFrame(records), missing


def controls(found: Learned, row: int) -> tuple[dict[str, Floats], dict[str, str]]:
    """The controls of a run at an epoch, by name, and the sentence that says why another is missing."""
    of = tuple(
        cache.stamp(p)
        for p in (
            found.comparison.path / "images.npz",
            *(r.path / "validation.npz" for r in found.comparison.runs),
            found.run.path / "spec.json",
        )
    )
    learned, missing = cache.controls(of, found.comparison, found.run)
    known: dict[str, Floats] = {}
    if found.warmup in found.epochs and found.epochs[row] > found.warmup:
        known[f"its warm-up, epoch {found.warmup}"] = found.distances[found.epochs.index(found.warmup)]
    return known | learned, missing


def _over_seeds(found: Learned, row: int) -> None:
    """Learned less each control, and how much the seeds agree with one another, at the last epoch they share."""
    every = _seeds(found)
    epoch = min(found.epochs[row], *(e.epochs[-1] for e in every))
    if any(epoch not in e.epochs for e in every):
        st.caption("The seeds share no epoch, so they cannot be compared.")
        every, epoch = [found], found.epochs[row]
    differences = less_controls(every, epoch)
    if differences:
        table = difference_table(differences, list(found.references))
        charts.table(table, "Learned less each control", "Learned less each control, with intervals", height="content")
        st.caption(plain(difference_text(differences, epoch)))
    if len(every) < 2:
        st.caption("One seed alone: whether another seed learns the same distance is not known.")
        return
    last = [e.distances[e.epochs.index(epoch)] for e in every]
    st.caption(plain(seeds_text(last, found.references, epoch)))


def _seeds(found: Learned) -> list[Learned]:
    """The runs of the setting in view that can be read."""
    every = []
    for run in learners(found.comparison):
        try:
            if run.setting == found.run.setting:
                every.append(read(found.comparison, run))
        except (StoreError, ValueError, OSError) as error:
            st.caption(f":material/broken_image: Left out of the seeds: {plain(error)}")
    return every


def less_controls(every: Sequence[Learned], epoch: int) -> Differences:
    """Spearman's rho of the learned distance with a reference, less that of a control, for each seed."""
    found: Differences = defaultdict(list)
    for one in every:
        row = one.epochs.index(epoch)
        for name, control in controls(one, row)[0].items():
            if name == CROSS_ENTROPY and len(every) > 1 and not _has_partner(one.comparison.runs, one.run):
                continue  # one network cannot stand for several seeds
            for reference, known in one.references.items():
                mine, other = (agreement.spearman(d, known) for d in (one.distances[row], control))
                if mine is not None and other is not None:
                    found[name, reference].append(mine - other)
    return dict(found)


def _has_partner(runs: Sequence[Run], run: Run) -> bool:
    return any(r.setting == "ce" and r.spec.seed == run.spec.seed for r in runs)


def difference_table(differences: Differences, references: Sequence[str]) -> pd.DataFrame:
    """A row a control: the mean difference in rho with each reference, and its interval where seeds allow one."""
    rows = []
    for control in dict.fromkeys(name for name, _ in differences):
        cells = {r: differences.get((control, r), []) for r in references}
        texts = {r: _interval(values) if values else "" for r, values in cells.items()}
        rows.append({"learned less": control, **texts, "seeds": max(map(len, cells.values()))})
    return pd.DataFrame(rows)


def _interval(values: Sequence[float]) -> str:
    of = statistics.mean_interval(values)
    return f"{of.mean:+.2f}" + ("" if of.low is None else f" ({of.low:+.2f} to {of.high:+.2f})")


def difference_text(differences: Differences, epoch: int) -> str:
    """What the table of differences says: whether an interval leaves 0 out against every control."""
    most = max(map(len, differences.values()))
    head = f"Difference in rho at epoch {epoch}"
    if most < 2:
        return f"{head}, one seed: no interval, so chance is not told from a finding."
    text = f"{head}, paired by seed; in brackets the 95 % t interval over the seeds. "
    for reference in dict.fromkeys(r for _, r in differences):
        of = {c: statistics.mean_interval(v) for (c, r), v in differences.items() if r == reference}
        above = [c for c, one in of.items() if one.low is not None and one.low > 0]
        below = [c for c, one in of.items() if one.high is not None and one.high < 0]
        alone = [c for c, one in of.items() if one.low is None]
        beyond = "more than every control" if len(above) == len(of) else f"more than {len(above)} of {len(of)} controls"
        text += f"With {reference} it agrees {beyond}"
        text += f", and less than {', '.join(below)}" if below else ""
        text += f"; of {', '.join(alone)} there is one seed, so no interval. " if alone else ". "
    return text.strip()


def seeds_text(distances: Sequence[Floats], references: Mapping[str, Floats], epoch: int) -> str:
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


def number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
