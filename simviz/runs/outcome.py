"""How a run ends: its result, what it says of itself, and every other end in plain words."""

from __future__ import annotations

import math
from typing import Any

from simviz import evaluation
from simviz.atomic import replacing
from simviz.datasets import ImageDataset
from simviz.runs import frozen
from simviz.runs.files import write_json
from simviz.runs.status import disk_full
from simviz.runs.store import Run
from simviz.runs.tuning import is_trial

# What torch and the system say where memory ends.
_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc")


class Stop(Exception):
    """Somebody wants the run to end before its last epoch."""


class Cancelled(Stop):
    """For good, keeping what it reached. The message, if any, tells why."""


class Paused(Stop):
    """To go on from its last checkpoint another time."""


def out_of_memory(error: BaseException) -> bool:
    """Whether there is no memory left, be it Python, torch or the system that says so."""
    return isinstance(error, MemoryError) or any(said in str(error).lower() for said in _NO_MEMORY)


def in_plain_words(error: BaseException) -> str:
    """The cause of a failed run, and the way out where we know one."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if out_of_memory(error):
        return "Memory ran out. Halve the batch size, or choose a smaller model."
    if disk_full(error):
        return "The disk is full. Free some space, then resume; finished epochs are kept."
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def conclude(run: Run, trainer: Any, data: ImageDataset) -> int:
    """Read the test part once, at the chosen epoch, write the flat result, and return that epoch.

    A run that only tries a learning rate is judged by its validation part.
    """
    epoch = trainer.use_best()
    parts = ("validation",) if is_trial(run) else ("validation", "test")
    for part in parts:
        predictions = trainer.predict(part)
        with replacing(run.path / f"{part}.npz") as partial:
            predictions.save(partial)
    if run.spec.pretrained:
        frozen.write(run, trainer.kept())
    ruler = trainer.ruler
    values = evaluation.metrics(predictions.log_probabilities, predictions.target, classes=data.classes, ruler=ruler)
    lines = run.metrics()
    seconds = sum(line["seconds"] for line in lines)
    result = {
        **values,
        "ruler": ruler.describe(),
        "decoder": "argmax",
        "split": parts[-1],
        "epoch": epoch,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(lines) * len(trainer.train_rows) / seconds, 1) if seconds else None,
        "warning": warning(
            values,
            len(data.classes),
            only_warmup=epoch <= trainer.warmup and run.spec.setting.loss.name != "ce",
            matrix=run.spec.setting.matrix is not None,
        ),
        "loss": run.setting,
        "seed": run.spec.seed,
        "run": run.id,
    }
    write_json(run.path / "result.json", result)
    return int(epoch)


def warning(values: dict[str, Any], num_classes: int, *, only_warmup: bool, matrix: bool) -> str | None:
    """What a run says of itself when it has not learned, has collapsed, or never left its warm-up."""
    if only_warmup:
        return "This run ended inside its warm-up: it was plain cross entropy throughout."
    if values["nll"] >= 0.99 * math.log(num_classes) and values["accuracy"] < 1.5 / num_classes:
        return "This run has not learned: it is no better than chance. Train longer or change the learning rate."
    if values["distinct_classes"] < num_classes / 2:
        way_out = (
            "Narrow the matrix (smaller keep or r), normalise its columns, or add warm-up epochs."
            if matrix
            else "Train longer, change the learning rate, or weigh the classes."
        )
        return f"This run has collapsed: it predicts {values['distinct_classes']} of {num_classes} classes. {way_out}"
    return None
