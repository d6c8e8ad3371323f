"""What a comparison trains: the settings with their controls, one run a setting and seed, laid out in a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from simviz import evaluation
from simviz.runs import Comparison, RunSpec, Store, checked
from simviz.runs.records import MAX_RUNS
from simviz.runs.tuning import Tuning
from simviz.settings import Part, Setting, parse_setting


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


def is_control(setting: str, settings: Collection[str]) -> bool:
    """Whether a setting is one of the controls that `with_controls` adds to another of the settings."""
    loss, matrix = (part := parse_setting(setting)).loss, part.matrix
    of = []
    if matrix is not None and "shuffle" in matrix.options:
        of.append(Setting(loss, _without(matrix, "shuffle")))
    if loss.options.get("normalize") == "columns":
        of.append(Setting(_without(loss, "normalize"), matrix))
    return any(str(one) in settings for one in of)


def _without(part: Part, option: str) -> Part:
    return Part(part.name, {k: v for k, v in part.options.items() if k != option})


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
    asked, controls = [s for s in names if not is_control(s, names)], [s for s in names if is_control(s, names)]
    return [checked(loss=s, seed=seed, **base) for part in (asked, controls) for seed in seeds for s in part]


def create(
    specs: Sequence[RunSpec], *, title: str | None = None, store: Store | None = None, tuning: Tuning | None = None
) -> Comparison:
    """Check that data, losses, model and ruler fit, and lay the folders out; nothing is trained yet.

    With `tuning`, a `simviz.runs.tuning.plan` of the same specs, the learning rate of each setting is chosen on
    validation when the comparison is trained, and replaces that of the specs.

    Raises
    ------
    ValueError
        In one sentence, for data that cannot be read, a loss that does not fit the classes, a model that does not
        exist or cannot take the images, a metric to watch that the classes do not have.
    """
    from simviz import training
    from simviz.runs.ingredients import build_loss, load_data

    for model, source in {(s.model, s.pretrained) for s in specs if s.pretrained is not None}:
        from simviz import pretrained

        pretrained.weights_file(str(model), str(source))
    data = load_data(specs[0])
    for spec in {s.loss: s for s in specs}.values():
        build_loss(spec, data)
    training.check(specs[0], data, watched=tuning is not None)
    ruler = evaluation.ruler(data.classes, specs[0].ruler)
    info: dict[str, Any] = {
        "classes": data.classes.to_dict(),
        "ruler": {"choice": specs[0].ruler, "text": ruler.describe()},
        "dataset": {"name": data.name, "spec": specs[0].dataset, "fingerprint": data.fingerprint},
        "unit_name": data.unit_name,
        "notes": list(data.notes),
    }
    if tuning is not None:
        info["tuning"] = tuning.model_dump()
    return (store or Store()).create(title or data.name, list(specs), info)
