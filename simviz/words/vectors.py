"""Word vectors: tokens, their vectors, their neighbours."""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simviz.atomic import replacing
from simviz.classes import ClassSet

_MEMORY = 100_000  # tokens looked up before, known or not
DIGITS = 6  # cosines of float32 vectors that differ only beyond are ties
_EDIT_LIMIT = 24  # longer words have thousands of one-letter edits and are phrases, not misspellings


class Vectors(ABC):
    """Word vectors of some source: V tokens with `dim` numbers each, usually the most frequent token first.

    Attributes
    ----------
    name : str
        What is shown to the user and kept in recipes.
    dim : int
    notes : tuple of str
        What a user should know before trusting them, in sentences.
    """

    def __init__(self, name: str, dim: int, notes: Sequence[str] = ()) -> None:
        self.name = name
        self.dim = dim
        self.notes = tuple(notes)
        self._known: dict[str, int | None] = {}

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _find(self, tokens: Sequence[str]) -> dict[str, int]:
        """Those of the tokens that are known, token -> row. One call may read the whole source."""

    @abstractmethod
    def _row(self, row: int) -> NDArray[np.float32]:
        """The vector of a row that `_find` has given."""

    @abstractmethod
    def _nearest(
        self, queries: NDArray[np.float32], without: Sequence[Sequence[int]], k: int
    ) -> list[list[tuple[str, float]]]:
        """For each unit vector of `queries` the k tokens of largest cosine, ties in the order of the source."""

    def __repr__(self) -> str:
        return f"Vectors({self.name!r}, {self.dim} dimensions)"

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and token in self.rows([token])

    def rows(self, tokens: Iterable[str]) -> dict[str, int]:
        """The row of each token that is known; the others are left out.

        Ask for many tokens at once: a look into the source costs the same whatever their number.
        """
        tokens = list(tokens)
        memory = self._known if len(self._known) < _MEMORY else {}
        new = list(dict.fromkeys(t for t in tokens if t not in memory))
        if new:
            found = self._find(new)
            memory.update((t, found.get(t)) for t in new)
        self._known = memory  # a new dict when full, not a cleared one: another thread may be reading
        known = ((t, memory[t]) for t in tokens)
        return {t: row for t, row in known if row is not None}

    def take(self, tokens: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The vector of each token that is known, float32 (dim,); the others are left out."""
        return {token: self._row(row) for token, row in self.rows(tokens).items()}

    def vector(self, token: str) -> NDArray[np.float32]:
        """The vector of one token, float32 (dim,); ValueError if the token is unknown."""
        found = self.take([token])
        if not found:
            near = misspelt([token], self)[token]
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise ValueError(f"{token!r} is not among the {len(self)} tokens of {self.name}{hint}")
        return found[token]

    def neighbours(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k tokens of largest cosine with a word, the word's own tokens left out.

        The word is resolved as a class's word is, so a phrase has neighbours too. Ties are in the
        order of the source. ValueError if the word cannot be resolved or k is not positive.
        """
        return self.neighbours_of([word], k)[word]

    def neighbours_of(self, words: Iterable[str], k: int = 10) -> dict[str, list[tuple[str, float]]]:
        """`neighbours` of several words; a file is read once for all of them."""
        from simviz.words.resolution import embed  # it imports this module

        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1")
        words = list(dict.fromkeys(words))
        if not words:
            return {}
        vectors, resolutions = embed(ClassSet(words), self)
        queries = (vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)).astype(np.float32)
        rows = self.rows(t for r in resolutions for t in r.tokens)
        without = [sorted({rows[t] for t in r.tokens}) for r in resolutions]
        return dict(zip(words, self._nearest(queries, without, k), strict=True))


class TableVectors(Vectors):
    """Word vectors that lie in an array.

    Parameters
    ----------
    name : str
    table : ndarray, float32, shape (V, dim)
        May be memory-mapped; it is never copied as a whole.
    find : callable
        A sequence of tokens -> a dict of those that are known, token -> row.
    token_at : callable
        Row -> token.
    notes : sequence of str
    """

    def __init__(
        self,
        name: str,
        table: NDArray[np.float32],
        find: Callable[[Sequence[str]], dict[str, int]],
        token_at: Callable[[int], str],
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(name, int(table.shape[1]), notes)
        self._table = table
        self._look_up = find
        self._token_at = token_at

    def __len__(self) -> int:
        return len(self._table)

    def save(self, path: str | Path) -> None:
        """Write them in word2vec's binary format, which `load` and gensim read; complete or not at all."""
        with replacing(Path(path)) as partial, partial.open("wb") as stream:
            stream.write(f"{len(self)} {self.dim}\n".encode())
            for row in range(len(self)):
                stream.write(self._token_at(row).encode() + b" " + self._row(row).astype("<f4").tobytes())

    def _find(self, tokens: Sequence[str]) -> dict[str, int]:
        return self._look_up(tokens)

    def _row(self, row: int) -> NDArray[np.float32]:
        return np.array(self._table[row], dtype=np.float32)

    def _nearest(
        self, queries: NDArray[np.float32], without: Sequence[Sequence[int]], k: int
    ) -> list[list[tuple[str, float]]]:
        result = []
        for query, own in zip(queries, without, strict=True):
            cosines = np.round((self._table @ query) / self._norms, DIGITS)
            cosines[own] = -np.inf
            best = np.argsort(-cosines, kind="stable")[: max(min(k, len(self) - len(own)), 0)].tolist()
            result.append([(self._token_at(row), float(cosines[row])) for row in best])
        return result

    @cached_property
    def _norms(self) -> NDArray[np.float32]:
        squares = np.zeros(len(self), np.float32)
        for column in range(self.dim):  # one column at a time: the bundled table lies column by column
            squares += np.square(self._table[:, column])
        return np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))


def misspelt(words: Iterable[str], vectors: Vectors, count: int = 3) -> dict[str, list[str]]:
    """Per word the known tokens one letter away, the most frequent first; the source is asked once."""
    edits = {word: _edits(word.lower()) for word in words}
    known = vectors.rows(sorted(set().union(*edits.values())))
    return {word: sorted(near & known.keys(), key=known.__getitem__)[:count] for word, near in edits.items()}


def _edits(word: str) -> set[str]:
    if not word or len(word) > _EDIT_LIMIT:
        return set()
    letters = string.ascii_lowercase
    edits = set()
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        edits |= {head + c + tail for c in letters} | {head + c + tail[1:] for c in letters}
        edits |= {head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]}
    return edits - {word, ""}
