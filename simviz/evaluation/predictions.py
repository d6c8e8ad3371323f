"""Predictions: what a model said about every sample of one part of a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simviz import npz
from simviz.classes import ClassSet
from simviz.evaluation.confusion import confusion_matrix
from simviz.evaluation.metrics import Metrics, metrics, metrics_from_confusion
from simviz.evaluation.ruler import Ruler

MAX_BYTES = 200 * 2**20
MAX_SPREAD = 2**28  # samples x classes of decisions, which take two bytes each when they are read
KEPT_CLASSES = 20


@dataclass(frozen=True)
class Predictions:
    """Aligned arrays over N samples.

    Attributes
    ----------
    ids : str array (N,)
    units : int64 (N,)
        Samples of one unit (a person, a design) are not independent.
    target : int64 (N,)
    log_probabilities : float16 or float32 (N, C), natural logarithm
    features : float16 (N, F) or None
        Penultimate features, where they are small enough to keep.
    predicted : int64 (N,) or None
        The decided classes, where nothing but decisions is known. `log_probabilities` are then 0 for
        them and -inf for all others: any decoder finds the decision, and nothing is said of confidence.
    """

    ids: NDArray[np.str_]
    units: NDArray[np.int64]
    target: NDArray[np.int64]
    log_probabilities: NDArray[np.floating]
    features: NDArray[np.float16] | None = None
    predicted: NDArray[np.int64] | None = None

    @classmethod
    def of_decisions(
        cls,
        ids: NDArray[np.str_],
        units: NDArray[np.int64],
        target: NDArray[np.int64],
        predicted: NDArray[np.int64],
        num_classes: int,
    ) -> Predictions:
        """What is known of a model that only says its class; ValueError for more than 2**28 samples x classes."""
        if not 0 < num_classes <= MAX_SPREAD // max(1, len(predicted)):
            raise ValueError(f"{len(predicted):,} decisions between {num_classes:,} classes are too many to be kept")
        if len(predicted) and not 0 <= predicted.min() <= predicted.max() < num_classes:
            raise ValueError(f"a decision lies outside the classes 0..{num_classes - 1}")
        logs = np.full((len(predicted), num_classes), -np.inf, dtype=np.float16)
        np.put_along_axis(logs, predicted[:, None], 0, 1)
        return cls(ids, units, target, logs, predicted=predicted)

    def __len__(self) -> int:
        return len(self.target)

    def metrics(self, classes: ClassSet, ruler: Ruler) -> Metrics:
        """The metrics by the most probable class; of bare decisions those that need no probabilities."""
        if self.predicted is None:
            return metrics(self.log_probabilities, self.target, classes=classes, ruler=ruler)
        counts = confusion_matrix(self.target, self.predicted, len(classes))
        return metrics_from_confusion(counts, classes=classes, ruler=ruler)

    def save(self, path: Path, *, dtype: type[np.floating] = np.float16, max_bytes: int = MAX_BYTES) -> None:
        """Write an npz; above `max_bytes` only the 20 best classes of each sample are kept."""
        arrays = {"ids": self.ids, "units": self.units, "target": self.target}
        logs = self.log_probabilities.astype(dtype, copy=False)
        if self.predicted is not None:
            arrays["predicted"], arrays["num_classes"] = self.predicted, np.array(logs.shape[1])
        elif logs.nbytes <= max_bytes or logs.shape[1] <= KEPT_CLASSES:
            arrays["log_probabilities"] = logs
        else:
            best = np.argpartition(-logs, KEPT_CLASSES, axis=1)[:, :KEPT_CLASSES]
            arrays["best_classes"] = best.astype(np.int32)
            arrays["best_log_probabilities"] = np.take_along_axis(logs, best, 1)
            arrays["num_classes"] = np.array(logs.shape[1])
        if self.features is not None:
            arrays["features"] = self.features
        with path.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path, *, features: bool = True) -> Predictions:
        """Read what `save` wrote. Nothing is unpickled; a damaged file is a ValueError that says what is wrong."""
        try:
            arrays = npz.read(path, skip=() if features else ("features",))
        except ValueError as error:
            raise ValueError(f"{path.name} is not a readable predictions file: {error}") from None
        missing = {"ids", "units", "target"} - arrays.keys()
        if missing:
            raise ValueError(f"{path.name} has no array {sorted(missing)[0]!r}")
        basic = arrays["ids"], arrays["units"], arrays["target"]
        if len({a.shape for a in basic}) > 1 or basic[0].ndim != 1 or any(a.dtype.kind not in "iu" for a in basic[1:]):
            raise ValueError(f"{path.name} does not hold one id, unit and true class a sample")
        if "predicted" in arrays:
            found = replace(cls.of_decisions(*basic, *_decisions(path, arrays)), features=arrays.get("features"))
        else:
            logs = arrays.get("log_probabilities")
            found = cls(*basic, _spread(path, arrays) if logs is None else logs, arrays.get("features"))
        _check(path, found)
        return found


def _check(path: Path, found: Predictions) -> None:
    """ValueError unless there is a row of numbers a sample, and every true class has a column."""
    logs, target, features = found.log_probabilities, found.target, found.features
    if logs.ndim != 2 or len(logs) != len(target) or not logs.shape[1] or logs.dtype.kind != "f":
        raise ValueError(f"{path.name} does not hold one row of log-probabilities a sample")
    if len(target) and not 0 <= target.min() <= target.max() < logs.shape[1]:
        raise ValueError(f"{path.name} has a true class outside 0..{logs.shape[1] - 1}")
    if features is not None and (features.ndim != 2 or len(features) != len(target) or features.dtype.kind != "f"):
        raise ValueError(f"{path.name} does not hold one row of features a sample")


def _spread(path: Path, arrays: dict[str, np.ndarray]) -> NDArray[np.float32]:
    """Log-probabilities of all classes; what the kept ones leave is shared evenly by the others."""
    best, kept = (arrays.get(name, np.zeros(0)) for name in ("best_classes", "best_log_probabilities"))
    count = _num_classes(path, arrays)
    samples = len(arrays["target"])
    if best.shape != kept.shape or best.ndim != 2 or len(best) != samples or best.dtype.kind not in "iu":
        raise ValueError(f"{path.name} does not hold the best classes of each sample")
    if not best.shape[1] < count <= MAX_SPREAD // max(1, samples) or (
        best.size and not 0 <= best.min() <= best.max() < count
    ):
        raise ValueError(f"{path.name} has a class outside 0..{count - 1}, or more than can be kept")
    kept = kept.astype(np.float32)
    rest = np.clip(1 - np.exp(kept).sum(1, keepdims=True), 1e-7, None) / (count - best.shape[1])
    logs = np.repeat(np.log(rest), count, axis=1).astype(np.float32)
    np.put_along_axis(logs, best, kept, 1)
    return logs


def _decisions(path: Path, arrays: dict[str, np.ndarray]) -> tuple[NDArray[np.int64], int]:
    """The decided classes and the number of classes; ValueError where they are no such thing."""
    predicted = arrays["predicted"]
    if predicted.shape != arrays["target"].shape or predicted.dtype.kind not in "iu":
        raise ValueError(f"{path.name} does not hold one decided class a sample")
    return predicted.astype(np.int64, copy=False), _num_classes(path, arrays)


def _num_classes(path: Path, arrays: dict[str, np.ndarray]) -> int:
    count = arrays.get("num_classes", np.zeros(0))
    if count.ndim or count.dtype.kind not in "iu":
        raise ValueError(f"{path.name} does not say how many classes there are")
    return int(count)
