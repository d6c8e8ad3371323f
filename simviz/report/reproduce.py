"""The command line and the Python that make a comparison, and the command that writes its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from simviz.classes import ClassSet
from simviz.datasets import class_table
from simviz.report.look import PLAIN, Look
from simviz.runs import Comparison, RunSpec
from simviz.runs.command import command

_OWN = ("loss", "seed")
_FILE = 4  # the place of the first file in `simviz evaluate FILE ...`


def commands(comparison: Comparison) -> str:
    """Shell lines that make the runs again: one where they differ in loss and seed only, else one a setting, or a run.

    Each line makes a comparison of its own; `python` puts all runs into one.
    """
    specs = [run.spec for run in comparison.runs]
    if specs[0].predictions is not None:
        return _commands_foreign(comparison, specs)
    table = _crossed(specs)
    if table is None:
        return "\n".join(map(command, specs))
    lines: dict[str, list[str]] = {}
    for setting, (spec, _) in table.items():
        alike = spec.model_copy(update={"loss": specs[0].loss, "seed": 0}).model_dump_json()
        lines.setdefault(alike, []).append(setting)
    seeds = next(iter(table.values()))[1]
    return "\n".join(_compare(table[settings[0]][0], settings, seeds, comparison.title) for settings in lines.values())


def _commands_foreign(comparison: Comparison, specs: Sequence[RunSpec]) -> str:
    """`simviz evaluate`, after the lines that write down what was typed of the classes."""
    table = ""
    if _typed(comparison, specs):
        try:
            written = class_table.written(comparison.classes)
        except ValueError as error:
            return f"# No command reads these files again: {error}. The Python does."
        file = f"class-table-{comparison.id}.csv"
        table = f"cat > {shlex.quote(file)} <<'END'\n{written}END\n"
        specs = [spec.model_copy(update={"class_table": file}) for spec in specs]
    if any(spec.columns != specs[0].columns for spec in specs):
        return table + "\n".join(map(command, specs))
    first = shlex.split(command(specs[0]))
    files = [shlex.split(command(spec))[_FILE] for spec in specs]
    return table + shlex.join([*first[:_FILE], *files, *first[_FILE + 1 :]])


def _typed(comparison: Comparison, specs: Sequence[RunSpec]) -> bool:
    """Whether groups, positions or words of the classes were typed on the page: no file holds them."""
    return specs[0].class_table is None and comparison.classes != ClassSet(comparison.classes.names)


def _compare(spec: RunSpec, settings: Sequence[str], seeds: Sequence[int], title: str) -> str:
    """`simviz compare` of settings alike in all else; `train` of a single run, and of other seeds than 0, 1, ..."""
    if len(settings) * len(seeds) == 1 or list(seeds) != list(range(len(seeds))):
        runs = [spec.model_copy(update={"loss": loss, "seed": seed}) for seed in seeds for loss in settings]
        return "\n".join(map(command, runs))
    first = shlex.split(command(spec))
    at = first.index("--loss")
    losses = [word for setting in settings for word in ("--loss", setting)]
    after = ["--seeds", str(len(seeds)), "--no-controls", f"--title={title}"]
    return shlex.join(["python", "-m", "simviz", "compare", *first[4:at], *losses, *first[at + 4 :], *after])


def python(comparison: Comparison) -> str:
    """Python that makes the comparison again, every run of it."""
    specs = [run.spec for run in comparison.runs]
    if specs[0].predictions is not None:
        return _python_foreign(comparison, specs)
    table = _crossed(specs)
    if table is not None:
        base = _given([spec for spec, _ in table.values()])
        own = "".join(f"    {s!r}: {_own(spec, base)!r},\n" for s, (spec, _) in table.items())
        made = (
            f"base = {base!r}\n"
            f"settings = {{\n{own}}}\n"
            f"seeds = {next(iter(table.values()))[1]}\n"
            "specs = [checked(loss=s, seed=seed, **base, **own) for seed in seeds for s, own in settings.items()]\n"
        )
    else:
        rows = "".join(f"    checked({_keywords(spec)}),\n" for spec in specs)
        made = f"specs = [\n{rows}]\n"
    return (
        "from simviz import compare\n"
        "from simviz.runs import checked, worker\n\n"
        f"{made}"
        f"comparison = compare.create(specs, title={comparison.title!r})\n"
        "worker.work(comparison)\n"
    )


def report(
    comparison: Comparison,
    part: str,
    decoder: str,
    *,
    ruler: str | None,
    sides: tuple[str, str] | None = None,
    look: Look = PLAIN,
) -> str:
    """The command that writes `report.html.report` of the same arguments; a ruler of None is the comparison's own."""
    words = ["python", "-m", "simviz", "report", comparison.id, "--part", part, "--decoder", decoder]
    words += [] if ruler is None else ["--ruler", ruler]
    words += [] if sides is None else ["--a", sides[0], "--b", sides[1]]
    return shlex.join([*words, *look.options(), "--out", "report.html"])


def _crossed(specs: Sequence[RunSpec]) -> dict[str, tuple[RunSpec, list[int]]] | None:
    """Setting -> its spec and seeds, where all settings have the same seeds and differ in nothing else; None if not."""
    table: dict[str, tuple[RunSpec, list[int]]] = {}
    for spec in specs:
        first, seeds = table.setdefault(spec.loss, (spec, []))
        if first.model_copy(update={"seed": spec.seed}) != spec:
            return None
        seeds.append(spec.seed)
    return table if len({tuple(seeds) for _, seeds in table.values()}) == 1 else None


def _given(specs: Sequence[RunSpec]) -> dict[str, Any]:
    """The fields that all specs share and that are not at their default, but for loss and seed."""
    shared = [_own(spec, {}) for spec in specs]
    return {k: v for k, v in shared[0].items() if all(k in other and other[k] == v for other in shared)}


def _own(spec: RunSpec, base: dict[str, Any]) -> dict[str, Any]:
    """What the spec has beside `base`, but for loss, seed and what is at its default."""
    fields = type(spec).model_fields
    values = {name: getattr(spec, name) for name in fields if name not in (*_OWN, *base)}
    return {k: v for k, v in values.items() if v != fields[k].get_default(call_default_factory=True)}


def _python_foreign(comparison: Comparison, specs: Sequence[RunSpec]) -> str:
    table, more, read, known = specs[0].class_table, "", "", ""
    if table is not None and table.endswith(".csv"):
        more, known = "from simviz.datasets import class_table\n", ", classes=classes, aliases=aliases"
        read = f"classes, aliases = class_table.read(Path({table!r}), {table!r})\n"
    elif table is not None or _typed(comparison, specs):
        more, known = "from simviz import ClassSet\n", ", classes=classes"
        read = f"classes = ClassSet.from_dict({_names(comparison)!r})\n"
    found = f"found = [foreign.read(foreign.source(Path(file)){known}) for file in files]\n"
    kept = ""
    if any(spec.columns for spec in specs):
        kept = ", columns=columns"
        found = (
            f"columns = {[spec.columns for spec in specs]!r}\n"
            "sources = [foreign.source(Path(file)) for file in files]\n"
            "meanings = [foreign.corrected(s, foreign.guess(s), said) for s, said in zip(sources, columns)]\n"
            f"found = [foreign.read(s, meaning{known}) for s, meaning in zip(sources, meanings)]\n"
        )
    return (
        f"from pathlib import Path\n\n{more}from simviz.evaluation import foreign\n"
        "from simviz.runs import Store\nfrom simviz.runs.foreign import keep\n\n"
        f"files = {[str(s.predictions) for s in specs]!r}\n"
        f"{read}{found}"
        f"comparison = keep(found, store=Store(), ruler={specs[0].ruler!r}, files=files{kept}, class_table={table!r})\n"
    )


def _names(comparison: Comparison) -> dict[str, Any]:
    return {k: v for k, v in comparison.classes.to_dict().items() if v is not None}


def _keywords(spec: RunSpec) -> str:
    values = {"loss": spec.loss, "seed": spec.seed, **_own(spec, {})}
    return ", ".join(f"{k}={v!r}" for k, v in values.items())
