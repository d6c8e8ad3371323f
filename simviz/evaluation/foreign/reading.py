"""From the arrays of a file and their meaning to predictions that simviz shows like its own."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.evaluation.foreign import counts, labels
from simviz.evaluation.foreign.features import features
from simviz.evaluation.foreign.files import MAX_CLASSES, MAX_VALUES
from simviz.evaluation.foreign.guess import Guess, guess, without_prefix
from simviz.evaluation.foreign.labels import Labels
from simviz.evaluation.foreign.scores import called_probabilities, log_probabilities, two_columns
from simviz.evaluation.foreign.table import Source, listed
from simviz.evaluation.predictions import Predictions
from simviz.matrices.files import escaped


@dataclass(frozen=True)
class Foreign:
    """Predictions of a model that was made elsewhere.

    Attributes
    ----------
    name : str
        The file's.
    classes : ClassSet
    predictions : Predictions
        Their `predicted` is set where the file gives decisions and no scores.
    answered : bool
        Whether the file says what the model answered. Where it has features alone, the probabilities are all alike.
    counted : bool
        Whether the samples are unfolded from a confusion matrix: which is which nobody knows.
    named : bool
        Whether the file itself names its samples.
    images : tuple of str, or None
        The path of every sample's picture, as the file gives it.
    unit_name : str
        What samples that are not independent have in common: "image" where each stands alone.
    notes : tuple of str
        What was understood that a reader should check.
    """

    name: str
    classes: ClassSet
    predictions: Predictions
    answered: bool = True
    counted: bool = False
    named: bool = False
    images: tuple[str, ...] | None = None
    unit_name: str = "image"
    notes: tuple[str, ...] = ()


def read(
    source: Source,
    meaning: Guess | None = None,
    *,
    classes: ClassSet | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Foreign:
    """The predictions of a file.

    Parameters
    ----------
    source : Source
    meaning : Guess, optional
        What its arrays mean; guessed where it is not given.
    classes : ClassSet, optional
        The classes, in their order. Labels are matched by name, without regard to case, blanks and underscores;
        whole numbers that are no names count the classes from 0. Not given: the names of the file, in its order
        (scores), else all labels that occur, sorted.
    aliases : mapping, optional
        What the file calls a class -> its name.

    Raises
    ------
    ValueError
        In one sentence that names the file and the row, label or column that is wrong.

    Examples
    --------
    >>> from simviz.evaluation import foreign
    >>> found = foreign.read(foreign.source(b"y_true,y_pred\\ncat,cat\\ndog,cat\\n", "mine.csv"))
    >>> found.classes.names, found.predictions.predicted.tolist()
    (('cat', 'dog'), [0, 0])
    """
    meaning = meaning or guess(source)
    if meaning.layout == "confusion":
        return _counted(source, meaning, classes, aliases)
    true_column, count = _count(source, meaning)
    true, true_texts = labels.coded(source, true_column)
    decided, decided_texts = labels.coded(source, meaning.predicted) if meaning.predicted else (None, [])
    occurring = [*true_texts, *(t for t in decided_texts if t not in set(true_texts))]
    own = _column_names(source, meaning, occurring, classes)
    doubt = _strangers(source, meaning, true_texts, decided_texts) if classes is None and own is None else ""
    if classes is None:
        classes = ClassSet(own or _sorted(occurring, source, true_column))
    known = Labels(classes, aliases)
    target = known.codes(true_texts, _where(source, true_column))[true]
    if decided is not None:
        decided = known.codes(decided_texts, _where(source, str(meaning.predicted)))[decided]
    ids, units = _ids(source, meaning, count), np.arange(count, dtype=np.int64)
    unit_name = "image"
    if meaning.units is not None:
        units, unit_name = source.coded(meaning.units)[0], _unit_name(meaning.units)
    notes = [f"With {source.left_out()}."] if source.unread else []
    notes += [doubt] if doubt else []
    if meaning.scores:
        logs = _scores(source, meaning, own, known, notes, decided)
        predictions = Predictions(ids, units, target, logs)
        if decided is not None and (differ := int((logs.argmax(axis=1) != decided).sum())):
            notes.append(
                f"In {differ:,} of {count:,} rows the file's own decision is not its most probable class; the decoder "
                "decides here, so they are shown by their scores."
            )
    elif decided is not None:
        predictions = Predictions.of_decisions(ids, units, target, decided, len(classes))
        notes.append("The file gives decisions and no probabilities, so nothing that needs probabilities is shown.")
    else:
        alike = np.full((count, len(classes)), -np.log(len(classes)), dtype=np.float16)
        predictions = Predictions(ids, units, target, alike)
    if meaning.features:
        predictions = replace(predictions, features=features(source, meaning.features))
    images = None if meaning.images is None else tuple(labels.plain_texts(source, meaning.images).tolist())
    return Foreign(
        source.name,
        classes,
        predictions,
        answered=bool(meaning.scores) or decided is not None,
        named=meaning.ids is not None,
        images=images,
        unit_name=unit_name,
        notes=tuple(notes),
    )


def dumps(predictions: Predictions, classes: ClassSet) -> bytes:
    """Predictions as CSV, which `read` takes in again unchanged: id, unit, y_true, y_pred, and log p of every class.

    Numbers are written in their shortest exact form; a text that a spreadsheet would run as a formula gets an
    apostrophe in front.
    """
    import pandas as pd

    decided = predictions.predicted
    names = np.array([escaped(name) for name in classes.names], dtype=object)
    table = pd.DataFrame({"id": [escaped(i) for i in predictions.ids.tolist()], "unit": predictions.units})
    table["y_true"] = names[predictions.target]
    table["y_pred"] = names[predictions.log_probabilities.argmax(axis=1) if decided is None else decided]
    if decided is None:
        logs = predictions.log_probabilities
        wide = pd.DataFrame(logs.astype(np.float64), columns=[f"log_p:{name}" for name in classes.names])
        table = pd.concat([table, wide], axis=1)
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue().encode()


def _counted(source: Source, meaning: Guess, classes: ClassSet | None, aliases: Mapping[str, str] | None) -> Foreign:
    classes, table = counts.confusion(source, meaning, classes, aliases)
    true, predicted = counts.unfolded(table)
    count = len(true)
    predictions = Predictions.of_decisions(_numbered(count), np.arange(count), true, predicted, len(classes))
    row, column = ("true", "predicted") if meaning.rows == "true" else ("predicted", "true")
    notes = (
        f"A row was taken for the {row} class and a column for the {column} one; counts alone cannot tell them apart.",
        "The file counts samples and names none: there are no images, no probabilities, and nothing that needs them.",
    )
    return Foreign(source.name, classes, predictions, counted=True, notes=notes)


def _count(source: Source, meaning: Guess) -> tuple[str, int]:
    """The column of the true classes and the number of samples.

    ValueError where there is no sample, a column is missing, or the columns differ in length.
    """
    if meaning.true is None:
        raise ValueError(
            f"{source.name} has no column that is known for the true class; call it y_true. It has {source.contents()}"
        )
    if meaning.predicted is None and not meaning.scores and not meaning.features:
        raise ValueError(
            f"{source.name} has no column that is known for predictions; call the decided class y_pred, or give one "
            f"score for every class. It has {source.contents()}{_no_scores(source, meaning.true)}"
        )
    several = [*meaning.scores, *meaning.features]
    used = [meaning.true, meaning.predicted, *several, meaning.ids, meaning.units, meaning.images]
    lengths = {name: len(source[name]) for name in used if name is not None}
    count = lengths[meaning.true]
    if not count:
        raise ValueError(f"{source.name} has no rows")
    for name, length in lengths.items():
        if length != count:
            raise ValueError(
                f"{source.name} has {count:,} rows of {meaning.true!r} and {length:,} of {name!r}; both need the same"
            )
    return meaning.true, count


def _no_scores(source: Source, true: str) -> str:
    """Why blocks of numbers were not taken for scores, where there are any."""
    blocks = [n for n in source.arrays if n != true and source.axes(n) == 2 and source.numeric(n)]
    if not blocks:
        return ""
    name, classes = blocks[0], len(labels.coded(source, true)[1])
    return (
        f". {name!r} has {source[name].shape[1]} columns beside {classes} classes in {true!r}, and its name is not "
        "that of scores; give one column for every class, called logits or probabilities"
    )


def _column_names(
    source: Source, meaning: Guess, occurring: Sequence[str], classes: ClassSet | None
) -> list[str] | None:
    """What the file calls the class of each of several scores; None without such scores."""
    width = _width(source, meaning)
    if meaning.names is not None:
        names = labels.class_names(source.texts(meaning.names).tolist(), source.text)
        if width > 1 and len(names) != width:
            raise ValueError(
                f"{source.name} has {len(names)} class names in {meaning.names!r} and {width} scores a row"
            )
        return names
    if width < 2:
        return None
    numbers = [str(i) for i in range(width)]
    stems = without_prefix(meaning.scores) if len(meaning.scores) > 1 and source.named else numbers
    if stems != numbers:
        return labels.class_names(stems, cells=source.text and stems == list(meaning.scores))
    if set(occurring) <= set(numbers):
        return numbers
    if len(occurring) == width:
        return _sorted(occurring, source, str(meaning.true))
    if classes is not None and len(classes) == width:
        return list(classes.names)
    raise ValueError(
        f"{source.name} has {width} scores a row and {len(occurring)} different labels, {listed(occurring)}; name the "
        "scores by their classes, or give a class table"
    )


def _width(source: Source, meaning: Guess) -> int:
    if len(meaning.scores) == 1 and source.axes(meaning.scores[0]) == 2:
        return int(source[meaning.scores[0]].shape[1])
    return len(meaning.scores)


def _scores(
    source: Source,
    meaning: Guess,
    own: list[str] | None,
    known: Labels,
    notes: list[str],
    decided: NDArray[np.int64] | None,
) -> NDArray[np.floating]:
    """Log-probabilities in the order of the classes."""
    classes, width = known.classes, _width(source, meaning)
    count = len(source[meaning.scores[0]])
    if width > MAX_CLASSES or count * max(2, width) > MAX_VALUES:
        raise ValueError(f"{source.name} has {count:,} x {width:,} scores; at most {MAX_VALUES:,} are read")
    if any(not source.numeric(name) for name in meaning.scores):
        text = next(name for name in meaning.scores if not source.numeric(name))
        source.numbers(text)  # names the cell
        raise ValueError(f"{text!r} of {source.name} holds no scores")
    block, values = source.several(meaning.scores)
    if width == 1:
        return _one_score(source, meaning, values[:, 0], classes, notes, decided)
    at = known.codes(own or [], f"the list of scores of {source.name}")
    if len(set(at.tolist())) < width or width != len(classes):
        without = next((name for i, name in enumerate(classes) if i not in set(at.tolist())), None)
        fault = "two for the same class" if without is None else f"none for the class {without!r}"
        raise ValueError(f"{source.name} has {width} scores a row for {len(classes)} classes, {fault}")
    try:
        ordered = values if (np.diff(at) == 1).all() else values[:, np.argsort(at)]
        logs, said = log_probabilities(ordered, meaning.scale, likely=called_probabilities(meaning.scores))
    except ValueError as error:
        raise ValueError(f"{source.name}: {error}") from None
    notes.append(said)
    if block is not None and meaning.names is None and own != [str(i) for i in range(width)]:
        notes.append(f"The scores have no names; they were taken in the order {listed(own or [])}.")
    return logs


def _one_score(
    source: Source,
    meaning: Guess,
    score: NDArray[np.floating],
    classes: ClassSet,
    notes: list[str],
    decided: NDArray[np.int64] | None,
) -> NDArray[np.floating]:
    if len(classes) != 2:
        raise ValueError(f"{source.name} has one score a row for {len(classes)} classes; give one for every class")
    sure = meaning.scale in ("auto", "probabilities") and score.min() >= 0.5 and score.max() <= 1
    if decided is not None and sure and (score[decided == 0] > 0.5).any():  # else all decisions were the second class
        notes.append(
            "The one score of a row is never below 0.5, and was taken for the probability of the decided class."
        )
        score = np.where(decided == 1, score, 1 - score.astype(np.float64))
        return log_probabilities(np.column_stack([1 - score, score]), "probabilities")[0]
    try:
        values, logit = two_columns(score, meaning.scale, likely=called_probabilities(meaning.scores))
        logs, _ = log_probabilities(values, "logits" if logit else "probabilities")
    except ValueError as error:
        raise ValueError(f"{source.name}: {error}") from None
    kind = "logit" if logit else "probability"
    notes.append(f"The one score of a row was taken for the {kind} of {classes.names[1]!r}.")
    return logs


def _strangers(source: Source, meaning: Guess, true: Sequence[str], decided: Sequence[str]) -> str:
    """A sentence where decisions and true classes seem to be called otherwise in the two columns; "" where not."""
    if not decided or meaning.true is None:
        return ""
    way = "A class table says which label means which class."
    if not set(true) & set(decided):
        here, there = (
            f"{name!r} ({listed(texts)})" for name, texts in ((meaning.predicted, decided), (meaning.true, true))
        )
        return f"No label of {here} stands in {there}, so they were taken for different classes. {way}"
    spelt = {labels.alike(text): text for text in true}
    twice = next((t for t in decided if spelt.get(labels.alike(t), t) != t and t not in set(true)), None)
    if twice is None:
        return ""
    return f"{spelt[labels.alike(twice)]!r} and {twice!r} were taken for two classes. {way}"


def _sorted(texts: Sequence[str], source: Source, name: str) -> list[str]:
    """Labels in the order in which scikit-learn, Keras and torchvision number them: numbers by value, texts by code."""
    if all(re.fullmatch(r"-?\d{1,18}", t) for t in texts) and (source.text or source.numeric(name)):
        return sorted(texts, key=int)
    return sorted(texts)


def _ids(source: Source, meaning: Guess, count: int) -> NDArray[np.str_]:
    if meaning.ids is None:
        return _numbered(count)
    ids = labels.plain_texts(source, meaning.ids)
    values, first = np.unique(ids, return_index=True)
    if len(values) < count:
        row = _repeated(first)
        earlier = int(np.argmax(ids == ids[row]))
        raise ValueError(
            f"the id {str(ids[row])[:60]!r} of {source.name} stands in rows {earlier + 1} and {row + 1}; ids must "
            f"differ, or choose no column instead of {meaning.ids!r}"
        )
    return ids


def _repeated(first: NDArray[np.intp]) -> int:
    """The first row that is not the first of its value."""
    firsts = np.sort(first)
    apart = np.flatnonzero(firsts != np.arange(len(firsts)))
    return int(apart[0]) if len(apart) else len(firsts)


def _numbered(count: int) -> NDArray[np.str_]:
    """The row numbers, counted from 1, as ids."""
    return np.arange(1, count + 1).astype(f"U{len(str(count))}")


def _where(source: Source, name: str) -> str:
    return f"{name!r} of {source.name}"


def _unit_name(column: str) -> str:
    """What a unit is called: the column's name in the singular."""
    name = re.sub(r"[\s_]*ids?$", "", column.strip().lower()).rstrip("s")
    return name if name.isalpha() and len(name) <= 20 else "unit"
