"""Drag the matrix: the last layer of a trained network, fitted anew for every position of a slider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from simviz import evaluation
from simviz.evaluation import Ruler
from simviz.figures import confusion as pictures
from simviz.figures import live as planes
from simviz.matrices import ClassMatrix
from simviz.runs import Comparison, Run, StoreError
from simviz.ui import cache, cache_live, charts, evidence, links, shell, state
from simviz.ui.text import plain
from simviz.ui.views import live_choice, live_edit, live_evidence, live_matrix, live_sweep

if TYPE_CHECKING:
    from simviz.heads import Verdict

TRAIL = "live/trail"
KEPT = 10
DECODERS = {"argmax": "CE", "min_cost": "CE + min_cost", "median": "CE + median"}
Better = Literal["normal", "inverse"]
SHOWN: dict[str, tuple[str, str, Better]] = {
    "accuracy": ("accuracy", "{:.1%}", "normal"),
    "mean_cost": ("mean cost", "{:.3f}", "inverse"),
    "mistake_severity": ("severity of a mistake", "{:.2f}", "inverse"),
    "failed_superclass_accuracy": ("mistakes inside the group", "{:.1%}", "normal"),
    "distinct_classes": ("classes predicted", "{:d}", "normal"),
}


@dataclass(frozen=True)
class View:
    """What every part of the page is about: one run's features, the ruler, the decoder."""

    run: Run
    comparison: Comparison
    of: cache_live.Stamps
    bench: cache_live.Bench
    ruler: Ruler
    decoder: str

    def verdict(self, setting: str, matrix: ClassMatrix | None, decoder: str | None = None) -> Verdict:
        """The head of a setting, judged; ValueError where it cannot be."""
        asked = decoder or self.decoder
        asked = "argmax" if asked == "blurred" and not setting.startswith("simloss") else asked
        classes = self.comparison.classes
        # only these read groups: others need not be fitted anew when a class is moved
        moved = live_edit.regrouped(classes) if live_choice.grouped(setting) else classes
        return cache_live.verdict(self.of, classes, moved, setting, matrix, self.ruler, asked)

    def controls(self) -> dict[str, dict[str, Any]]:
        """Metrics of cross entropy, of what decoding alone makes of it, and of the network with its own last layer."""
        classes = self.comparison.classes
        able = [d for d in DECODERS if d != "median" or classes.ordered]
        found = {DECODERS[d]: self.verdict("ce", None, d).metrics for d in able}
        if self.run.has_predictions("test"):
            own = cache.decoded(cache.stamps(self.run, "test"), classes, self.ruler, "argmax")
            rows = slice(None) if self.bench.frozen.rows is None else self.bench.frozen.rows
            counts = evaluation.confusion_matrix(own.target[rows], own.predicted[rows], len(classes))
            found[live_sweep.AS_TRAINED] = evaluation.metrics_from_confusion(counts, classes=classes, ruler=self.ruler)
        return found


def show() -> None:
    st.title("Drag the matrix")
    st.markdown(
        "Change what counts as similar, and see at once which mistakes the network now makes. "
        ":orange-badge[last layer only] Everything below the last layer stays as it was trained."
    )
    comparison = shell.frame().comparison
    if comparison is None:
        st.info("There is no comparison yet. Train one, and its network can be asked here what another loss would do.")
        evidence.page_link("train", "Train")
        return
    classes = None
    try:
        classes = comparison.classes
        view = _view(comparison)
        whole = view is None or _page(view)
    except (StoreError, ValueError, OSError) as error:
        st.error(plain(error))
        whole = False
    if not whole and classes is not None and any(live_edit.edits(classes).values()):
        live_edit.undo(classes, "live-undo-all")  # what was changed may be what is wrong


def _view(comparison: Comparison) -> View | None:
    """The run, the ruler, the decoder; None, with a sentence, where nothing can be fitted."""
    usable, why = live_evidence.usable(comparison)
    if not usable:
        links.unknown(state.NETWORK, (), "network")
        live_evidence.nothing(why)
        return None
    names = list(usable)
    links.unknown(state.NETWORK, names, "network")
    if st.session_state.get(state.NETWORK) not in (None, *names):
        del st.session_state[state.NETWORK]  # kept from a comparison that had it
    with st.container(horizontal=True, gap="medium"):
        name = st.selectbox(
            "Network",
            names,
            key=state.NETWORK,
            bind="query-params",
            help="Whose features are kept as they are. A network of cross entropy knows nothing of your matrix yet.",
        )
        ruler = evidence.ruler_picker(comparison)
        decoders = ("argmax", "min_cost") + (("median", "expectation") if comparison.classes.ordered else ())
        loss = st.session_state.get(state.LIVE_LOSS) or st.query_params.get(state.LIVE_LOSS) or "simloss"
        decoders += ("blurred",) if loss == "simloss" else ()
        decoder = evidence.segments(state.DECODER, "Decoder", decoders, "decoder", evidence.DECODER_HELP)
    run = usable[name]
    live_evidence.offer(run, comparison.classes)
    of = cache_live.stamps(run)
    return View(run, comparison, of, cache_live.bench(of, comparison.classes), ruler, decoder)


def _page(view: View) -> bool:
    """Choices at the left, the answer at the right, then the looks at more; whether the choices had an answer."""
    st.caption(live_evidence.told(view.bench.frozen, view.bench.known, view.comparison))
    narrow, wide = st.columns([2, 3], gap="large")
    classes = live_edit.regrouped(view.comparison.classes)
    with narrow:
        choice = live_choice.show(classes)
        if choice is None:
            return False
        matrix = None if choice.matrix is None else live_edit.edited(choice.matrix, classes)
        before = live_choice.unchanged(choice, view.comparison.classes)
        if matrix is not None and before is not None:
            changed = matrix.hash != before.hash
        else:
            changed = live_choice.grouped(choice.setting) and classes.groups != view.comparison.classes.groups
        found = view.verdict(choice.setting, matrix)
        controls = view.controls()
        _numbers(found, controls)
        live_matrix.full(view.run, view.comparison.classes, choice.setting, matrix, changed=changed)
    label = f"{choice.setting}{' (edited)' if changed else ''}"
    place = narrow.container()
    with wide:
        _confusion(view, found, label)
        if matrix is not None:
            live_matrix.sums(matrix, choice.setting)
    what = "matrix" if matrix is not None else "groups" if live_choice.grouped(choice.setting) else None
    if what is not None:
        with st.expander(f"Edit the {what} by hand", icon=":material/edit:", key="live-edit", on_change="rerun") as box:
            if box.open:
                live_edit.show(view.comparison.classes, matrix, choice.matrix)
    swept = live_sweep.show(view.verdict, choice, controls, view.ruler)
    with place:
        _plane(view, label, found, controls, swept)
    live_evidence.honest()
    return True


def _numbers(found: Verdict, controls: dict[str, dict[str, Any]]) -> None:
    """The metrics beside those of cross entropy, and how the fit ended."""
    base = controls["CE"]
    boxes = [name for name in SHOWN if found.metrics.get(name) is not None]
    columns = st.columns(2)
    for place, name in enumerate(boxes):
        label, form, better = SHOWN[name]
        value, before = found.metrics[name], base.get(name)
        change = None if before is None else round(value - before, 3) or 0  # what is shown as nothing is not red
        text = None if change is None else f"{change:+d}" if name == "distinct_classes" else f"{change:+.3f}"
        columns[place % 2].metric(label, form.format(value), text, delta_color=better if change else "off")
    how = "its only optimum" if found.convex else "a minimum, of perhaps several, reached from cross entropy's"
    ended = f"{how}, to a gradient of {found.gradient:.0e}" if found.converged else "no minimum yet"
    own = controls.get(live_sweep.AS_TRAINED)
    before = f" (the network's own has {own['accuracy']:.1%} right, mean cost {own['mean_cost']:.3f})" if own else ""
    st.caption(
        f"Changes are against a last layer of cross entropy{before}. The fit ended in {plain(ended)}, after "
        f"{found.evaluations} steps."
    )
    if not found.converged:
        st.warning(f"This fit stopped with a gradient of {found.gradient:.1e}: read its numbers with care.")


def _confusion(view: View, found: Verdict, label: str) -> None:
    classes = view.comparison.classes
    groups = None if classes.groups is None else [path[0] for path in classes.groups]
    order = None if groups is None else sorted(range(len(classes)), key=lambda i: classes.groups[i])  # type: ignore[index]
    fig = pictures.confusion(
        found.confusion,
        classes.names,
        order=order,
        groups=groups,
        limits=(0.0, 1.0),
        clickable=False,
        title=f"last layer only: {label}, test, {view.decoder}",
    )
    wrong = int(found.confusion.sum() - found.confusion.trace())
    alt = f"Confusion under {label}: {found.metrics['accuracy']:.1%} right, {wrong:,} mistakes"
    charts.show(fig, "live-confusion", alt)


def _plane(view: View, label: str, found: Verdict, controls: dict[str, dict[str, Any]], swept: dict[str, Any]) -> None:
    """The last positions of the slider on accuracy and mean cost."""
    asked = (view.run.path, view.ruler.hash, view.decoder)
    trail = _trail(asked, label, found)
    fig = planes.plane(
        trail,
        {name: _point(one) for name, one in controls.items()},
        unit=view.ruler.unit,
        curves=swept.get("curves"),
        front=swept.get("front", ()),
        title=f"last layer only, test, {view.decoder}; ruler {view.ruler.describe()}",
    )
    accuracy, cost = _point(found.metrics)
    base = _point(controls["CE"])
    alt = (
        f"{label}: accuracy {accuracy:.1%}, mean cost {cost:.3f}; cross entropy {base[0]:.1%} and {base[1]:.3f}; "
        f"{len(trail)} positions shown"
    )
    charts.show(fig, "live-plane", alt)


def _point(metrics: dict[str, Any]) -> tuple[float, float]:
    return float(metrics["accuracy"]), float(metrics["mean_cost"])


def _trail(asked: tuple[Any, ...], label: str, found: Verdict) -> list[tuple[str, float, float]]:
    """The last ten positions for the same question; one that is drawn again is not another."""
    kept = st.session_state.get(TRAIL)
    if kept is None or kept[0] != asked:
        kept = (asked, [])
    steps: list[tuple[str, float, float]] = kept[1]
    if not steps or steps[-1][0] != label or steps[-1][1:] != _point(found.metrics):
        steps = [*steps, (label, *_point(found.metrics))][-KEPT:]
    st.session_state[TRAIL] = (asked, steps)
    return steps
