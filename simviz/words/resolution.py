"""How the word of a class becomes a vector."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet
from simviz.words.sources import as_vectors
from simviz.words.vectors import misspelt


@dataclass(frozen=True)
class Resolution:
    """How the word of one class was found among the vectors.

    Attributes
    ----------
    name, word : the class, and the word looked up for it
    tokens : the tokens whose vectors stand for it; empty if missing
    how : "exact", "case", "plural", "mean" or "missing"
    suggestions : words that can be put in its place and are known
    """

    name: str
    word: str
    tokens: tuple[str, ...]
    how: str
    suggestions: tuple[str, ...] = ()


def resolve(classes: ClassSet | Sequence[str], vectors: Any = None) -> list[Resolution]:
    """Find the word of every class (`ClassSet.words`) among the vectors.

    The attempts, in this order: the word as it is ("exact"); in lower case, with a capital, in upper
    case ("case"); its plural or singular ("plural"); if it has several parts (cut at spaces, underscores,
    hyphens, other signs and inside camelCase) each part by the same three, all of them found ("mean": the
    mean of the parts' unit vectors). Otherwise it is "missing". A mean and a missing word carry
    suggestions: known parts, last first, and known words one edit away.
    """
    classes = classes if isinstance(classes, ClassSet) else ClassSet(classes)
    vectors = as_vectors(vectors)
    parts = {word: split_word(word) for word in classes.words}
    # one look into the source for all classes, and one for all misspelt parts: a file is read from end to end
    known = vectors.rows(c for word, pieces in parts.items() for w in (word, *pieces) for _, c in _attempts(w))
    lost = [p for word, pieces in parts.items() if not _token(word, known) for p in pieces if not _token(p, known)]
    near = misspelt(dict.fromkeys(lost), vectors) if lost else {}
    pairs = zip(classes, classes.words, strict=True)
    return [_resolve(name, word, parts[word], known, near) for name, word in pairs]


def embed(classes: ClassSet | Sequence[str], vectors: Any = None) -> tuple[NDArray[np.float32], list[Resolution]]:
    """The vector of every class.

    Returns
    -------
    vectors : ndarray, float32, shape (C, dim)
        A token's vector as it is; for a word of several parts the mean of their unit vectors.
    resolutions : list of Resolution

    Raises
    ------
    ValueError
        Naming the classes whose word is missing, or whose vector is zero.
    """
    vectors = as_vectors(vectors)
    resolutions = resolve(classes, vectors)
    missing = [r for r in resolutions if r.how == "missing"]
    if missing:
        hint = next((f"{r.name!r} to {r.suggestions[0]!r}" for r in missing if r.suggestions), "it to a known synonym")
        listed = ", ".join(f"{r.name!r}" + (f" (word {r.word!r})" if r.word != r.name else "") for r in missing[:5])
        raise ValueError(
            f"{vectors.name} has no vector for {listed}{', ...' if len(missing) > 5 else ''} "
            f"({len(missing)} of {len(resolutions)} classes); change the word of the class, e.g. {hint}"
        )
    taken = vectors.take(t for r in resolutions for t in r.tokens)
    result = np.stack([_mean([taken[t] for t in r.tokens]) for r in resolutions])
    for r, row in zip(resolutions, result, strict=True):
        if not (np.isfinite(row).all() and row.any()):
            raise ValueError(f"the vector of class {r.name!r} (word {r.word!r}) is zero or not finite; change its word")
    return result, resolutions


def split_word(word: str) -> tuple[str, ...]:
    """The parts of a name: cut at anything but letters and digits, and inside camelCase.

    >>> split_word("aquarium_fish"), split_word("pickupTruck"), split_word("HTTPServer")
    (('aquarium', 'fish'), ('pickup', 'Truck'), ('HTTP', 'Server'))
    """
    pieces = re.split(r"[\W_]+", re.sub(r"['’]s(?![^\W_])", "", word))
    return tuple(part for piece in pieces if piece for part in _split_camel(piece))


def _split_camel(piece: str) -> list[str]:
    cuts = [0]
    for i in range(1, len(piece)):
        before, here, after = piece[i - 1], piece[i], piece[i + 1 : i + 2]
        if here.isupper() and (before.islower() or (before.isupper() and after.islower())):
            cuts.append(i)
    return [piece[a:b] for a, b in zip(cuts, [*cuts[1:], len(piece)], strict=True)]


def _attempts(word: str) -> list[tuple[str, str]]:
    """(how, candidate) for one token, in the order of `resolve`."""
    low = word.lower()
    cases = [low, word.capitalize(), word.title(), word.upper()]
    return [("exact", word), *(("case", c) for c in cases), *(("plural", c) for c in _other_number(low))]


def _other_number(word: str) -> list[str]:
    """Regular English plurals and singulars; vocabularies decide which of them exist."""
    forms = [word + "s", word + "es"]
    if word.endswith("y"):
        forms.insert(0, word[:-1] + "ies")
    if word.endswith("ies"):
        forms.insert(0, word[:-3] + "y")
    if word.endswith("s"):
        forms.insert(0, word[:-1])
    if word.endswith("es"):
        forms.insert(1, word[:-2])
    return [f for f in forms if len(f) > 2]


def _token(word: str, known: Mapping[str, int]) -> tuple[str, str] | None:
    return next(((how, c) for how, c in _attempts(word) if c in known), None)


def _resolve(
    name: str, word: str, parts: tuple[str, ...], known: Mapping[str, int], near: Mapping[str, list[str]]
) -> Resolution:
    found = _token(word, known)
    if found:
        return Resolution(name, word, (found[1],), found[0])
    tokens = [_token(part, known) for part in parts]
    there = tuple(t[1] for t in tokens if t)
    alone = tuple(dict.fromkeys(reversed(there)))  # English puts the kind last: fish of aquarium fish
    if tokens and all(tokens):
        if len(tokens) == 1:  # "#cat": the sign around it was all that was wrong
            return Resolution(name, word, there, "case")
        return Resolution(name, word, there, "mean", alone)
    joined = (" ".join(there),) if len(there) > 1 else ()
    like = [w for part, t in zip(parts, tokens, strict=True) if not t for w in near[part]]
    return Resolution(name, word, (), "missing", (*joined, *alone, *like)[:5])


def _mean(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    if len(rows) == 1:
        return rows[0]
    return np.mean([row / max(float(np.linalg.norm(row)), 1e-30) for row in rows], axis=0, dtype=np.float32)
