"""The whole curve of one number of a setting, for several losses at once, beside the controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from simviz.evaluation import Ruler
from simviz.figures import live as pictures
from simviz.matrices import ClassMatrix
from simviz.settings import Part, Setting, parse_setting
from simviz.ui import cache, charts, links, state
from simviz.ui.text import code, plain
from simviz.ui.views import live_edit
from simviz.ui.views.live_choice import OF_LOSS, OF_MATRIX, Choice

if TYPE_CHECKING:
    from simviz.heads import Verdict

POINTS = 9
AS_TRAINED = "as trained"  # a network's own last layer: no fit of ours, so it stands apart from their front
Judge = Callable[[str, ClassMatrix | None], "Verdict"]
FEWER = ("sinkhorn", "self_guided")  # their fits take longest


def show(judge: Judge, choice: Choice, controls: dict[str, dict[str, Any]], ruler: Ruler) -> dict[str, Any]:
    """The switch, and what is swept behind it; curves and front for the plane of accuracy and cost, or nothing."""
    if not choice.numbers:
        return {}
    st.subheader("Sweep")
    names = list(choice.numbers)
    links.unknown(state.SWEPT, names, "number to sweep")
    if st.session_state.get(state.SWEPT) not in (None, *names):
        del st.session_state[state.SWEPT]  # kept from a loss that had it
    left, middle, right = st.columns([1, 1, 3], vertical_alignment="bottom")
    on = left.toggle("The whole curve", key=state.SWEEP, bind="query-params", help="One fit a point, all kept.")
    parameter = middle.segmented_control(
        "of", names, default=names[0], required=True, key=state.SWEPT, bind="query-params"
    )
    rivals = right.multiselect(
        "for these losses too", _rivals(choice, parameter), key="live-rivals", persist_state="session"
    )
    if not on:
        return {}
    settings = [choice.setting, *(s for s in rivals if s != choice.setting)]
    return _swept(judge, settings, parameter, choice, controls, f"test; ruler {ruler.describe()}")


def _rivals(choice: Choice, parameter: str) -> list[str]:
    """Settings that have the same number: the other losses on this matrix, and the controls of SimLoss."""
    own = parse_setting(choice.setting)
    if own.matrix is None:
        return []
    shuffled = Part(own.matrix.name, {**own.matrix.options, "shuffle": 1})
    found = [Setting(own.loss, shuffled)]
    if parameter not in own.matrix.options:
        return [str(one) for one in found]
    if own.loss.name == "simloss":
        options = dict(own.loss.options)
        if options.pop("normalize", None) is None:
            options["normalize"] = "columns"
        found.append(Setting(Part("simloss", options), own.matrix))
    for name, known in cache.losses_for(choice.classes).items():
        if known["matrix"] and name != own.loss.name and name not in FEWER:
            found.append(Setting(Part(name), own.matrix))
    return [str(s) for s in found]


def _swept(
    judge: Judge, settings: list[str], parameter: str, choice: Choice, controls: dict[str, dict[str, Any]], title: str
) -> dict[str, Any]:
    from simviz import heads

    slider = OF_MATRIX.get(parameter) or OF_LOSS[parse_setting(choice.setting).loss.name]
    grid = np.round(np.linspace(slider.low, slider.high, POINTS), 4)
    here = choice.numbers[parameter]
    values = np.unique(np.append(grid, here))
    found: dict[str, list[Verdict]] = {_without(setting, parameter): [] for setting in settings}
    bar, done = st.progress(0.0, "Fitting"), 0
    for setting, verdicts in zip(settings, found.values(), strict=True):
        for value in values:
            varied = heads.varied(setting, parameter, float(value))
            verdicts.append(judge(varied, _matrix(varied, choice)))
            done += 1
            bar.progress(done / (len(settings) * len(values)), f"Fitting {code(setting)}")
    bar.empty()
    known = [q for q in pictures.QUANTITIES if all(_all(v, q) is not None for v in found.values())]
    curves = {s: (values, {q: _all(v, q) for q in known}) for s, v in found.items()}
    fig = pictures.curves(curves, controls, parameter=parameter, at=here, title=f"last layer only, {title}")  # type: ignore[arg-type]
    best = {s: values[int(np.argmin(_all(v, "mean_cost")))] for s, v in found.items()}  # type: ignore[arg-type]
    alt = "Least mean cost at " + "; ".join(f"{parameter} = {x:g} for {s}" for s, x in best.items())
    charts.show(fig, "live-curves", alt)
    plane = {s: (_all(v, "accuracy") or [], _all(v, "mean_cost") or []) for s, v in found.items()}
    front = _front(plane, controls)
    unconverged = sum(not one.converged for v in found.values() for one in v)
    st.caption(
        f"{plain(alt)}. The dotted line is where the slider is; level lines are the controls. Of these fits and the "
        f"controls {len(front)} {'is' if len(front) == 1 else 'are'} beaten by none in both accuracy and mean cost: "
        "the front in the picture above. These are test images: a number chosen here is chosen on them."
        + (f" {unconverged} fits did not reach a minimum." if unconverged else "")
    )
    return {"curves": plane, "front": front}


def _front(
    plane: dict[str, tuple[list[float], list[float]]], controls: dict[str, dict[str, Any]]
) -> list[tuple[float, float]]:
    """The points of accuracy and mean cost that none of the fits beats."""
    from simviz import heads

    points = [point for accuracy, cost in plane.values() for point in zip(accuracy, cost, strict=True)]
    fitted = [one for name, one in controls.items() if name != AS_TRAINED]
    points += [(float(one["accuracy"]), float(one["mean_cost"])) for one in fitted]
    kept = heads.pareto(*np.array(points).T)
    return sorted({point for point, good in zip(points, kept, strict=True) if good})


def _without(setting: str, parameter: str) -> str:
    """The setting's name without the number that is swept."""
    known = parse_setting(setting)
    parts = [
        None if part is None else Part(part.name, {k: v for k, v in part.options.items() if k != parameter})
        for part in (known.loss, known.matrix)
    ]
    assert parts[0] is not None
    return str(Setting(parts[0], parts[1]))


def _all(verdicts: list[Verdict], quantity: str) -> list[float] | None:
    values = [float(v) for one in verdicts if (v := one.metrics.get(quantity)) is not None]
    return values if len(values) == len(verdicts) else None


def _matrix(setting: str, choice: Choice) -> ClassMatrix | None:
    """What a swept setting's loss gets: built anew, with the cells that were set by hand on top."""
    part = parse_setting(setting).matrix
    if part is None:
        return None
    return live_edit.edited(cache.matrix(str(part), choice.classes), choice.classes)
