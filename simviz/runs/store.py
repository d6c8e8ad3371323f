"""The run store: one folder a comparison, one folder a run in it; plain JSON, JSONL and npz.

Everything is written to a temporary name and renamed, so a reader never sees half a file; of
`metrics.jsonl`, which is appended to, a torn last line is ignored.

    STORE/COMPARISON/comparison.json        title, classes, ruler, data set, order of the runs
    STORE/COMPARISON/images.npz             pictures of validation and test, where they are small
    STORE/COMPARISON/RUN/spec.json          the RunSpec
                         status.json        state, epoch, heartbeat, process, error
                         environment.json   versions, device, precision
                         data.json          fingerprint, split sizes, notes
                         metrics.jsonl      one line an epoch
                         epochs/0001.npz    validation confusion and what the loss keeps (D)
                         validation.npz     predictions; test.npz likewise
                         matrix.npz         the matrix the loss was given
                         result.json        the flat result
                         checkpoint.safetensors
                         log.txt
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation.predictions import Predictions
from simviz.matrices import ClassMatrix
from simviz.runs.files import StoreError, check_writable, last_lines, read_arrays, read_json, read_text, write_json
from simviz.runs.liveness import alive, serving
from simviz.runs.records import SCHEMA_VERSION
from simviz.runs.spec import RunSpec, checked

ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,119}$")
SETTLED = ("finished", "cancelled", "failed")


def default_root() -> Path:
    """`$SIMVIZ_RUNS`, else `./runs`."""
    return Path(os.environ.get("SIMVIZ_RUNS") or "runs")


class Run:
    """One run's folder. Reading is lazy; a damaged part raises StoreError when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, path.name

    def __repr__(self) -> str:
        return f"Run({self.path})"

    @cached_property
    def spec(self) -> RunSpec:
        data = read_json(self.path / "spec.json")
        if data.pop("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise StoreError(f"{self.id} was written by a newer simviz; update to read it")
        try:
            return checked(**data)
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self.id}/spec.json: {error}") from None

    @property
    def setting(self) -> str:
        return self.spec.loss

    @property
    def status(self) -> dict[str, Any]:
        """The status file; a run whose process is gone is reported as `lost`, one that is held back as `paused`."""
        status = read_json(self.path / "status.json")
        queued, worker = status.get("state") == "queued", self.path.parent / "worker.json"
        if queued and self.wanted == "pause":
            status |= {"state": "paused"}
        elif queued and worker.exists() and not serving(read_json(worker)):
            status |= {"state": "lost", "error": "no process trains it; what was reached is kept"}
        elif status.get("state") == "running" and not alive(status):
            status |= {"state": "lost", "error": "the process that ran it is gone; finished epochs are kept"}
        return status

    @property
    def settled(self) -> bool:
        """Whether the run reached an end of its own; a lost run has not, and can be resumed."""
        return self.status.get("state") in SETTLED

    def metrics(self) -> list[dict[str, Any]]:
        """One dict an epoch, oldest first."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return []
        rows = []
        for line in read_text(path, errors="replace").splitlines():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                continue  # a line torn by a crash
        # An epoch trained again after a crash stands twice; the later line is the one that counts.
        return list({r["epoch"]: r for r in rows if isinstance(r, dict) and type(r.get("epoch")) is int}.values())

    @property
    def epochs(self) -> list[int]:
        """Epochs whose arrays are kept."""
        return sorted(int(p.stem) for p in (self.path / "epochs").glob("[0-9]*.npz"))

    def epoch_arrays(self, epoch: int) -> dict[str, NDArray[Any]]:
        """`confusion` (validation, int64 (C, C)) and the arrays the loss kept at one epoch."""
        try:
            return read_arrays(self.path / "epochs" / f"{epoch:04d}.npz")
        except StoreError as error:
            raise StoreError(f"{self.id} has no readable arrays of epoch {epoch}: {error}") from None

    def has_predictions(self, part: str = "test") -> bool:
        return (self.path / f"{part}.npz").exists()

    def predictions(self, part: str = "test", *, features: bool = False) -> Predictions:
        try:
            return Predictions.load(self.path / f"{part}.npz", features=features)
        except ValueError as error:
            raise StoreError(f"{self.id}: {error}") from None

    def matrix(self) -> ClassMatrix | None:
        """The matrix the loss was given, if it takes one."""
        path = self.path / "matrix.npz"
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return _matrix(path, found.st_mtime_ns, found.st_size)

    def result(self) -> dict[str, Any]:
        return read_json(self.path / "result.json")

    def log(self, lines: int = 30) -> str:
        return last_lines(self.path / "log.txt", lines)

    def want(self, what: str) -> None:
        """Ask the worker for something: `pause`, `run` or `cancel`."""
        write_json(self.path / "control.json", {"want": what, "at": time.monotonic()})

    @property
    def wanted(self) -> str | None:
        """What was asked for; None where nothing was, or it cannot be read."""
        try:
            return read_json(self.path / "control.json").get("want")
        except StoreError:
            return None


@lru_cache(maxsize=32)  # a page asks for the same few again and again
def _matrix(path: Path, changed: int, size: int) -> ClassMatrix:
    return ClassMatrix.load(path)


class Comparison:
    """A comparison's folder: several settings, several seeds, one data set, one ruler."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, path.name

    def __repr__(self) -> str:
        return f"Comparison({self.path})"

    @cached_property
    def info(self) -> dict[str, Any]:
        return read_json(self.path / "comparison.json")

    @property
    def title(self) -> str:
        return str(self.info.get("title") or self.id)

    @property
    def created(self) -> float:
        return float(self.info.get("created") or 0)

    @cached_property
    def runs(self) -> list[Run]:
        """In the order they were asked for; folders that are not listed come last."""
        listed = [str(name) for name in self.info.get("runs", [])]
        found = sorted(p.name for p in self.path.iterdir() if (p / "spec.json").exists() and not p.is_symlink())
        return [Run(self.path / name) for name in [n for n in listed if n in found] + sorted(set(found) - set(listed))]

    @cached_property
    def groups(self) -> dict[str, list[Run]]:
        """Runs by setting, every setting with all its seeds."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(run.setting, []).append(run)
        return groups

    @cached_property
    def classes(self) -> ClassSet:
        try:
            return ClassSet.from_dict(self.info["classes"])
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{self.id}/comparison.json does not say its classes: {error}") from None

    def run(self, run_id: str) -> Run:
        for run in self.runs:
            if run.id == run_id:
                return run
        raise StoreError(f"the comparison {self.id!r} has no run {run_id!r}")

    def image_rows(self) -> dict[str, int]:
        """Row in `images()` by sample id; empty where no pictures are kept."""
        return {} if self._pictures is None else {str(name): i for i, name in enumerate(self._pictures["ids"])}

    def images(self) -> NDArray[np.uint8] | None:
        return None if self._pictures is None else self._pictures["images"]

    @cached_property
    def _pictures(self) -> dict[str, NDArray[Any]] | None:
        path = self.path / "images.npz"
        if not path.exists():
            return None
        found = read_arrays(path)
        ids, images = found.get("ids"), found.get("images")
        whole = ids is not None and images is not None and images.ndim == 4 and images.dtype == np.uint8
        if ids is None or images is None or not whole or ids.shape != images.shape[:1]:
            raise StoreError(f"{self.id}/images.npz does not hold a picture and an id for each sample")
        return {"ids": ids, "images": images}


class Store:
    """All comparisons below one folder."""

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()

    def comparisons(self) -> list[Comparison]:
        """Newest first. Folders without a comparison.json are no comparisons; damaged ones are listed."""
        if not self.root.is_dir():
            return []
        found = [Comparison(p.parent) for p in self.root.glob("[!.]*/comparison.json")]
        return sorted(found, key=lambda c: (_created(c), c.id), reverse=True)

    def comparison(self, comparison_id: str) -> Comparison:
        """By id; StoreError if there is none. The id is checked, so it cannot leave the store."""
        if not ID.match(comparison_id) or not (self.root / comparison_id / "comparison.json").is_file():
            raise StoreError(f"there is no comparison {comparison_id!r} in this store")
        return Comparison(self.root / comparison_id)

    def create(self, title: str, specs: list[RunSpec], info: Mapping[str, Any]) -> Comparison:
        """A new comparison folder with one queued run a spec; `info` is kept in comparison.json."""
        check_writable("trained")
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "comparison"
        self.root.mkdir(parents=True, exist_ok=True)
        folder = new_folder(self.root, f"{time.strftime('%Y%m%d-%H%M%S')}-{slug}")
        names = _run_names(specs)
        for name, spec in zip(names, specs, strict=True):
            (folder / name / "epochs").mkdir(parents=True)
            write_json(folder / name / "spec.json", {"schema_version": SCHEMA_VERSION, **spec.model_dump()})
            write_json(folder / name / "status.json", {"schema_version": SCHEMA_VERSION, "state": "queued"})
        record = {"schema_version": SCHEMA_VERSION, "title": title, "created": time.time(), "runs": names, **info}
        write_json(folder / "comparison.json", record)
        return Comparison(folder)

    def delete(self, comparison_id: str) -> None:
        """Remove a comparison; of two who ask at once, one is told by StoreError that it is gone.

        It leaves the store in one step, so that nobody sees half of it.
        """
        check_writable("deleted")
        found = self.comparison(comparison_id)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".deleted-") as scratch:
            try:
                found.path.rename(Path(scratch) / "comparison")
            except FileNotFoundError:
                raise StoreError(f"{comparison_id!r} was deleted already") from None

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.comparisons())


def _created(comparison: Comparison) -> float:
    try:
        return comparison.created
    except (StoreError, ValueError, TypeError):
        return 0.0


def new_folder(root: Path, name: str) -> Path:
    """A folder that did not exist before, numbered where the name is taken."""
    for attempt in range(1000):
        folder = root / (f"{name}-{attempt}" if attempt else name)
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise StoreError(f"no free folder name for {name} in {root}")


def _run_names(specs: list[RunSpec]) -> list[str]:
    """Readable ASCII ids: the setting and the seed, numbered where two would be equal."""
    names: list[str] = []
    for spec in specs:
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", spec.loss).strip("-.")[:60]
        name = base = f"{slug}-s{spec.seed}"
        count = 2
        while name in names:
            name, count = f"{base}-{count}", count + 1
        names.append(name)
    return names
