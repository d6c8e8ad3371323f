"""What the arrays of a prediction file mean: guessed from their names and shapes, for the user to correct."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simviz.evaluation.foreign.files import MAX_CLASSES
from simviz.evaluation.foreign.table import Source

Layout = Literal["samples", "confusion"]
Scale = Literal["auto", "probabilities", "logits", "log-probabilities"]
LAYOUTS: tuple[Layout, ...] = ("samples", "confusion")
SCALES: tuple[Scale, ...] = ("auto", "probabilities", "logits", "log-probabilities")

_TRUE = "y_true true y_test target targets truth ground_truth gt actual label labels true_class true_label y class"
_PREDICTED = (
    "y_pred predicted prediction pred predicted_class predicted_label pred_class pred_label y_hat yhat preds "
    "predictions"
)
_SCORES = (
    "probabilities probability probs prob proba y_prob y_proba y_score y_scores score scores predict_proba softmax "
    "log_probabilities log_probs log_proba logits logit outputs output y_pred predictions preds pred prediction"
)
_IDS = "id ids image_id sample_id uid key index"
_UNITS = "unit units person persons patient patient_id subject subject_id user user_id design session"
_IMAGES = "image images image_path image_paths path paths file files file_name filename filenames file_path img"
_NAMES = "class_names classes names label_names target_names categories labels"
_CONFUSION = "confusion confusion_matrix conf_mat cm matrix"
_PREFIX = re.compile(
    r"(?:log[ _]?)?(?:p|probs?|proba|probability|scores?|logits?|softmax|pred|output|class|y_pred|y_prob)[ _:.\-=]",
    re.I,
)
_FEATURES = re.compile(r"(?:features?|feats?|embeddings?|penultimate|activations?|hidden|latents?)(?:_?\d+)?")


@dataclass(frozen=True)
class Guess:
    """The meaning of a file's arrays.

    Attributes
    ----------
    layout : "samples" (one row a sample) or "confusion" (a table of counts)
    true, predicted : the columns of the true and of the decided class
    scores : the columns of the scores, one a class, or the one block that holds them all
    features : the columns of what the last layer was fed, or the one block that holds them all
    scale : what the scores are; "auto" lets their values tell
    ids, units, images : columns, where there are any
    names : the array of the class names, of an npz
    matrix : the block that holds the counts; None: the table is the matrix
    rows : what a row of the matrix is, which the numbers themselves cannot tell
    """

    layout: Layout = "samples"
    true: str | None = None
    predicted: str | None = None
    scores: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    scale: Scale = "auto"
    ids: str | None = None
    units: str | None = None
    images: str | None = None
    names: str | None = None
    matrix: str | None = None
    rows: Literal["true", "predicted"] = "true"


def guess(source: Source) -> Guess:
    """The most likely meaning. It is never an error: what was not recognised is None, or empty."""
    columns = [n for n in source.arrays if source.axes(n) == 1]
    blocks = [n for n in source.arrays if source.axes(n) == 2 and source.numeric(n)]
    if not source.named:
        return _unnamed(source, columns)
    true = _named(_TRUE, [*columns, *blocks])
    if found := _crossed(source, columns, blocks) or (None if true else _square(source, columns, blocks)):
        return found
    if true is not None and len({len(source[n]) for n in source.arrays}) > 1 and _plain(true) in _NAMES.split():
        true = _named(_TRUE, [n for n in (*columns, *blocks) if _plain(n) not in _NAMES.split()]) or true
    free = [n for n in columns if n != true and true is not None and len(source[n]) == len(source[true])]
    ids, units, images = (_named(words, free) for words in (_IDS, _UNITS, _IMAGES))
    unnamed = next((n for n in free[:1] if n == "column 1"), None)  # the index that pandas writes without a name
    taken = {true, ids or unnamed, units, images}
    free = [n for n in free if n not in taken]
    wide = [n for n in blocks if n != true and (true is None or len(source[n]) == len(source[true]))]
    scores, predicted = _answers(source, true, free, wide)
    if true is not None and not scores and predicted is None:  # of another length, then: the reader names both
        predicted = _named(f"{_PREDICTED} {_SCORES}", [n for n in (*columns, *blocks) if n != true])
    apart = [n for n in columns if not source.numeric(n) or true is None or len(source[n]) != len(source[true])]
    return Guess(
        true=true,
        predicted=predicted,
        scores=scores,
        features=_feature_columns(source, [n for n in free if n != predicted and n not in scores], wide),
        ids=ids or unnamed or images,
        units=units,
        images=images,
        names=_named(_NAMES, [n for n in apart if n not in taken and n != predicted]),
    )


def without_prefix(columns: Sequence[str]) -> list[str]:
    """What the columns of scores say of their classes: "p_cat", "p_dog" -> "cat", "dog"."""
    found = [_PREFIX.match(name) for name in columns]
    if all(found) and len({m.group().lower() for m in found if m}) == 1:
        return [name[m.end() :].strip() or name for name, m in zip(columns, found, strict=True) if m]
    return list(columns)


def _answers(source: Source, true: str | None, free: list[str], wide: list[str]) -> tuple[tuple[str, ...], str | None]:
    """The scores, and the column of decided classes."""
    known = _named(_SCORES, wide)
    unknown = [n for n in wide if not _is_features(n)]
    block = known or (unknown[0] if len(unknown) == 1 and _one_a_class(source, true, unknown[0]) else None)
    predicted = _named(_PREDICTED, free)
    if predicted is None and block is None and true is not None:  # one column, of shares: the score of the second class
        single = _named(_SCORES, free)
    else:
        single = _named(_SCORES, [n for n in free if n != predicted])
        if single and predicted and _classes(source, true, predicted) > 2:
            single = None  # how sure it is of its decision: nothing of the other classes
    if predicted is not None and block is None and single is None and _shares(source, predicted):
        predicted, single = None, predicted
    if block is not None:
        return (block,), predicted
    numbers = [n for n in free if n != predicted and source.numeric(n)]
    several = _score_columns(source, true, numbers)
    if several and not (predicted is not None and _beside(source, true, several)):
        return tuple(several), predicted
    return (() if single is None or single not in numbers else (single,)), predicted


def _classes(source: Source, *columns: str | None) -> int:
    """How many different labels the columns hold together."""
    try:
        return len({text for name in columns if name is not None for text in source.coded(name)[1]})
    except ValueError:  # told when the file is read
        return 0


def _beside(source: Source, true: str | None, several: Sequence[str]) -> bool:
    """Whether numbers beside a decision are no scores: called neither alike nor by a class, and sums of no 1."""
    if without_prefix(several) != list(several) or all(name.isdecimal() for name in several):
        return False
    try:
        named = true is not None and set(source.coded(true)[1]) & set(several)
        sums = np.sum([source.numbers(n) for n in several], axis=0)
        return not named and bool((np.abs(sums - 1) > 0.01).any())
    except ValueError:  # told when the file is read
        return False


def _feature_columns(source: Source, free: list[str], wide: list[str]) -> tuple[str, ...]:
    """The block of features, or the columns of one each."""
    block = next((n for n in wide if _is_features(n)), None)
    columns = [n for n in free if _is_features(n) and source.numeric(n)]
    return (block,) if block is not None else tuple(columns if len(columns) > 1 else ())


def _is_features(name: str) -> bool:
    """Whether an array is called what the last layer is fed, not what it says."""
    return _FEATURES.fullmatch(_plain(name)) is not None


def _one_a_class(source: Source, true: str | None, block: str) -> bool:
    """Whether a block has as many columns as there are labels or class names: one of another width may be anything."""
    width = source[block].shape[1]
    if true is None or source.axes(true) == 2:
        return width > 1
    named = [n for n in source.arrays if _plain(n) in _NAMES.split() and n != true and len(source[n]) == width]
    try:
        return width > 1 and (bool(named) or len(source.coded(true)[1]) == width)
    except ValueError:  # told when the file is read
        return False


def _score_columns(source: Source, true: str | None, numbers: list[str]) -> list[str]:
    """The columns that are scores: those named like the labels, those with a common prefix, or all that are left."""
    if len(numbers) < 2 or len(numbers) > MAX_CLASSES:
        return []
    labels: set[str] = set()
    if true is not None and source.axes(true) == 1:
        try:
            labels = set(source.coded(true)[1])
        except ValueError:  # told when the file is read
            labels = set()
    stems = dict(zip(numbers, without_prefix(numbers), strict=True))
    if labels and labels <= set(stems.values()):
        marked = [n for n in numbers if _PREFIX.match(n)] if any(_PREFIX.match(n) for n in numbers) else numbers
        return marked if labels <= {stems[n] for n in marked} else numbers
    prefixed = [n for n in numbers if _PREFIX.match(n)]
    if len(prefixed) > 1:
        return prefixed
    plain = [n for n in numbers if not _is_features(n)]
    return plain if len(plain) >= max(2, len(labels)) else []


def _square(source: Source, columns: list[str], blocks: list[str]) -> Guess | None:
    """A square block, or a table whose columns are the indices of its rows."""
    square = [n for n in blocks if source[n].shape[0] == source[n].shape[1] > 1]
    found = _named(_CONFUSION, square) or (square[0] if len(square) == 1 and len(blocks) == 1 else None)
    if found is not None:
        return Guess("confusion", matrix=found, names=_named(_NAMES, columns))
    numbered = bool(columns) and columns == [str(i) for i in range(len(source[columns[0]]))]
    return Guess("confusion") if numbered and not blocks else None


def _crossed(source: Source, columns: list[str], blocks: list[str]) -> Guess | None:
    """A table of numbers whose first column, with every row another class, repeats the other columns' names."""
    rows = {len(source[n]) for n in columns}
    if blocks or len(rows) != 1 or not 1 < max(rows) <= MAX_CLASSES or not all(map(source.numeric, columns[1:])):
        return None
    corner, *others = columns
    try:
        names = source.coded(corner)[1]
        shared = len(set(names) & set(others))
        if len(names) < max(rows) or corner in names or shared * 2 < max(len(names), len(others)):
            return None
        shares = any((values != values.round()).any() for values in map(source.numbers, others))
        if shares and _named(_TRUE, [corner]):
            return None  # one sample of each class and its scores
    except ValueError:  # told when the file is read
        return None
    turned = corner.lower().startswith("pred") and "true" not in corner.lower()
    return Guess("confusion", names=corner, rows="predicted" if turned else "true")


def _unnamed(source: Source, columns: list[str]) -> Guess:
    """A bare table: counts if it is square, a pair of classes, or a class and its scores."""
    rows = len(source[columns[0]])
    if len(columns) == rows > 1:
        return Guess("confusion")
    if len(columns) == 2:
        return Guess(true=columns[0], predicted=columns[1])
    return Guess(true=columns[0], scores=tuple(columns[1:])) if len(columns) > 2 else Guess()


def _shares(source: Source, name: str) -> bool:
    """Whether a column holds numbers that are no whole ones: scores, not classes."""
    if not source.numeric(name):
        return False
    try:
        values = source.numbers(name)
    except ValueError:
        return False
    return bool((values != values.round()).any())


def _named(words: str, names: Iterable[str]) -> str | None:
    """The name that stands first among the words."""
    plain = {_plain(n): n for n in reversed(list(names))}
    return next((plain[word] for word in words.split() if word in plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
