"""Comparisons: settings x seeds -> runs -> one table. Data, split, model and batches are the same for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz import evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.evaluation.statistics import mean_interval, paired_over_seeds
from simviz.hyperparameters import RISING
from simviz.runs import Comparison, Run, RunSpec, Store, StoreError, checked
from simviz.runs.store import BROKEN_NPZ
from simviz.settings import Part, Setting, parse_setting

MAX_RUNS = 2000
RATES = (4.4e-4, 1.3e-3, 4e-3, 1.2e-2, 3.6e-2)
WIDENED = 2
OWN = "the file's own"  # decider of predictions that came without probabilities


def with_controls(settings: Sequence[str]) -> list[str]:
    """The settings, then what they must be seen beside (science.md section 5).

    Plain cross entropy, and for every SimLoss the same with the class names of S shuffled (was it the
    meaning or the smoothing?) and with unit columns (was it the hubs?). Decoder controls need no run of
    their own: `table` adds them.
    """
    asked = [str(parse_setting(s)) for s in settings]
    extra = ["ce"]
    for setting in map(parse_setting, asked):
        if setting.loss.name != "simloss" or setting.matrix is None:
            continue
        if "shuffle" not in setting.matrix.options:
            shuffled = Part(setting.matrix.name, {**setting.matrix.options, "shuffle": 1})
            extra.append(str(Setting(setting.loss, shuffled)))
        if setting.loss.options.get("normalize", "none") == "none":
            columns = Part("simloss", {**setting.loss.options, "normalize": "columns"})
            extra.append(str(Setting(columns, setting.matrix)))
    return list(dict.fromkeys([*asked, *extra]))


def is_control(setting: str) -> bool:
    """Whether a setting is one of the controls that `with_controls` adds to a SimLoss."""
    parsed = parse_setting(setting)
    shuffled = parsed.matrix is not None and "shuffle" in parsed.matrix.options
    return shuffled or parsed.loss.options.get("normalize") == "columns"


def specs_for(settings: Sequence[str], seeds: Iterable[int], **base: Any) -> list[RunSpec]:
    """One spec a setting and seed; all settings of a seed first, controls after the settings asked for.

    Raises
    ------
    ValueError
        For an unreadable setting, a bad field of `base`, no setting, or too many runs.
    """
    names = list(dict.fromkeys(str(parse_setting(s)) for s in settings))
    if not names:
        raise ValueError("no setting was given; name at least one loss, e.g. ce")
    seeds = list(seeds)
    if not 1 <= len(names) * len(seeds) <= MAX_RUNS:
        raise ValueError(f"{len(names)} settings x {len(seeds)} seeds; between 1 and {MAX_RUNS} runs are possible")
    ranked = [s for s in names if not is_control(s)] + [s for s in names if is_control(s)]
    rounds = [ranked[: sum(not is_control(s) for s in names)], [s for s in ranked if is_control(s)]]
    return [checked(loss=s, seed=seed, **base) for part in rounds for seed in seeds for s in part]


def create(specs: Sequence[RunSpec], *, title: str | None = None, store: Store | None = None) -> Comparison:
    """Check that data, losses and ruler fit, and lay the folders out; nothing is trained yet.

    Raises
    ------
    ValueError
        In one sentence, for data that cannot be read or a loss that does not fit the classes.
    """
    from simviz.runs.worker import build_loss, load_data

    data = load_data(specs[0])
    for spec in {s.loss: s for s in specs}.values():
        build_loss(spec, data)
    ruler = evaluation.ruler(data.classes, specs[0].ruler)
    info = {
        "classes": data.classes.to_dict(),
        "ruler": {"choice": specs[0].ruler, "text": ruler.describe()},
        "dataset": {"name": data.name, "spec": specs[0].dataset, "fingerprint": data.fingerprint},
        "unit_name": data.unit_name,
        "notes": list(data.notes),
    }
    return (store or Store()).create(title or data.name, list(specs), info)


def tune(
    settings: Sequence[str],
    *,
    metric: str = "accuracy",
    rates: Sequence[float] = RATES,
    seed: int = 0,
    store: Store | None = None,
    listener: Any = None,
    **base: Any,
) -> dict[str, float]:
    """The learning rate of each setting: the best by one validation metric, the same for all settings.

    Each setting is trained once a rate; while its best rate lies at an edge, the range is widened by a
    factor 3, at most `WIDENED` times. The runs are kept in the store.
    """
    from simviz.runs import worker

    sign = 1 if metric in RISING else -1
    found: dict[str, dict[float, float]] = {str(parse_setting(s)): {} for s in settings}
    wanted = {s: list(rates) for s in found}
    for _ in range(WIDENED + 1):
        specs = [checked(loss=s, lr=r, seed=seed, **base) for s, new in wanted.items() for r in new]
        if not specs:
            break
        comparison = create(specs, title=f"learning rates {base.get('dataset', '')}", store=store)
        worker.work(comparison, listener)
        for run in comparison.runs:
            lines = run.metrics()
            value = lines[-1].get(metric) if lines and run.status["state"] == "finished" else None
            found[run.setting][run.spec.lr] = -math.inf if value is None else sign * value
        wanted = {s: _beyond(values) for s, values in found.items()}
    return {s: max(values, key=lambda r: (values[r], -r)) for s, values in found.items()}


def _beyond(values: dict[float, float]) -> list[float]:
    """The next rate to try where the best so far lies at an edge of those tried."""
    best, low, high = max(values, key=lambda r: (values[r], -r)), min(values), max(values)
    return [high * 3] if best == high else [low / 3] if best == low else []


@dataclass(frozen=True)
class Row:
    """One setting under one decoder, over its seeds.

    Attributes
    ----------
    setting, decoder
    control : whether the row is there to be compared with, not asked for
    seeds : seeds in the order of the values
    values : metric -> one value a seed (None where it does not exist)
    same_ruler : whether the loss was trained on the very matrix that measures it
    warnings : what the runs say of themselves
    """

    setting: str
    decoder: str
    control: bool
    seeds: tuple[int, ...]
    values: dict[str, list[float | None]]
    same_ruler: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.setting if self.decoder in ("argmax", OWN) else f"{self.setting} | {self.decoder}"

    def mean(self, metric: str) -> float | None:
        known = [v for v in self.values.get(metric, []) if v is not None]
        return float(np.mean(known)) if known else None

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % t interval of the mean over seeds; None below two seeds."""
        known = [v for v in self.values.get(metric, []) if v is not None]
        found = mean_interval(known) if known else None
        return None if found is None or found.low is None or found.high is None else (found.low, found.high)


def decoded_by(classes: ClassSet) -> tuple[str, ...]:
    """The decoders every cross entropy is shown with, as controls."""
    return ("argmax", "min_cost", "median") if classes.ordered else ("argmax", "min_cost")


def trained_similarity(run: Run, classes: ClassSet) -> NDArray[np.float64] | None:
    """The S of S p that the run's SimLoss fitted to the labels, (C, C); None where it fitted p itself.

    Divided by its column sums where the loss did so. None too for a run that never left its warm-up.
    """
    if not has_similarity(run):
        return None
    matrix = run.matrix()
    assert matrix is not None
    values = matrix.aligned(classes).to_similarity().values.astype(np.float64)
    columns = run.spec.setting.loss.options.get("normalize") == "columns"
    return values / values.sum(axis=0) if columns else values


def has_similarity(run: Run) -> bool:
    """Whether there is a `trained_similarity`, without reading it."""
    if run.spec.setting.loss.name != "simloss" or not (run.path / "matrix.npz").exists():
        return False
    try:
        return not run.spec.warmup or int(run.result().get("epoch") or 0) > run.spec.warmup
    except StoreError:  # predictions without a result: nobody knows which loss made them
        return False


def decoder_for(decoder: str, runs: Sequence[Run]) -> str:
    """The decoder that reads these runs of one setting: argmax for `blurred` where one has no similarity."""
    return "argmax" if decoder == "blurred" and not all(map(has_similarity, runs)) else decoder


def decided_elsewhere(run: Run, part: str) -> bool:
    """Whether only the decided class of each sample is known, without reading the predictions."""
    try:
        with np.load(run.path / f"{part}.npz", allow_pickle=False) as file:
            return "predicted" in file.files
    except BROKEN_NPZ:  # whoever reads it says what is wrong
        return False


def blur_warnings(comparison: Comparison) -> dict[str, str]:
    """By setting that `blurred` can read, a sentence where the column sums of its S differ."""
    found = {}
    for setting, runs in comparison.groups.items():
        similarity = trained_similarity(runs[0], comparison.classes)
        if similarity is not None and (text := evaluation.blur_warning(similarity)):
            found[setting] = text
    return found


def table(
    comparison: Comparison, *, part: str = "test", decoder: str = "argmax", ruler: Ruler | None = None
) -> list[Row]:
    """One row a setting, plus cross entropy under its control decoders, from the predictions kept.

    Minimum expected cost is decided after temperature scaling on the validation part. `blurred` reads the
    runs trained with SimLoss by the matrix they were trained with; the other rows stay at argmax and say
    so. See `blur_warnings` for its limits. Nothing decodes predictions without probabilities: their decoder
    is `OWN`, and metrics that need probabilities are missing.
    """
    classes = comparison.classes
    ruler = ruler or comparison_ruler(comparison)
    rows = []
    for setting, runs in comparison.groups.items():
        ready = sorted((r for r in runs if r.has_predictions(part)), key=lambda r: r.spec.seed)
        if not ready:
            continue
        own = OWN if decided_elsewhere(ready[0], part) else decoder_for(decoder, ready)
        shown = [own]
        if own != OWN and parse_setting(setting).loss.name == "ce":
            shown += [d for d in decoded_by(classes) if d != own]
        matrix = ready[0].matrix()
        same = matrix is not None and ruler.same_as(matrix)
        said = tuple(dict.fromkeys(w for r in ready if (w := _warning(r))))
        for one in shown:
            found = [measured(run, classes, ruler, one, part) for run in ready]
            values = {key: [f.get(key) for f in found] for key in dict.fromkeys(k for f in found for k in f)}
            control = is_control(setting) or one != own
            seeds = tuple(r.spec.seed for r in ready)
            rows.append(Row(setting, one, control, seeds, values, same, said if one == own else ()))
    return rows


def measured(run: Run, classes: ClassSet, ruler: Ruler, decoder: str, part: str) -> dict[str, Any]:
    """Metrics of one run under a decoder and a ruler."""
    predictions = run.predictions(part)
    if predictions.predicted is not None:  # decided elsewhere: there is nothing to decode
        return predictions.metrics(classes, ruler)
    temperature = None
    if decoder == "min_cost" and run.has_predictions("validation"):
        fitted = run.predictions("validation")
        temperature = evaluation.fit_temperature(fitted.log_probabilities, fitted.target)
    return evaluation.metrics(
        predictions.log_probabilities,
        predictions.target,
        classes=classes,
        ruler=ruler,
        decoder=decoder,
        temperature=temperature,
        similarity=trained_similarity(run, classes) if decoder == "blurred" else None,
    )


def comparison_ruler(comparison: Comparison) -> Ruler:
    """The ruler a comparison was set up with."""
    return evaluation.ruler(comparison.classes, (comparison.info.get("ruler") or {}).get("choice"))


def against(rows: Sequence[Row], baseline: str = "ce") -> dict[str, Row]:
    """Rows by label whose values are differences from the baseline's argmax row, seed by seed."""
    base = next((r for r in rows if r.setting == baseline and r.decoder == "argmax"), None)
    if base is None:
        return {}
    differences = {}
    for row in rows:
        shared = [s for s in row.seeds if s in base.seeds]
        if row is base or not shared:
            continue
        values = {
            key: [_minus(found[row.seeds.index(s)], base.values[key][base.seeds.index(s)]) for s in shared]
            for key, found in row.values.items()
            if key in base.values
        }
        differences[row.label] = replace(row, seeds=tuple(shared), values=values)
    return differences


def findings(rows: Sequence[Row], baseline: str = "ce") -> list[str]:
    """What the table says, computed: each setting against the baseline in accuracy and mean cost."""
    texts = []
    base = next((r for r in rows if r.setting == baseline and r.decoder == "argmax"), None)
    for row in rows:
        if base is None or row is base or row.control:
            continue
        shared = [s for s in row.seeds if s in base.seeds]
        if not shared:
            continue
        parts = [_one_finding(row, base, shared, metric) for metric in ("accuracy", "mean_cost")]
        text = f"{row.label} against {baseline}: {parts[0]}; {parts[1]}."
        texts.append(text + (" It was trained on the very matrix that measures it." if row.same_ruler else ""))
    return texts


def _one_finding(row: Row, base: Row, shared: Sequence[int], metric: str) -> str:
    pick = lambda r: [r.values[metric][r.seeds.index(s)] for s in shared]  # noqa: E731
    ours, theirs = pick(row), pick(base)
    name = metric.replace("_", " ")
    change = float(np.mean(np.subtract(ours, theirs)))
    if len(shared) < 2:
        return f"{name} {change:+.3f} on one seed, which decides nothing"
    found = paired_over_seeds(ours, theirs)
    assert found.low is not None
    assert found.high is not None
    if not found.low <= 0 <= found.high:
        better = (change > 0) == (metric == "accuracy")
        return f"{name} {change:+.3f} (95 % {found.low:+.3f} to {found.high:+.3f}), {'better' if better else 'worse'}"
    return f"{name} {change:+.3f} (95 % {found.low:+.3f} to {found.high:+.3f}), not told apart on {len(shared)} seeds"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _warning(run: Run) -> str | None:
    try:
        text = run.result().get("warning")
    except ValueError:
        return None
    return str(text) if text else None
