"""What the last layer is fitted with: a loss, a matrix, their numbers as sliders, a decoder."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from simviz.classes import ClassSet
from simviz.matrices import ClassMatrix
from simviz.settings import Part, Setting, parse_setting
from simviz.ui import cache, evidence, links, state
from simviz.ui.text import plain


@dataclass(frozen=True)
class Slider:
    """A number of a setting: its option, what it does, its range, where it begins."""

    option: str
    about: str
    low: float
    high: float
    value: float
    step: float

    def show(self) -> float:
        """The slider; the link restores it."""
        key = state.LIVE_NUMBERS[self.option]
        links.outside(key, self.low, self.high, self.option)
        label = f"{self.option}: {self.about}"
        return round(st.slider(label, self.low, self.high, self.value, self.step, key=key, bind="query-params"), 4)


OF_MATRIX = {
    "keep": Slider("keep", "share of the pairs of classes that stay above zero", 0.0, 0.5, 0.02, 0.01),
    "lower_bound": Slider("lower_bound", "cosine up to which two classes are unrelated", 0.0, 0.99, 0.5, 0.01),
    "r": Slider("r", "similarity of neighbours; 0 is cross entropy", 0.0, 0.95, 0.3, 0.05),
    "power": Slider("power", "of the distance between positions", 0.25, 3.0, 1.0, 0.25),
}
OF_LOSS = {
    "soft_labels": Slider("beta", "sharpness of the labels; large is cross entropy", 0.5, 10.0, 5.0, 0.5),
    "ground_distance": Slider("lam", "weight beside cross entropy; 0 is cross entropy", 0.0, 5.0, 1.0, 0.25),
    "self_guided": Slider("lam", "weight beside cross entropy; 0 is cross entropy", 0.0, 5.0, 1.0, 0.25),
    "dldl": Slider("sigma", "how far off a label may be, in units of the positions", 0.25, 10.0, 2.0, 0.25),
    "group_ce": Slider("alpha", "how much more the class weighs than its group", 0.25, 3.0, 0.5, 0.25),
    "hxe": Slider("alpha", "how much more the class inside its group weighs than the group", 0.25, 3.0, 0.5, 0.25),
    "cdw_ce": Slider("alpha", "power of the distance", 0.25, 3.0, 1.0, 0.25),
    "gce": Slider("q", "0 is cross entropy, 1 the share of mistakes", 0.05, 1.0, 0.7, 0.05),
}
SOURCES = {  # the builder, and its option that a slider moves
    "words": ("words", "keep"),
    "words_bound": ("words", "lower_bound"),
    "groups": ("groups", None),
    "order": ("order", "r"),
    "positions": ("positions", "power"),
}


@dataclass(frozen=True)
class Choice:
    """A setting in full, and the numbers in it that a slider moves.

    Attributes
    ----------
    classes : with their groups as they were moved
    matrix : as the source builds it; None for a loss that takes none
    numbers : option -> value
    """

    classes: ClassSet
    setting: str
    matrix: ClassMatrix | None
    numbers: dict[str, float]


def show(classes: ClassSet) -> Choice | None:
    """The choices; None, with a sentence, where they do not fit each other."""
    known = cache.losses_for(classes)
    fits = list(known)
    links.unknown(state.LIVE_LOSS, fits, "loss")
    if st.session_state.get(state.LIVE_LOSS) not in (None, *fits):
        del st.session_state[state.LIVE_LOSS]  # kept from a comparison that had it
    loss = st.selectbox(
        "Loss",
        fits,
        index=fits.index("simloss"),
        key=state.LIVE_LOSS,
        bind="query-params",
        help="Any loss that these classes allow; those without a matrix are controls.",
    )
    st.caption(known[loss]["title"])
    numbers: dict[str, float] = {}
    matrix, part = None, None
    if known[loss]["matrix"]:
        builder, option = SOURCES[_source(classes)]
        if option is not None:
            numbers[option] = OF_MATRIX[option].show()
        part = Part(builder, dict(numbers))
        try:
            matrix = cache.matrix(str(part), classes)
        except ValueError as error:
            st.error(plain(error))
            return None
    options: dict[str, float | str] = {}
    if loss in OF_LOSS:
        slider = OF_LOSS[loss]
        options[slider.option] = numbers[slider.option] = slider.show()
    if loss == "simloss" and _columns():
        options["normalize"] = "columns"
    return Choice(classes, str(Setting(Part(loss, options), part)), matrix, numbers)


def unchanged(choice: Choice, classes: ClassSet) -> ClassMatrix | None:
    """The matrix of the choice before anything was changed by hand; `classes` as the data set has them."""
    part = parse_setting(choice.setting).matrix
    return None if part is None else cache.matrix(str(part), classes)


def grouped(setting: str) -> bool:
    """Whether its loss reads the groups of the classes itself."""
    return bool(cache.losses()[parse_setting(setting).loss.name]["grouped"])


def _source(classes: ClassSet) -> str:
    allowed = evidence.rulers(classes)
    able = [s for s, (builder, _) in SOURCES.items() if builder == "order" or builder in allowed]
    if classes.ordered:
        able.sort(key=lambda s: s not in ("order", "positions"))
    links.unknown(state.LIVE_MATRIX, able, "matrix")
    if st.session_state.get(state.LIVE_MATRIX) not in (None, *able):
        del st.session_state[state.LIVE_MATRIX]  # kept from a comparison that had it
    return st.segmented_control(
        "Matrix from",
        able,
        default=able[0],
        required=True,
        key=state.LIVE_MATRIX,
        bind="query-params",
    )


def _columns() -> bool:
    about = "Every column of S divided by its sum: no bonus for hubs (forward correction). The obligatory control."
    return st.toggle("unit columns", key=state.LIVE_COLUMNS, bind="query-params", help=about)
