"""Predictions: what a model said about every sample of one part of a data set."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 200 * 2**20
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
    """

    ids: NDArray[np.str_]
    units: NDArray[np.int64]
    target: NDArray[np.int64]
    log_probabilities: NDArray[np.floating]
    features: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def save(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Write an npz; above `max_bytes` only the 20 best classes of each sample are kept."""
        arrays = {"ids": self.ids, "units": self.units, "target": self.target}
        logs = self.log_probabilities.astype(np.float16)
        if logs.nbytes <= max_bytes:
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
        """Read what `save` wrote. Nothing is unpickled; a damaged file is a ValueError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {k: file[k] for k in file.files if features or k != "features"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path.name} is not a readable predictions file: {error}") from None
        missing = {"ids", "units", "target"} - arrays.keys()
        if missing:
            raise ValueError(f"{path.name} has no array {sorted(missing)[0]!r}")
        logs = arrays.get("log_probabilities")
        return cls(
            arrays["ids"],
            arrays["units"],
            arrays["target"],
            _spread(arrays) if logs is None else logs,
            arrays.get("features"),
        )


def _spread(arrays: dict[str, np.ndarray]) -> NDArray[np.float32]:
    """Log-probabilities of all classes; what the kept ones leave is shared evenly by the others."""
    best, kept = arrays["best_classes"], arrays["best_log_probabilities"].astype(np.float32)
    count = int(arrays["num_classes"])
    rest = np.clip(1 - np.exp(kept).sum(1, keepdims=True), 1e-7, None) / (count - best.shape[1])
    logs = np.repeat(np.log(rest), count, axis=1).astype(np.float32)
    np.put_along_axis(logs, best, kept, 1)
    return logs
