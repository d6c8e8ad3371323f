"""Predictions that scikit-learn really makes, and the files that people write of them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest


@dataclass(frozen=True)
class Digits:
    """A classifier's answers to 297 digits.

    Attributes
    ----------
    target, predicted : int64 (N,)
    probabilities : float64 (N, 10)
    """

    target: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray


@pytest.fixture(scope="session")
def digits() -> Digits:
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=1000, C=1e-3).fit(x[:1500], y[:1500])
    return Digits(y[1500:], model.predict(x[1500:]), model.predict_proba(x[1500:]))


def csv(table: pd.DataFrame, **options) -> bytes:
    return table.to_csv(index=options.pop("index", False), **options).encode()


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "a.csv": csv,
    "index.csv": lambda t: csv(t, index=True),
    "semicolons.csv": lambda t: csv(t, sep=";", decimal=","),
    "a.tsv": lambda t: csv(t, sep="\t"),
    "a.csv.gz": lambda t: gzip.compress(csv(t)),
    "a.tsv.gz": lambda t: gzip.compress(csv(t, sep="\t")),
    "a.parquet": parquet,
}
