"""A comparison as one zip file, to be given to others and taken from anyone.

An archive from outside is hostile until shown otherwise: only known file names are read, sizes are checked before
anything is written, nothing is unpickled, JSON is validated, and the comparison appears in the store whole or not at
all. Checkpoints stay at home, they are large; weights that were kept for it (`weights.keep`) come along.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ValidationError

from simviz import npz
from simviz.classes import ClassSet
from simviz.evaluation.predictions import Predictions
from simviz.evaluation.ruler import RULERS
from simviz.matrices import ClassMatrix
from simviz.runs import records, weights
from simviz.runs.files import MAX_JSON_BYTES, StoreError, check_writable, write_json
from simviz.runs.spec import checked
from simviz.runs.store import ID, SCHEMA_VERSION, SETTLED, Comparison, Run, Store, new_folder
from simviz.runs.tuning import Tuning

MAX_FILES = 50_000
MAX_BYTES = 2 * 2**30
MAX_FILE_BYTES = 512 * 2**20
_RUN = r"(?P<run>[A-Za-z0-9][A-Za-z0-9._+-]{0,119})"
_NAMES = re.compile(
    r"(?:(?P<comparison>[A-Za-z0-9][A-Za-z0-9._+-]{0,119})/)"
    rf"(?:comparison\.json|images\.npz|{_RUN}/(?:(?:spec|status|environment|data|result)\.json|metrics\.jsonl|log\.txt|"
    r"weights\.safetensors|(?:validation|test|matrix)\.npz|epochs/[0-9]{4,8}\.npz))"
)


class _Info(records.Info):
    tuning: Tuning | None = None


def pack(comparison: Comparison, target: IO[bytes]) -> None:
    """Write the comparison's files, checkpoints left out, as a zip into an open binary file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(comparison.path.rglob("*")):
            name = f"{comparison.id}/{path.relative_to(comparison.path).as_posix()}"
            if path.is_file() and not path.is_symlink() and _NAMES.fullmatch(name):
                archive.write(path, name)


def unpack(source: IO[bytes], store: Store) -> Comparison:
    """Put the comparison of a zip file into the store.

    Runs that were not over when they were packed are cancelled ones here. A ruler that is a file of
    another machine is replaced by the classes' own, and the notes say so.

    Raises
    ------
    StoreError
        In one sentence, naming the file of the archive that is wrong; nothing is left behind.
    """
    check_writable("imported")
    store.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".import-") as scratch:
        folder = Path(scratch) / "comparison"
        try:
            with zipfile.ZipFile(source) as archive:
                name = _extract(archive, folder)
        except npz.BROKEN_ZIP as error:
            raise StoreError(f"this is not a zip file that can be read: {npz.first_line(error)}") from None
        _check(folder)
        final = new_folder(store.root, name)
        final.rmdir()
        folder.rename(final)
    return Comparison(final)


def _extract(archive: zipfile.ZipFile, folder: Path) -> str:
    """Write the members below `folder` and return the comparison's id; everything is checked before."""
    members = [m for m in archive.infolist() if not m.is_dir()]
    if len(members) > MAX_FILES:
        raise StoreError(f"the archive has {len(members):,} files; at most {MAX_FILES:,} are read")
    total = sum(m.file_size for m in members)
    if total > MAX_BYTES:
        raise StoreError(f"the archive would take {total / 2**30:.1f} GiB; at most {MAX_BYTES / 2**30:.0f} are read")
    found = [_checked_name(m) for m in members]
    if len(set(found)) < len(found):
        raise StoreError("the archive has two files of the same name")
    names = {f["comparison"] for f in (_NAMES.fullmatch(n) for n in found) if f}
    if len(names) != 1:
        raise StoreError("the archive must hold one comparison in one folder, as the runs page exports it")
    name = names.pop()
    for member in members:
        path = folder / member.filename.removeprefix(f"{name}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)  # zipfile ends at the size that was checked
    if not (folder / "comparison.json").is_file():
        raise StoreError("the archive has no comparison.json")
    return name


def _checked_name(member: zipfile.ZipInfo) -> str:
    shown = member.filename[:80]
    if not _NAMES.fullmatch(member.filename):
        raise StoreError(f"the archive holds {shown!r}, which is no file of a comparison")
    kind = member.external_attr >> 16
    if stat.S_IFMT(kind) not in (0, stat.S_IFREG):
        raise StoreError(f"{shown!r} in the archive is a link or a device, not a plain file")
    if member.flag_bits & 1:
        raise StoreError("the archive is encrypted; export it again without a password")
    limit = MAX_JSON_BYTES if member.filename.endswith(("json", "jsonl", "txt")) else MAX_FILE_BYTES
    if member.file_size > limit:
        raise StoreError(f"{shown!r} in the archive has {member.file_size / 1e6:.0f} MB; at most {limit / 1e6:.0f}")
    return member.filename


def _check(folder: Path) -> None:
    """Validate every file, and rewrite the JSON as what was understood of it."""
    info = _read(folder / "comparison.json", _Info)
    try:
        classes = ClassSet.from_dict(info["classes"])
    except (TypeError, ValueError, KeyError) as error:
        raise StoreError(f"comparison.json does not say its classes: {error}") from None
    runs = sorted(p for p in folder.iterdir() if p.is_dir())
    for run in runs:
        _check_run(run, len(classes))
    info["runs"] = [str(n) for n in info["runs"] if ID.match(str(n))]
    choice = info["ruler"]["choice"]
    if choice is not None and choice not in RULERS:
        info["ruler"]["choice"] = None
        info["notes"].append(f"Its ruler was the file {Path(choice).name}, which is not here; the default is used.")
    info["notes"].append(f"Imported from an archive on {time.strftime('%Y-%m-%d')}.")
    write_json(folder / "comparison.json", info)
    if (pictures := folder / "images.npz").exists():
        shapes = _arrays(pictures)
        if len(shapes.get("images", ((),))[0]) != 4 or shapes["images"][1] != "u":
            raise StoreError("images.npz does not hold pictures")


def _check_run(run: Path, num_classes: int) -> None:
    spec = _json(run / "spec.json")
    if spec.pop("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise StoreError(f"{run.name} was written by another version of simviz")
    try:
        checked(**spec)
    except (ValueError, TypeError) as error:
        raise StoreError(f"{run.name}/spec.json: {error}") from None
    status = _read(run / "status.json", records.Status)
    if status["state"] not in SETTLED:
        status["state"] = "cancelled"
    write_json(run / "status.json", {"schema_version": SCHEMA_VERSION, **status})
    for name, model in (("environment", records.Flat), ("data", records.Data), ("result", records.Flat)):
        path = run / f"{name}.json"
        if path.exists():
            kept = _read(path, model)  # type: ignore[arg-type]
            write_json(
                path, {**kept, "run": run.name} if name == "result" else {"schema_version": SCHEMA_VERSION, **kept}
            )
    _check_metrics(run / "metrics.jsonl")
    for path in sorted(run.glob("epochs/*.npz")):
        if _arrays(path).get("confusion", ((),))[0] != (num_classes, num_classes):
            raise StoreError(f"{run.name}/epochs/{path.name} has no confusion matrix of {num_classes} classes")
    for part in ("validation", "test"):
        if (run / f"{part}.npz").exists():
            _check_predictions(run / f"{part}.npz", num_classes)
    if (run / weights.KEPT).exists():
        _told(f"{run.name}/{weights.KEPT}", lambda: weights.check(Run(run)))
    if (run / "matrix.npz").exists():
        _told(f"{run.name}/matrix.npz", lambda: ClassMatrix.load(run / "matrix.npz"))


def _check_predictions(path: Path, num_classes: int) -> None:
    where = f"{path.parent.name}/{path.name}"
    _arrays(path)
    found = _told(where, lambda: Predictions.load(path, features=False))
    if found.log_probabilities.shape[1] != num_classes:
        raise StoreError(f"{where} does not hold one row of {num_classes} classes a sample")


def _check_metrics(path: Path) -> None:
    if not path.exists():
        return
    lines = []
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            row = records.Epoch.model_validate(json.loads(text, parse_constant=_refuse)).root
        except (ValueError, RecursionError):
            raise StoreError(f"{path.parent.name}/{path.name}: line {number} is not a row of numbers") from None
        if type(row.get("epoch")) is not int:
            raise StoreError(f"{path.parent.name}/{path.name}: line {number} has no epoch")
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines) + "\n" if lines else "")


def _arrays(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """`npz.headers`, with a StoreError that names the folder too."""
    try:
        return npz.headers(path, limit=MAX_FILE_BYTES)
    except ValueError as error:
        raise StoreError(f"{path.parent.name}: {error}") from None


def _read(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    try:
        return model.model_validate(_json(path)).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path.parent.name}/{path.name}: {field or 'the file'}: {first['msg']}") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise StoreError(f"{path.parent.name} has no {path.name}") from None
    except (ValueError, RecursionError):
        raise StoreError(f"{path.parent.name}/{path.name} is not JSON") from None
    if not isinstance(data, dict):
        raise StoreError(f"{path.parent.name}/{path.name} is not a JSON object")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _told(where: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ValueError, OSError, MemoryError) as error:
        raise StoreError(f"{where}: {error}") from None
