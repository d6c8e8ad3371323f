"""Tables and matrices as files that a spreadsheet opens and runs nothing of."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from simviz import compare, evaluation
from simviz.classes import ClassSet
from simviz.evaluation import Ruler
from simviz.matrices.files import escaped
from simviz.report.cells import formula_safe
from simviz.report.counts import Counts

CORNER = "true \\ predicted"


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV, UTF-8, a column for every key in the order they first occur.

    Texts and headings are `formula_safe`, numbers are written in full, None and NaN are empty cells.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([formula_safe(c) for c in columns])
    writer.writerows([[_cell(row.get(c)) for c in columns] for row in rows])
    return buffer.getvalue().encode()


def _cell(value: Any) -> object:
    if isinstance(value, str):
        return formula_safe(value)
    if isinstance(value, list):
        return formula_safe(", ".join(map(str, value)))
    if isinstance(value, np.generic):
        value = value.item()
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def severity(part: str, ruler: Ruler, rows: Sequence[compare.Row]) -> bytes:
    """Every metric of every row of `compare.table` with its interval."""
    lines = []
    for row in rows:
        line: dict[str, object] = {
            "setting": row.setting,
            "decoder": row.decoder,
            "part": part,
            "ruler": ruler.describe(),
            "trained_on_the_ruler": row.same_ruler,
            "control": row.control,
            "seeds": " ".join(map(str, row.seeds)),
        }
        for metric in row.values:
            interval = row.interval(metric) or (None, None)
            line |= {metric: row.mean(metric), f"{metric}_low": interval[0], f"{metric}_high": interval[1]}
        lines.append(line)
    return as_csv(lines)


def by_class(counts: Counts, classes: ClassSet, ruler: Ruler) -> bytes:
    """A row a setting and true class: images and mistakes a run, error_rate, mean_cost and severity under the ruler."""
    lines = []
    for setting, one in counts.items():
        found = evaluation.class_severity(one.total, ruler)
        for i, name in enumerate(classes):
            line = {"setting": setting, "class": name, "images": found["count"][i] / one.runs}
            line |= {"mistakes": found["errors"][i] / one.runs}
            lines.append(line | {k: found[k][i] for k in ("error_rate", "mean_cost", "severity")})
    return as_csv(lines)


def pairs(counts: Counts, classes: ClassSet, ruler: Ruler) -> bytes:
    """A row a setting and confused pair, most frequent first: count a run, share, distance, cost = count x distance."""
    lines = []
    for setting, one in counts.items():
        for pair in evaluation.top_pairs(one.total, ruler, classes, n=one.total.size):
            a_run = {key: pair[key] / one.runs for key in ("count", "cost")}
            lines.append({"setting": setting, **pair, **a_run})
    return as_csv(lines)


def matrix_csv(matrix: ArrayLike, classes: ClassSet) -> bytes:
    """A confusion matrix, row = true class, names on both axes; whole counts stay whole.

    `simviz evaluate` reads it back, unchanged and not transposed.
    """
    values = np.asarray(matrix)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    names = [escaped(name) for name in classes]
    writer.writerow([CORNER, *names])
    writer.writerows([[name, *row] for name, row in zip(names, values.tolist(), strict=True)])
    return buffer.getvalue().encode()


def matrix_npz(matrix: ArrayLike, classes: ClassSet, name: str = "confusion") -> bytes:
    """The same as an npz: ``confusion`` (C, C), or another name, row = true class, and ``class_names`` (C,)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(matrix), "class_names": np.array(classes.names)})  # type: ignore[arg-type]
    return buffer.getvalue()
