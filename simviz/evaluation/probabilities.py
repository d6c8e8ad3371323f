"""Log-probabilities in chunks, checked and renormalised: what decoders and metrics read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK_VALUES = 2**18  # about the cache of one core; whole float32 copies of a test set would take gigabytes
SUM_TOLERANCE = 0.02  # float16 log-probabilities are off by up to 2**-8 each
TEMPERATURES = (0.02, 50.0)


class Chunk(NamedTuple):
    """Some rows: float32, or float64 where the input is float64."""

    rows: slice
    log_p: NDArray[np.floating]
    p: NDArray[np.floating]


def checked_log_probabilities(log_probabilities: ArrayLike, num_classes: int | None = None) -> NDArray[np.floating]:
    """The input as a floating (N, C) array (no copy of a float array); ValueError names the shape that is wrong."""
    values = np.asarray(log_probabilities)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"log_probabilities has the shape {values.shape}; (samples, classes) is needed")
    if num_classes is not None and values.shape[1] != num_classes:
        raise ValueError(f"log_probabilities has {values.shape[1]} columns for {num_classes} classes")
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind not in "iub":
        raise ValueError(f"log_probabilities has the type {values.dtype}; real numbers are needed")
    return values.astype(np.float64)


def checked_labels(
    labels: ArrayLike, num_classes: int, what: str = "target", count: int | None = None
) -> NDArray[np.int64]:
    """Class indices as int64 (N,); ValueError names the first row and value outside [0, num_classes)."""
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(f"{what} has the shape {values.shape}; one class index a sample is needed")
    if count is not None and len(values) != count:
        raise ValueError(f"{what} has {len(values)} entries for {count} samples")
    if values.dtype.kind not in "iub":
        whole = values.dtype.kind == "f" and np.isfinite(values) & (values == np.floor(values))
        if values.dtype.kind != "f" or not np.all(whole):
            row = 0 if values.dtype.kind != "f" else int(np.argmin(whole))
            raise ValueError(f"{what} of row {row} is {values[row]!r}; a class index is a whole number")
    bad = (values < 0) | (values >= num_classes)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"{what} of row {row} is {values[row]}; a class index lies in 0..{num_classes - 1}")
    return values.astype(np.int64, copy=False)


def chunks(values: NDArray[np.floating], temperature: float | None = None) -> Iterator[Chunk]:
    """Rows renormalised to sum to 1 (and softened by a temperature first), a piece at a time.

    Raises
    ------
    ValueError
        Naming the first row with a NaN, or whose probabilities do not sum to 1 within 2 %.
    """
    if temperature is not None and not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}; it must be a positive number")
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    step = max(1, CHUNK_VALUES // values.shape[1])
    for start in range(0, len(values), step):
        rows = slice(start, min(start + step, len(values)))
        log_p: NDArray[Any] = values[rows].astype(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            p: NDArray[Any] = np.exp(log_p)
            total = p.sum(axis=1)
        good = np.abs(total - 1) <= SUM_TOLERANCE  # False for NaN and infinity too
        if not good.all():
            row = int(np.argmin(good))
            raise ValueError(_complaint(start + row, values[start + row], float(total[row])))
        if temperature is not None:
            log_p -= log_p.max(axis=1, keepdims=True)
            log_p /= dtype(temperature)
            np.exp(log_p, out=p)
            total = p.sum(axis=1)
        log_p -= np.log(total)[:, None]
        p /= total[:, None]
        yield Chunk(rows, log_p, p)


def _complaint(row: int, values: NDArray[np.floating], total: float) -> str:
    if np.isnan(values).any():
        return f"log_probabilities of row {row} is NaN in column {int(np.argmax(np.isnan(values)))}"
    return (
        f"the probabilities of row {row} sum to {total:g}, not 1; log_probabilities are the logarithms of "
        "probabilities (log_softmax of logits), over all classes"
    )
