"""What a matrix is made of: checks and the forecast at once, of the rest the one room that is open."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.figures import anatomy as rooms
from simviz.figures import matrix as pictures
from simviz.matrices import ClassMatrix, anatomy
from simviz.matrices.forecast import Forecast
from simviz.ui import cache, charts, links, state
from simviz.ui.text import plain

Floats = NDArray[np.float64]
DRAWN = {
    "uniform": "the same on every class, as a network says before it has learned anything",
    "drawn": "the one answer for all images that SimLoss likes best: where a network is drawn that cannot tell "
    "the classes apart",
    "right": "all on the true class",
}
SPLIT = (
    r"$-\log (Sp)_y = \underbrace{-\log \frac{(Sp)_y}{\sum_k (Sp)_k}}_{\text{blurred cross entropy}} - "
    r"\underbrace{\log \sum_c s_c\, p_c}_{\text{bonus}}$ with the column sums $s_c = \sum_y S_{yc}$. The bonus does "
    "not ask for the true class: it pays for probability on classes that many others resemble. With columns of sum 1 "
    "(`normalize=columns`) it is 0."
)


def checks(matrix: ClassMatrix, classes: ClassSet) -> None:
    """What holds of the matrix, a badge and its meaning a line."""
    a = cache.measured(matrix)
    rank = f"rank {a.rank} of {len(matrix)}"
    lines = [
        (a.symmetric, "symmetric", "not symmetric", "is A for B worth the same as B for A?"),
        (a.diagonal_max, "itself nearest", "others as near", "is no other class as near as the class itself?"),
        (a.unit_range, "in [0, 1]", "beyond 1", "are entries shares, and not real units?"),
        (a.positive_semidefinite, "semidefinite", "not semidefinite", "is S a kernel?"),
        (a.triangle_violations == 0, "metric", _violations(a), "is no detour through a third class shorter?"),
        (a.rank == len(matrix), rank, rank, "is no class like a mix of others?"),
    ]
    if classes.positions is not None and matrix.names == classes.names:
        against, steps = anatomy.order_violations(matrix.to_distance().values, classes.positions, classes.period)
        said = f"{against:,} of {steps:,} steps against the order"
        lines.append((against == 0, "follows the order", said, "is no class nearer than one before it on the scale?"))
    rows = [f":{'green' if ok else 'orange'}-badge[{yes if ok else no}] {text}" for ok, yes, no, text in lines]
    rows.append(f":gray-badge[{a.nonzero_share:.1%}] of the pairs of classes are above zero as a similarity")
    near = f"{a.effective_neighbours.mean():.1f} effective neighbours"
    rows.append(f":gray-badge[{near}] share a row's weight on average, the class itself included")
    st.markdown("  \n".join(rows))


def _violations(a: anatomy.Anatomy) -> str:
    about = "" if a.triangle_exact else " in a sample"
    return f"not metric: {a.triangle_violations:,} of {a.triangle_triples:,} broken{about}"


def show(matrix: ClassMatrix, shown: ClassMatrix, classes: ClassSet) -> None:
    """The forecast, then the room that is open.

    Parameters
    ----------
    matrix : as it was built
    shown : the same as the similarity or the distance that is in view
    """
    found = forecast(matrix)
    links.unknown(state.ROOM, state.ROOMS, "part of the anatomy")
    room = st.segmented_control(
        "Look at", state.ROOMS, default=state.ROOMS[0], required=True, key=state.ROOM, bind="query-params"
    )
    groups = None if classes.groups is None else [path[0] for path in classes.groups]
    if len(matrix) < 2 and room in ("nearest", "dendrogram", "map"):
        st.info("A single class is near to no other.")
    elif room == "columns":
        _columns(matrix, found)
    elif room == "nearest":
        _nearest(shown, groups)
    elif room == "dendrogram":
        _dendrogram(shown, groups)
    elif room == "map":
        _map(shown, groups)
    else:
        _split(matrix)


def forecast(matrix: ClassMatrix) -> Forecast:
    """What to expect of SimLoss with this matrix, said where it is a warning."""
    found = cache.forecast(matrix.to_similarity())
    if found.warning:
        box = st.error if found.costly else st.warning
        box(f"**Forecast.** {plain(found.warning)}", icon=":material/hub:")
    return found


def _columns(matrix: ClassMatrix, found: Forecast) -> None:
    st.subheader("Column sums: where SimLoss pays a bonus")
    measured = cache.measured(matrix)
    low, high = measured.column_sums.min(), measured.column_sums.max()
    st.caption(
        f"Column sums run from {low:.2f} to {high:.2f}; a network that knows nothing yet is drawn to about "
        f"{found.drawn_to:.0f} of {len(matrix)} classes. SimLoss pays for telling about "
        f"{found.told_apart:.0f} apart."
    )
    hubs = [name for name, _ in measured.hubs()] if found.gathers else []
    alt = f"Column sums, largest {measured.hubs(1)[0][0]} with {measured.hubs(1)[0][1]:.1f}"
    charts.show(pictures.column_sums(matrix.names, measured.column_sums, hubs=hubs), "columns", alt)


def _nearest(matrix: ClassMatrix, groups: list[str] | None) -> None:
    import pandas as pd

    st.subheader("The five nearest of each class")
    effective = cache.measured(matrix).effective_neighbours
    most, least = int(effective.argmax()), int(effective.argmin())
    st.caption(
        plain(
            f"Effective neighbours: among how many classes the weight of a row of S is shared, the class itself "
            f"included; 1 if it is like itself alone. Most: {matrix.names[most]}, {effective[most]:.1f}. "
            f"Fewest: {matrix.names[least]}, {effective[least]:.1f}."
        )
    )
    rows = anatomy.nearest(matrix, 5)
    table = pd.DataFrame({"class": list(matrix.names)})
    if groups is not None:
        table["group"] = groups
    table["effective neighbours"] = effective
    unrelated = matrix.kind == "similarity"  # of the classes with similarity 0 none is nearer than another
    for place in range(max(map(len, rows))):
        pairs = [row[place] for row in rows]
        table[str(place + 1)] = [f"{name}  {v:.2f}" if v > 0 or not unrelated else "" for name, v in pairs]
    charts.table(
        table,
        "Nearest classes",
        height=min(36 * (len(table) + 1) + 4, 460),
        column_config={"effective neighbours": st.column_config.NumberColumn(format="%.1f")},
        alt="Effective neighbours and the five nearest classes of each class",
    )


def _dendrogram(matrix: ClassMatrix, groups: list[str] | None) -> None:
    st.subheader("The tree of the classes, and the matrix in its order")
    tree = cache.tree(matrix)
    said = joined(matrix.names, tree)
    st.caption(
        f"{plain(said)} Average linkage of D; the leaves stand in the order that puts like classes side by side "
        "(Bar-Joseph et al. 2001)."
    )
    charts.show(rooms.dendrogram(matrix, tree, groups=groups), "dendrogram", said)


def joined(names: tuple[str, ...], tree: Floats) -> str:
    """Who joins first, and who joins no one before the top of the tree, in sentences."""
    first, top = tree[0], tree[:, 2].max()
    if top - first[2] < 1e-6:
        return f"All {len(names)} classes are equally far apart, at a distance of {top:.2f}."
    a, b = (names[int(i)] for i in first[:2])
    late = tree[tree[:, 2] >= top - 1e-6, :2]
    alone = int(np.count_nonzero(late < len(names)))
    said = f"{a} and {b} join first, at a distance of {first[2]:.2f}; all are one at {top:.2f}."
    if alone:
        said += f" {alone} of {len(names)} classes join{'s' * (alone == 1)} no other before that."
    return said


def _map(matrix: ClassMatrix, groups: list[str] | None) -> None:
    st.subheader("Map of the classes")
    points, share = cache.class_map(matrix)
    said = f"Classical scaling to the plane, which shows {share:.0%} of the squared distances."
    if share < 0.5:
        said += " Most of them are not in this picture: classes that lie together here may be far apart; see the tree."
    st.caption(plain(said) + " A name that would cover another one is left out; the pointer finds them all.")
    charts.show(rooms.class_map(points, matrix.names, groups), "map", f"Map of {len(matrix)} classes. {said}")


def _split(matrix: ClassMatrix) -> None:
    import pandas as pd

    st.subheader("What SimLoss pays for, in two parts", help=SPLIT)
    links.unknown(state.ANSWER, state.ANSWERS, "answer of a network")
    kind = st.segmented_control(
        "The network answers",
        state.ANSWERS,
        default=state.ANSWERS[0],
        required=True,
        key=state.ANSWER,
        bind="query-params",
        help=" ".join(f"{name}: {about}." for name, about in DRAWN.items()),
    )
    similarity = matrix.to_similarity().values
    log_p = answer(kind, cache.measured(matrix).uninformed)
    blurred, bonus = anatomy.split_simloss(similarity, log_p, np.arange(len(matrix)))
    even = float(-np.log(similarity.mean(axis=1)).mean())
    said = told(kind, matrix.names, log_p, blurred, bonus, even)
    converted = "" if matrix.kind == "similarity" else " The matrix is a distance; S = 1 - D / largest D."
    st.caption(plain(f"{DRAWN[kind][0].upper()}{DRAWN[kind][1:]}. {said}{converted}"))
    charts.show(rooms.simloss_parts(matrix.names, blurred, bonus), "split", said)
    parts = {"SimLoss": blurred - bonus, "blurred cross entropy": blurred, "bonus": bonus}
    table = pd.DataFrame({"true class": list(matrix.names), **parts})
    number = st.column_config.NumberColumn(format="%.2f")
    charts.table(
        table,
        "SimLoss in two parts",
        height=min(36 * (len(table) + 1) + 4, 300),
        column_config=dict.fromkeys(table.columns[1:], number),
        alt="SimLoss of each true class and its two parts, in nats",
    )


def answer(kind: str, drawn: Floats) -> Floats:
    """Log-probabilities (C, C): what the network says of an image of each class."""
    count = len(drawn)
    p = {"uniform": np.full((count, count), 1 / count), "drawn": np.tile(drawn, (count, 1)), "right": np.eye(count)}
    with np.errstate(divide="ignore"):
        return np.log(p[kind])


def told(kind: str, names: tuple[str, ...], log_p: Floats, blurred: Floats, bonus: Floats, even: float) -> str:
    """The numbers in sentences, all in nats; `even` is the mean SimLoss of the uniform answer."""
    mean = float(np.mean(blurred - bonus)) + 0.0
    if kind == "right":
        low, high = int(bonus.argmin()), int(bonus.argmax())
        return (
            f"SimLoss is {mean:.2f} nats on average. For certainty alone, right or wrong, it pays a bonus from "
            f"{bonus[low]:.2f} ({names[low]}) to {bonus[high]:.2f} ({names[high]}), the logarithm of the column sum."
        )
    said = (
        f"SimLoss is {mean:.2f} nats on average: {blurred.mean():.2f} of blurred cross entropy less a bonus of "
        f"{bonus.mean():.2f}."
    )
    if kind == "uniform":
        return f"{said} Cross entropy is {np.log(len(names)):.2f}."
    most = np.argsort(-log_p[0], kind="stable")[:4]
    listed = ", ".join(names[i] for i in most)
    return (
        f"{said} It puts {np.exp(log_p[0][most]).sum():.0%} on {listed}, whatever the image, and is paid "
        f"{even - mean:.2f} nats for that: the uniform answer costs {even:.2f}. Under cross entropy no such answer is "
        "cheaper than the uniform one."
    )
