"""Comparisons written down: a TOML file, or one of the experiments that come with simviz.

Keys are the options of ``simviz compare`` without their dashes (``batch-size`` or ``batch_size``), what is a switch
there is true or false here. Keys at the top hold for every ``[[comparison]]``, whose own come first::

    dataset = "utkface"
    loss = ["ce", "simloss@order:r={r}"]     # one setting for each value of the grid
    grid = {r = [0.3, 0.8]}
    seeds = 5
    tune = true                              # the learning rate of each setting, chosen on validation by monitor
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simviz.classes import quoted
from simviz.compare.settings import create, specs_for, with_controls
from simviz.runs import Comparison, RunSpec, Store
from simviz.runs.budget import grant
from simviz.runs.records import MAX_RUNS
from simviz.runs.tuning import plan as plan_tuning

RUN_KEYS = tuple(n for n in RunSpec.model_fields if n not in ("loss", "seed", "predictions", "columns", "class_table"))
FEWEST_SEEDS = 2  # one seed has no interval
MAX_TOML_BYTES = 2**20
_HOLE = re.compile(r"\{(\w+)\}")


class Plan(BaseModel):
    """One comparison before its data are looked at.

    Attributes
    ----------
    loss : settings; ``{name}`` in one stands for each value of `grid`'s `name`
    seeds : seeds 0 to seeds - 1
    controls : whether the controls of science.md are added
    tune, rates : whether each setting's learning rate is chosen on validation, and from which
    budget : minutes that it may train
    run : the fields of a RunSpec that all its runs share, as they were given
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str | None = None
    loss: tuple[str, ...] = Field(min_length=1)
    grid: dict[str, tuple[int | float | str, ...]] = {}
    seeds: int = Field(3, ge=1, le=MAX_RUNS)
    controls: bool = True
    tune: bool = False
    rates: tuple[float, ...] | None = None
    budget: float | None = Field(None, gt=0, allow_inf_nan=False)
    run: dict[str, Any]

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.rates is not None and not self.tune:
            raise ValueError("rates are tried where tune is true; it is not")
        holes = {name for text in self.loss for name in _HOLE.findall(text)}
        if missing := holes - set(self.grid):
            raise ValueError(f"a loss has {{{min(missing)}}}, but grid has no {min(missing)}")
        if unused := set(self.grid) - holes:
            raise ValueError(f"grid has {min(unused)}, but no loss has {{{min(unused)}}}")
        return self

    @property
    def settings(self) -> list[str]:
        """Every setting, the grid filled in, with the controls."""
        whole = []
        for text in self.loss:
            names = list(dict.fromkeys(_HOLE.findall(text)))
            for values in itertools.product(*(self.grid[n] for n in names)):
                filled = text
                for name, value in zip(names, values, strict=True):
                    filled = filled.replace(f"{{{name}}}", str(value))
                whole.append(filled)
        return with_controls(whole) if self.controls else whole

    def specs(self) -> list[RunSpec]:
        """One a setting and seed; ValueError for a setting that cannot be read, or too many runs."""
        return specs_for(self.settings, range(self.seeds), **self.run)

    def scaled(self, scale: float) -> tuple[Plan, str]:
        """About a share `scale` of the training: epochs, seeds and training images each times its cube root.

        Settings, rates, batch size and patience stay; at least two seeds and one image a class are left. The
        text says what became what.

        Raises
        ------
        ValueError
            For a share outside of 0 to 1, or data that cannot be read.
        """
        from simviz.runs.ingredients import load_data

        if not 0 < scale <= 1:
            raise ValueError(f"scale is {scale:g}; it is the share of the whole training, above 0 and up to 1")
        first, factor = self.specs()[0], scale ** (1 / 3)
        data = load_data(first)
        images = min(len(data.indices("train")), first.train_size or len(data))
        before = {"epochs": first.epochs, "seeds": self.seeds, "training images": images}
        after = {k: max(1, round(factor * v)) for k, v in before.items()}
        after["seeds"] = max(after["seeds"], min(FEWEST_SEEDS, self.seeds))
        after["training images"] = max(after["training images"], len(data.classes))
        changed = ", ".join(f"{k} {v:,} -> {after[k]:,}" for k, v in before.items())
        run = {**self.run, "epochs": after["epochs"], "train_size": after["training images"]}
        text = f"scale {scale:g}: {changed} (each times {factor:.2f}, the cube root); all else as in the whole"
        return self.model_copy(update={"run": run, "seeds": after["seeds"]}), text

    def create(self, store: Store | None = None) -> Comparison:
        """Lay the comparison out, see `compare.create`."""
        specs = self.specs()
        tuning = plan_tuning(specs, self.rates) if self.tune else None
        comparison = create(specs, title=self.title, store=store, tuning=tuning)
        if self.budget is not None:
            grant(comparison, self.budget)
        return comparison


@dataclass(frozen=True)
class Plans:
    """What a file asks for: its comparisons, what it is about, and which data it needs."""

    plans: tuple[Plan, ...]
    about: str = ""
    needs: str = ""


def read(path: Path, overrides: Mapping[str, Any] | None = None) -> Plans:
    """The comparisons of a TOML file; `overrides` take the place of its keys.

    Raises
    ------
    ValueError
        Naming the file, the comparison, the key and its value, and what is allowed.
    """
    try:
        if path.stat().st_size > MAX_TOML_BYTES:
            raise ValueError(f"{path.name} is larger than {MAX_TOML_BYTES >> 20} MiB; that is no list of comparisons")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text; save it as UTF-8") from None
    return parse(text, path.name, overrides)


def experiments() -> dict[str, Plans]:
    """The experiments that come with simviz, by name."""
    return {name: experiment(name) for name in _experiments()}


def experiment(name: str, overrides: Mapping[str, Any] | None = None) -> Plans:
    """One of the experiments that come with simviz; ValueError naming those there are."""
    files = _experiments()
    if name not in files:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(files)}")
    return parse(files[name].read_text(encoding="utf-8"), f"{name}.toml", overrides)


def parse(text: str, name: str, overrides: Mapping[str, Any] | None = None) -> Plans:
    """The comparisons of a TOML text that is called `name` in messages."""
    try:
        top = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{name} is not TOML: {error}") from None
    about, needs = (top.pop(key, "") for key in ("about", "needs"))
    tables = top.pop("comparison", None)
    if tables is None:
        tables = [{}]
    elif not (isinstance(tables, list) and tables and all(isinstance(t, dict) for t in tables)):
        raise ValueError(f"{name}: comparison is {str(tables)[:40]!r}; write tables that begin with [[comparison]]")
    plans = []
    for number, table in enumerate(tables, 1):
        where = name if len(tables) == 1 else f"{name}, comparison {number}"
        values = {**_keys(top, where), **_keys(table, where), **(overrides or {})}
        if overrides and "loss" in overrides:  # the grid was for the losses that these replace
            holes = _HOLE.findall(" ".join(values["loss"]))
            values["grid"] = {name: found for name, found in values.get("grid", {}).items() if name in holes}
        plans.append(_plan(values, where))
    if overrides and "dataset" in overrides:  # comparisons that differed in their data alone are one
        alike = {p.model_dump_json(exclude={"title"}): p for p in plans}
        plans = [p.model_copy(update={"title": overrides.get("title")}) for p in alike.values()]
    return Plans(tuple(plans), str(about).strip(), str(needs).strip())


def plan(**values: Any) -> Plan:
    """A plan from options; ValueError as for a file."""
    return _plan(values, "the comparison")


def _plan(values: Mapping[str, Any], where: str) -> Plan:
    run = {k: v for k, v in values.items() if k in RUN_KEYS}
    if "dataset" not in run:
        raise ValueError(f"{where} names no data: give dataset, a name or a path")
    if not values.get("loss"):
        raise ValueError(f"{where} has no loss; name at least one, e.g. ce")
    own = {k: v for k, v in values.items() if k not in RUN_KEYS}
    losses = [own["loss"]] if isinstance(own["loss"], str) else own["loss"]
    try:
        # As JSON, because strict JSON takes a list for a tuple and a whole number for a float, and nothing else.
        RunSpec.model_validate_json(json.dumps({**run, "loss": "ce"}), strict=True)
        return Plan.model_validate_json(json.dumps({**own, "loss": losses, "run": run}), strict=True)
    except TypeError:
        raise ValueError(f"{where} has a date or a time; no key takes one") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])).replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {key} is {quoted(first['input'])}: {said}" if key else f"{where}: {said}") from None


def _keys(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keys as fields are called; ValueError for one that is none, or stands twice."""
    known = [*(n for n in Plan.model_fields if n != "run"), *RUN_KEYS]
    found: dict[str, Any] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        if key in found:
            raise ValueError(f"{where}: {written[:60]} stands twice")
        if key not in known:
            if key.removeprefix("no_") in known:
                raise ValueError(f"{where}: {written} is no key; write {written[3:]} = false")
            close = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean {close[0].replace('_', '-')}?" if close else "see simviz compare --help"
            raise ValueError(f"{where}: {written[:60]} is no key; {hint}")
        found[key] = value
    return found


def _experiments() -> dict[str, Any]:
    folder = resources.files("simviz") / "experiments"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): f for f in files}
