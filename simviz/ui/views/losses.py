"""What each loss pays for: write down a prediction, see the value and the gradient of every loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.figures import losses as pictures
from simviz.matrices import ClassMatrix
from simviz.runs import StoreError
from simviz.settings import Part
from simviz.ui import cache, charts, links, shell, state
from simviz.ui.text import plain
from simviz.ui.views import ground_distance_runs

if TYPE_CHECKING:
    from simviz.losses.probe import Reading

SETS = ("ages", "things", "comparison")
GUESSES = ("all right", "near miss", "far miss", "split", "uniform", "own")
PARTS = ("words", "groups", "positions", "order")
LEARNED = "learned"  # the distance that a run of the comparison has learned
DEFAULT = ("ce", "simloss", "emd2", "ground_distance", "expected_cost")
THINGS = ClassSet(["cat", "dog", "horse", "car", "truck", "airplane"], groups=["animal"] * 3 + ["vehicle"] * 3)
AGES = ClassSet([f"{age} years" for age in range(10, 90, 10)], positions=[float(age) for age in range(10, 90, 10)])
GUESS_HELP = (
    "all right: 97 % on the true class. near miss, far miss: 80 % on the wrong class, 15 % on the true one. "
    "split: half on the true class, half on the far one. own: a slider for each class, up to eight."
)


@dataclass(frozen=True)
class Case:
    """One true class, and the wrong ones that the page compares."""

    classes: ClassSet
    matrix: ClassMatrix
    part: str
    true: int
    near: int
    far: int

    def name(self, index: int) -> str:
        return self.classes.names[index]

    @property
    def roles(self) -> dict[str, str]:
        return {self.name(self.far): "far", self.name(self.near): "near", self.name(self.true): "true"}


def show() -> None:
    st.title("What each loss pays for")
    st.caption("Write down what a network might answer. Every number below comes from the very losses that train.")
    classes = _classes()
    if classes is None:
        return
    left, right = st.columns(2, gap="large")
    with left:
        found = _matrix(classes)
    if found is None:
        return
    matrix, part = found
    with right:
        case = _case(classes, matrix, part)
        guess = _guess()
    weights = _own(case) if guess == "own" else preset(guess, case)
    _report(case, weights)


def _classes() -> ClassSet | None:
    picked = _choice(state.LOSS_SET, "Classes", SETS, "set of classes", "comparison: those of the one in the sidebar.")
    if picked != "comparison":
        return THINGS if picked == "things" else AGES
    comparison = shell.frame().comparison
    if comparison is None:
        st.info("There is no comparison yet, so it has no classes to show. Choose another set.")
        return None
    try:
        return comparison.classes
    except (StoreError, ValueError) as error:
        st.error(plain(error))
        return None


def _matrix(classes: ClassSet) -> tuple[ClassMatrix, str] | None:
    """The matrix for the losses that take one, and its part of the grammar."""
    possible = [name for name in PARTS if isinstance(_built(name, classes), ClassMatrix)]
    if classes.ordered:
        possible.sort(key=lambda name: name != "positions")
    learned = _learned(classes)
    if learned is not None:
        possible.append(LEARNED)
    name = _choice(
        state.BETWEEN,
        "Matrix between the classes",
        tuple(possible),
        "matrix",
        "For the losses that take one. learned: the ground distance that a run of this comparison ended with.",
    )
    if name == LEARNED and learned is not None:
        st.caption(f"After epoch {learned.epochs[-1]} of the run {plain(learned.run.id)}.")
        return learned.matrix(-1), LEARNED
    options = {}
    if name == "words":
        options["keep"] = _slider(state.WIDTH, "keep: share of the pairs that count as alike", 0.01, 1.0, 0.4)
    elif name == "order":
        options["r"] = _slider(state.STEP, "r: similarity of neighbours", 0.0, 0.99, 0.8)
    part = str(Part(name, options))
    found = _built(part, classes)
    if isinstance(found, str):
        st.error(plain(found))
        return None
    return found, part


def _learned(classes: ClassSet) -> ground_distance_runs.Learned | None:
    """The first run in view that learned a distance between these classes."""
    if classes in (THINGS, AGES):
        return None
    comparison = shell.frame().comparison
    runs = [] if comparison is None else ground_distance_runs.learners(comparison)
    if comparison is None or not runs:
        return None
    try:
        return ground_distance_runs.read(comparison, runs[0])
    except (StoreError, ValueError, OSError) as error:
        st.caption(f":material/broken_image: {plain(error)}")
        return None


def _built(part: str, classes: ClassSet) -> ClassMatrix | str:
    """The matrix, or the sentence that says why there is none."""
    try:
        return cache.matrix(part, classes)
    except (ValueError, OSError, ImportError) as error:
        return str(error)


def _slider(key: str, label: str, low: float, high: float, value: float) -> float:
    links.outside(key, low, high, key)
    return round(st.slider(label, low, high, value, 0.01, key=key, bind="query-params"), 4)


def _choice(key: str, label: str, options: tuple[str, ...], what: str, about: str, first: int = 0) -> str:
    links.unknown(key, options, what)
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]  # kept from other classes
    return st.segmented_control(
        label, options, default=options[first], required=True, key=key, bind="query-params", help=about, wrap=True
    )


def _case(classes: ClassSet, matrix: ClassMatrix, part: str) -> Case:
    links.unknown(state.TRUTH, classes.names, "true class")
    if st.session_state.get(state.TRUTH) not in (None, *classes.names):
        del st.session_state[state.TRUTH]
    name = st.selectbox("True class", classes.names, key=state.TRUTH, bind="query-params")
    true = classes.index(name)
    order = nearest_first(classes, matrix, part, true)
    return Case(classes, matrix, part, true, order[0], order[-1])


def nearest_first(classes: ClassSet, matrix: ClassMatrix, part: str, true: int) -> list[int]:
    """The other classes, nearest first; words are not cut off here, so that few are equally near."""
    whole = _built("words:lower_bound=0", classes) if part.startswith("words") else matrix
    distance = (whole if isinstance(whole, ClassMatrix) else matrix).to_distance().values[true].astype(float)
    order = np.argsort(distance, kind="stable").tolist()
    return [i for i in order if i != true]


def _guess() -> str:
    return _choice(state.GUESS, "The network answers", GUESSES, "prediction", GUESS_HELP, first=1)


def preset(guess: str, case: Case) -> NDArray[np.float64]:
    """Weights (C,) of one of `GUESSES`, before a little is spread over all classes."""
    count = len(case.classes)
    parts: dict[str, dict[int, float]] = {
        "all right": {case.true: 0.97},
        "near miss": {case.near: 0.8, case.true: 0.15},
        "far miss": {case.far: 0.8, case.true: 0.15},
        "split": {case.true: 0.5, case.far: 0.5},
        "uniform": {},
    }
    chosen = parts[guess]
    weights = np.full(count, (1 - sum(chosen.values())) / count)
    for index, share in chosen.items():
        weights[index] += share
    return weights


def _own(case: Case) -> NDArray[np.float64]:
    """Sliders for the true class and up to seven others: the nearest five and the farthest two."""
    order = nearest_first(case.classes, case.matrix, case.part, case.true)
    shown = [case.true, *(order if len(order) <= 7 else [*order[:5], *order[-2:]])]
    weights = np.zeros(len(case.classes))
    with st.container(horizontal=True, gap="medium"):
        for key, index, start in zip(state.WEIGHTS, shown, (60, 20, 10, 5, 3, 2, 0, 0), strict=False):
            links.outside(key, 0, 100, "a share")
            name = case.name(index)
            label = f"{plain(name)} ({case.roles[name]})" if name in case.roles else plain(name)
            weights[index] = st.slider(label, 0, 100, start, 1, key=key, bind=links.bind(key), width=200)
    st.caption(
        "Shares are scaled to a sum of 100 %." + (" All other classes get the rest of 1 %." if len(order) > 7 else "")
    )
    return weights


def _report(case: Case, weights: NDArray[np.float64]) -> None:
    """Everything that needs a loss. PyTorch is imported here, after the choices above stand on the screen."""
    about = cache.losses()
    with st.spinner("Asking the losses"):
        from simviz.losses import probe

        chosen, scale = _losses(about)
        probabilities = probe.mixed(weights)
        loaded, refused = probe.applicable(case.classes, tuple(chosen), case.matrix)
        readings, ends = {}, {"near": case.near, "far": case.far}
        for name, loss in loaded.items():
            try:
                reading = probe.read(loss, case.classes, probabilities, case.true, ends)
                readings[name] = reading.scaled() if scale else reading
            except ValueError as error:
                refused[name] = str(error)
    left, right = st.columns([1, 2], gap="large")
    with left:
        said = ", ".join(f"{case.name(i)} {probabilities[i]:.0%}" for i in np.argsort(-probabilities)[:3])
        fig = pictures.prediction(case.classes.names, probabilities, case.roles, title="The prediction")
        charts.show(fig, "prediction", f"The prediction: {said}")
    with right:
        if readings:
            _table(readings, about, scale)
        elif not chosen:
            st.info("Choose at least one loss.")
        else:
            st.info("None of the losses you chose can be shown here; why stands below.")
    if refused:
        lines = "; ".join(f"{about[name]['title']}: {text}" for name, text in refused.items())
        st.caption(f"Not shown. {plain(lines)}.")
    if readings:
        _gradients(case, readings)
        _paths(case, readings, scale)


def _losses(about: Mapping[str, Mapping[str, object]]) -> tuple[list[str], bool]:
    """The losses to compare, and whether each is made 1 at uniform."""
    known = [name for name in about if name != "self_guided"]  # it has no distance before it trains
    for asked in st.query_params.get_all(state.PAYING):
        if asked and asked not in known:
            links.say_unknown("loss", asked)
    chosen = st.pills(
        "Losses",
        known,
        selection_mode="multi",
        default=list(DEFAULT),
        key=state.PAYING,
        bind="query-params",
    )
    links.unknown(state.ONE, state.SWITCH, "switch")
    one = st.toggle(
        "Make all losses 1 at uniform",
        key=state.ONE,
        bind="query-params",
        help="Each loss is divided by its value for the uniform prediction, so that their courses compare.",
    )
    return chosen, one


def _table(readings: Mapping[str, Reading], about: Mapping[str, Mapping[str, object]], scale: bool) -> None:
    import pandas as pd

    table = {
        "loss": [about[name]["title"] for name in readings],
        "value": [r.value for r in readings.values()],
        "gradient norm": [float(np.linalg.norm(r.gradient)) for r in readings.values()],
        "at uniform": [r.at_uniform for r in readings.values()],
        "setting": list(readings),
    }
    charts.table(
        pd.DataFrame(table),
        "Losses",
        "Value, value at uniform and size of the gradient of each loss",
        height="content",
        column_config={
            key: st.column_config.NumberColumn(format="%.3g") for key in ("value", "at uniform", "gradient norm")
        },
    )
    strong = max(readings, key=lambda name: np.linalg.norm(readings[name].gradient))
    weak = min(readings, key=lambda name: np.linalg.norm(readings[name].gradient))
    high, low = (float(np.linalg.norm(readings[name].gradient)) for name in (strong, weak))
    sentence = "Each loss divided by its value at uniform. " if scale else "Each loss as it trains. "
    if strong != weak:
        times = f"{high / low:.3g} times" if low > 0 else "infinitely"
        sentence += (
            f"{about[strong]['title']} pulls hardest here, {times} as hard as {about[weak]['title']}: "
            "that is why the learning rate is tuned for each loss."
        )
    st.caption(plain(sentence))


def _gradients(case: Case, readings: Mapping[str, Reading]) -> None:
    from simviz import losses
    from simviz.losses import probe

    st.subheader("Gradient: what a step of training changes")
    st.caption(
        "A bar to the left: the loss wants more of this class; to the right: less. "
        "The threshold losses have one output fewer than there are classes."
    )
    links.unknown(state.AXIS, state.SWITCH, "switch")
    own = st.toggle(
        "An axis of its own for each loss",
        key=state.AXIS,
        bind="query-params",
        help="Shows which classes a weak loss pulls at. Off: one axis for all, so that lengths compare between losses.",
    )
    sizes = {name: float(np.abs(r.gradient).max()) for name, r in readings.items()}
    limits = {name: (size if own else max(sizes.values())) or 1.0 for name, size in sizes.items()}
    names = list(readings)
    for row in (names[i : i + 3] for i in range(0, len(names), 3)):
        for column, name in zip(st.columns(3), row, strict=False):
            reading, cls = readings[name], losses.get(name)
            with column, st.container(border=True):
                keep = case.true if len(reading.outputs) == len(case.classes) else None
                fig = pictures.gradient_bars(
                    reading.outputs, reading.gradient, name, limit=limits[name], keep=keep, title=cls.title
                )
                top = int(np.abs(reading.gradient).argmax())
                alt = f"Gradient of {cls.title}; largest at {reading.outputs[top]}: {reading.gradient[top]:.3g}"
                charts.show(fig, f"gradient-{name}", alt)
                with st.expander("Formula and source"):
                    latex, source = probe.formula(cls)
                    if latex:
                        st.latex(latex)
                    st.caption(plain(source) or "No source is given.")
                    between = "learned.csv" if case.part == LEARNED else case.part  # as ground_distance saves it
                    written = f"{name}@{between}" if cls.matrix else name
                    st.code(written, language=None)


def _paths(case: Case, readings: Mapping[str, Reading], scale: bool) -> None:
    st.subheader("From right to wrong, near and far")
    every = np.concatenate([values for r in readings.values() for values in r.paths.values()])
    margin = 0.05 * float(np.ptp(every) or 1)
    limits = (float(every.min()) - margin, float(every.max()) + margin)
    unit = "loss (1 at uniform)" if scale else "loss"
    for column, (end, index) in zip(st.columns(2), (("near", case.near), ("far", case.far)), strict=True):
        draw = partial(pictures.paths, true=case.name(case.true), limits=limits, unit=unit)
        with column:
            courses = {name: r.paths[end] for name, r in readings.items()}
            fig = draw(courses, end=case.name(index))
            ends = ", ".join(f"{name} {values[-1]:.3g}" for name, values in courses.items())
            charts.show(fig, f"path-{end}", f"All mass on {case.name(index)}: {ends}")
    st.caption(plain(tells_apart(case, readings)))
    sizes = [r.at_uniform for r in readings.values()]
    if min(sizes) > 0 and max(sizes) > 5 * min(sizes):
        st.caption(
            f"Some of these losses are {max(sizes) / min(sizes):.0f} times as large as others at the uniform "
            "prediction, which flattens the small ones here. Made 1 at uniform, their courses compare."
        )


def tells_apart(case: Case, readings: Mapping[str, Reading]) -> str:
    """Which losses make the far miss dearer than the near one, and by how much."""
    differ, same = [], []
    for name, reading in readings.items():
        near, far = reading.paths["near"][-1], reading.paths["far"][-1]
        if abs(far - near) <= 1e-6 * max(1, abs(near)):
            same.append(name)
        else:
            differ.append(f"{name} {near:.3g} and {far:.3g}")
    text = f"With all mass on {case.name(case.near)} and on {case.name(case.far)} the losses are: {', '.join(differ)}. "
    alike = f"To {', '.join(same)} the two mistakes are the same."
    return ((text if differ else "") + (alike if same else "")).strip() + " 1 % of the mass is spread over all classes."
