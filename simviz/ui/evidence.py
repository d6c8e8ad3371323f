"""What the inspection pages show of the comparison in view: its usable runs, and a sentence for every other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import RULERS, Ruler
from simviz.runs import Comparison, Run, Store, StoreError
from simviz.ui import cache, links, shell, state
from simviz.ui import rulers as matrix_rulers
from simviz.ui.text import plain

DECODER_HELP = (
    "argmax: the most probable class. min_cost: the class with the smallest expected cost under the ruler, after "
    "temperature scaling on validation. median, expectation: for classes with positions. blurred: the most probable "
    "class of S p / sum(S p), which is what SimLoss fits to the labels (p itself is sharpened); calibrated only where "
    "the columns of S sum alike, and never sure of a class that has neighbours. Other settings stay at argmax."
)
_FIRST = "ruler-first"  # of the session: the ruler that the comparison drawn last has when nobody chooses one


@dataclass(frozen=True)
class Panel:
    """What one picture of several shows: a setting with all its seeds, or the one run that A or B names."""

    label: str
    setting: str
    runs: tuple[Run, ...]

    @property
    def over(self) -> str:
        """How many seeds stand behind a number."""
        return f"mean of {len(self.runs)} seeds" if len(self.runs) > 1 else f"seed {self.runs[0].spec.seed}"


@dataclass(frozen=True)
class Evidence:
    """The usable runs of a comparison and how they are read.

    Attributes
    ----------
    comparison : without the runs that cannot be shown
    part : "test" or "validation"
    unfinished : runs that kept epochs and have no predictions yet
    """

    comparison: Comparison
    part: str
    ruler: Ruler
    decoder: str
    unfinished: tuple[Run, ...] = ()

    @property
    def classes(self) -> ClassSet:
        return self.comparison.classes

    def decoded(self, run: Run) -> cache.Decoded:
        if run.path not in self._decoded:
            ruler = self.ruler if self.decoder == "min_cost" else zero_one(self.classes)  # no other decoder asks it
            decoder = compare.decoder_for(self.decoder, self.comparison.groups[run.setting])
            self._decoded[run.path] = cache.decoded(cache.stamps(run, self.part), self.classes, ruler, decoder)
        return self._decoded[run.path]

    @cached_property
    def _decoded(self) -> dict[Path, cache.Decoded]:
        return {}

    @cached_property
    def bare(self) -> tuple[str, ...]:
        """The settings of which only the decided class is known."""
        groups = self.comparison.groups.items()
        return tuple(s for s, runs in groups if np.isnan(self.decoded(runs[0]).probability).all())

    @property
    def counted(self) -> list[str]:
        """The settings read from counts: nobody knows which images these are of."""
        return list(self.comparison.info.get("counted", []))

    @property
    def decided_by(self) -> str:
        """The decoder, as it stands beside every number."""
        if len(self.bare) == len(self.comparison.groups):
            return compare.OWN
        name = self.decoder if self.decoder != "blurred" else "blurred (argmax for settings without S)"
        return f"{name} ({compare.OWN} for {', '.join(self.bare)})" if self.bare else name

    def confusion(self, panel: Panel) -> NDArray[np.int64]:
        """Counts of all runs of a panel together, int64 (C, C), read-only."""
        if panel not in self._counted:
            total = np.zeros((len(self.classes),) * 2, dtype=np.int64)
            for run in panel.runs:
                found = self.decoded(run)
                total += evaluation.confusion_matrix(found.target, found.predicted, len(self.classes))
            total.setflags(write=False)
            self._counted[panel] = total
        return self._counted[panel]

    @cached_property
    def _counted(self) -> dict[Panel, NDArray[np.int64]]:
        return {}

    @cached_property
    def table(self) -> list[compare.Row]:
        of = tuple(cache.stamps(run, self.part) for run in self.comparison.runs)
        return cache.table(of, self.comparison, self.part, self.decoder, self.ruler)

    @cached_property
    def ruler_text(self) -> str:
        """The ruler, and which losses were trained on it, as every title says it."""
        every = [*self.comparison.runs, *self.unfinished]
        given = ((run.setting, run.matrix()) for run in every)
        trained = list(dict.fromkeys(s for s, matrix in given if matrix is not None and self.ruler.same_as(matrix)))
        very = f", the very matrix that {', '.join(trained)} was trained on" if trained else ""
        return self.ruler.describe() + very

    @property
    def when(self) -> str:
        """Which predictions these are."""
        return self.part

    def title(self, seeds: Iterable[int]) -> str:
        """What stands above a picture of settings with so many seeds each."""
        return f"{self.when}, {self.decided_by}, {seeds_text(seeds)}; ruler {self.ruler_text}"

    def runs_of(self, row: compare.Row) -> list[Run]:
        """The runs behind a row, in the order of its values; two of one seed are two."""
        return sorted(self.comparison.groups[row.setting], key=lambda run: run.spec.seed)

    def panels(self, *sides: str | None) -> list[Panel]:
        """One a setting; where a side names a run, that run stands for its setting."""
        found = []
        for setting, runs in self.comparison.groups.items():
            named = [r for r in runs if r.id in sides]
            found += [Panel(r.id, setting, (r,)) for r in named]
            if not named or setting in sides:
                found.append(Panel(setting, setting, tuple(runs)))
        return found

    def sample_text(self) -> str:
        """How many samples, of how many units, of which data."""
        first = self.decoded(self.comparison.runs[0])
        name = (self.comparison.info.get("dataset") or {}).get("name", "predictions")
        count = len(first.ids)
        unit, units = self.comparison.info.get("unit_name", "image"), len(np.unique(first.units))
        of = "" if unit == "image" else f" of {units:,} {unit}s"
        known = f" (only the decided class is known of {', '.join(self.bare)})" if self.bare else ""
        return f"{self.part.capitalize()} part of {name}: {count:,} image{'' if count == 1 else 's'}{of}{known}"


def gather(what: str, *, epochs: bool = False) -> Evidence | None:
    """Pickers of part, ruler and decoder, then the evidence; None, with a sentence, where there is none.

    Parameters
    ----------
    what : the page's purpose, for the sentence on an empty page
    epochs : whether the page has a use for runs that kept epochs and no predictions
    """
    comparison = shell.frame().comparison
    if comparison is None:
        _nothing_yet(what)
        return None
    bar, said = st.container(horizontal=True, gap="medium"), st.container()
    with bar:
        part = segments(state.PART, "Part", state.PARTS, "part of the data", "The epoch was chosen on validation.")
    try:
        with said:
            usable = _usable(comparison, part)
        unfinished = _unfinished(comparison, usable) if epochs else ()
        if not usable.runs and not unfinished:
            return None
        with bar:
            found = ruler_picker(usable)
    except (StoreError, ValueError, OSError) as error:
        st.error(plain(error))
        return None
    plainly = _evidence(usable, part, found, "argmax", unfinished)
    if len(plainly.bare) == len(usable.groups):
        if asked := st.query_params.get(state.DECODER):
            links.say_unknown("decoder", asked)
        return plainly
    with bar:
        decoders = ("argmax", "min_cost") + (("median", "expectation") if usable.classes.ordered else ())
        if any(compare.has_similarity(run) for run in usable.runs):
            decoders += ("blurred",)
        decoder = segments(state.DECODER, "Decoder", decoders, "decoder", DECODER_HELP)
    if decoder == "blurred":
        warnings = compare.blur_warnings(usable)
        for text in dict.fromkeys(warnings.values()):
            settings = ", ".join(s for s, one in warnings.items() if one == text)
            said.warning(f"**{plain(settings)}**: {plain(text)}")
    return _evidence(usable, part, found, decoder, unfinished)


def _evidence(usable: Comparison, part: str, ruler: Ruler, decoder: str, unfinished: tuple[Run, ...]) -> Evidence:
    """The evidence with all it has worked out, as long as the files behind it stay as they are."""
    fresh = Evidence(usable, part, ruler, decoder, unfinished)
    return _remembered(_files(usable, part), tuple(run.id for run in unfinished), part, ruler, decoder, fresh)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=cache.BY_CONTENT)
def _remembered(
    of: str, unfinished: tuple[str, ...], part: str, ruler: Ruler, decoder: str, _evidence: Evidence
) -> Evidence:
    return _evidence


def _files(comparison: Comparison, part: str) -> str:
    """The stamps of all that is read of a comparison. One text, because a cache takes long over nested tuples."""
    of = [cache.stamp(comparison.path / "comparison.json"), *(cache.stamps(run, part) for run in comparison.runs)]
    return repr(of)


def likeness(evidence: Evidence) -> Ruler:
    """The distance by which like classes are put side by side: that of their names, where these have no order."""
    classes = evidence.classes
    spoken = not classes.ordered and "words" in rulers(classes)
    return cache.ruler(classes, "words") if spoken else evidence.ruler


def seeds_text(counts: Iterable[int]) -> str:
    """How many seeds stand behind the settings of a picture: "2 seeds", "1 to 3 seeds"."""
    low, high = min(found := list(counts)), max(found)
    return f"{high} seed{'' if high == 1 else 's'}" if low == high else f"{low} to {high} seeds"


def page_link(page: str, label: str, **view: str) -> None:
    """A link to a page of the app, in the `view` that these query parameters ask for."""
    st.page_link(f"pages/{page}.py", label=label, icon=":material/arrow_forward:", query_params=view)


def _ways_on(train: str) -> None:
    """Where predictions come from."""
    page_link("train", train)
    page_link("runs", "Or upload the predictions of a model of your own", **{state.JUDGE: "true"})


def _nothing_yet(what: str) -> None:
    if Store().comparisons():
        st.info("Choose a comparison in the sidebar.")
        return
    st.info(f"There is no comparison yet. Train two losses on the same data, and {what}.")
    _ways_on("Train")


def _usable(comparison: Comparison, part: str) -> Comparison:
    """The comparison without the runs that cannot be shown, each of which gets a sentence."""
    missing = {str(name) for name in comparison.info.get("runs", [])} - {r.id for r in comparison.runs}
    if not missing and all(run.has_predictions(part) for run in comparison.runs):
        with suppress(StoreError, ValueError, OSError):
            return _whole(_files(comparison, part), part, comparison)
    good, waiting = [], Counter[str]()
    broken = [f"{name}: its folder or spec.json is missing" for name in sorted(missing)]
    for run in comparison.runs:
        try:
            if not run.has_predictions(part):
                run.spec  # noqa: B018  (a damaged one is broken, not waiting)
                status = run.status
                waiting[str(status.get("state"))] += 1
                if status.get("state") in ("failed", "lost"):
                    broken.append(f"{run.id}: {status.get('error') or status['state']}")
                continue
            _read(run, part, comparison.classes)
            good.append(run)
        except (StoreError, ValueError, OSError) as error:
            broken.append(f"{run.id}: {str(error).removeprefix(f'{run.id}: ').removeprefix(f'{run.id}/')}")
    _say(broken, waiting, bool(good), part)
    whole = Comparison(comparison.path)
    whole.runs = good
    return whole


@st.cache_resource(max_entries=8, show_spinner="Reading predictions")
def _whole(of: str, part: str, _comparison: Comparison) -> Comparison:
    """The comparison, once all its runs could be read; else the error, which is not remembered."""
    for run in _comparison.runs:
        _read(run, part, _comparison.classes)
    return _comparison


def _read(run: Run, part: str, classes: ClassSet) -> None:
    """StoreError, ValueError or OSError where something is damaged that the pages show of a run."""
    run.matrix()
    compare.trained_similarity(run, classes)
    cache.decoded(cache.stamps(run, part), classes, zero_one(classes), "argmax")
    run.spec  # noqa: B018


def zero_one(classes: ClassSet) -> Ruler:
    return cache.ruler(classes, "zero_one")


def _unfinished(comparison: Comparison, usable: Comparison) -> tuple[Run, ...]:
    """The runs that are not usable yet, and keep the confusion of their epochs."""
    known = {run.id for run in usable.runs}
    found = []
    for run in comparison.runs:
        try:
            if run.id not in known and run.epochs and run.setting and not run.has_predictions("test"):
                run.matrix()
                found.append(run)
        except (StoreError, ValueError):  # said by `_usable`
            continue
    return tuple(found)


def _say(broken: list[str], waiting: Counter[str], any_good: bool, part: str) -> None:
    if broken:
        rows = "\n".join(f"- {plain(text)}" for text in broken)
        st.warning(f"Not shown, because they cannot be read or did not finish:\n{rows}", icon=":material/broken_image:")
    states = ", ".join(f"{n} {name}" for name, n in waiting.items())
    if any_good:
        if waiting:
            st.caption(f"Without predictions on the {part} part yet, so not shown: {plain(states)}.")
        return
    if broken and not waiting:
        st.info("No run of this comparison can be shown.")
        return
    st.info(f"No run has predictions on the {part} part yet" + (f": {plain(states)}." if states else "."))
    _ways_on("To the running jobs")


def segments(key: str, label: str, options: tuple[str, ...], what: str, about: str) -> str:
    """A choice that the link restores; the first option unless it says otherwise."""
    links.unknown(key, options, what)
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]  # kept from a comparison that had it
    return st.segmented_control(
        label, options, default=options[0], required=True, key=key, bind="query-params", help=about
    )


def own_ruler(comparison: Comparison) -> Ruler:
    """The ruler a comparison was set up with."""
    choice = (comparison.info.get("ruler") or {}).get("choice")
    return cache.ruler(comparison.classes, choice, None if choice is None else cache.stamp(Path(choice)))


def ruler_picker(comparison: Comparison) -> Ruler:
    """The ruler picker: the comparison's own first, then those that the classes allow, then matrices that are there."""
    classes, own = comparison.classes, own_ruler(comparison)
    first = own.name if own.name in RULERS else state.OWN
    others = matrix_rulers.sources(comparison)
    options = tuple(dict.fromkeys([first, *rulers(classes), *([matrix_rulers.MATRIX] if others else [])]))
    about = "The distance by which mistakes are measured. The first is the comparison's own; no loss changes it."
    before = st.session_state.get(_FIRST)
    if before != first and before is not None and st.session_state.get(state.RULER) == before:
        st.session_state[state.RULER] = first  # nobody chose it: it was the first of another comparison
    st.session_state[_FIRST] = first
    picked = segments(state.RULER, "Ruler", options, "ruler", about)
    if picked == matrix_rulers.MATRIX:
        return matrix_rulers.pick(others, classes)
    return own if picked == first else cache.ruler(classes, picked)


def rulers(classes: ClassSet) -> tuple[str, ...]:
    """The rulers these classes allow."""
    allowed = {"zero_one"}
    if classes.groups is not None:
        allowed.add("groups")
    if classes.ordered:
        allowed.add("positions")
    if unknown_words(classes) == []:
        allowed.add("words")
    return tuple(name for name in RULERS if name in allowed)


def unknown_words(classes: ClassSet) -> list[str] | None:
    """The classes' words that no vector stands for; None where no word vectors are installed."""
    try:
        return [r.word for r in cache.resolved(classes) if r.how == "missing"]
    except (ValueError, OSError, ImportError):
        return None
