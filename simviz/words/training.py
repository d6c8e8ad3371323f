"""Word vectors from a user's own text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from simviz.words.sources import from_gensim
from simviz.words.vectors import TableVectors

FEW_WORDS = 1_000_000
MAX_BYTES = 4_000_000_000
MAX_VOCABULARY = 400_000
_MAX_CANDIDATES = 4_000_000  # while counting, the rarest words are dropped above this
_SENTENCE = 10_000  # words; gensim drops the rest of a longer sentence without a word
_LINE = 1 << 20  # characters
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def tokens_of(line: str) -> list[str]:
    """Lower-cased runs of letters and digits; an apostrophe or hyphen inside stays.

    >>> tokens_of("The T-shirt isn't 'new', is_it?")
    ['the', 't-shirt', "isn't", 'new', 'is', 'it']
    """
    return _TOKEN.findall(line.lower())


def train(
    text: str | Path, *, dim: int = 100, window: int = 5, min_count: int = 5, epochs: int = 5, seed: int = 0
) -> TableVectors:
    """Word2Vec of a text (skip-gram with negative sampling, Mikolov et al. 2013; gensim's).

    The same text, options and machine give the same vectors: one thread, seeded. `.save(path)` of the result
    writes a file for `load` and for ``words:vectors=PATH``.

    Parameters
    ----------
    text : str or Path
        The text itself, or the path of a UTF-8 file, which is read line by line; at most 4 GB. A line is
        a sentence; its words are as in `tokens_of`.
    dim : int, 1 to 1000
    window : int, 1 to 100
        How many words to either side count as context.
    min_count : int, from 1 on
        Rarer words get no vector. At most the 400,000 most frequent words do.
    epochs : int, 1 to 1000
    seed : int, 0 to 2**32 - 1

    Returns
    -------
    Vectors, whose `notes` warn if the text has fewer than a million words

    Raises
    ------
    ValueError
        If an option is out of range, the text is too large or not UTF-8, or too few words are left.
    """
    limits = {"dim": (dim, 1, 1000), "window": (window, 1, 100), "min_count": (min_count, 1, 2**31)}
    limits |= {"epochs": (epochs, 1, 1000), "seed": (seed, 0, 2**32 - 1)}
    for option, (value, low, high) in limits.items():
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{option} is {value!r}; it must be a whole number from {low} to {high}")
    sentences = _Sentences(text)

    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=dim,
        window=window,
        min_count=min_count,
        sg=1,
        seed=seed,
        workers=1,
        max_vocab_size=_MAX_CANDIDATES,
        max_final_vocab=MAX_VOCABULARY,
    )
    model.build_vocab(sentences)
    words = model.corpus_total_words
    if len(model.wv) < 2:
        hint = "; if it is a file's name, there is no such file" if words < 20 else ""
        raise ValueError(
            f"{len(model.wv)} words stand at least min_count={min_count} times among the {words} of {sentences.name}; "
            f"give more text or a smaller min_count{hint}"
        )
    model.train(sentences, total_examples=model.corpus_count, epochs=epochs)
    notes = []
    if words < FEW_WORDS:
        notes.append(
            f"the vectors come from {words:,} words of text; below {FEW_WORDS:,} neighbours are often accidents, so "
            "look at them before a matrix is built"
        )
    return from_gensim(model.wv, f"Word2Vec of {sentences.name} ({words} words, {dim} dimensions)", notes)


class _Sentences:
    """The text as lists of words, from the start at every iteration: gensim reads it once per epoch."""

    def __init__(self, text: str | Path) -> None:
        short = isinstance(text, str) and len(text) < 1000 and "\n" not in text and "\0" not in text
        self._path = Path(text) if isinstance(text, Path) or (short and Path(text).is_file()) else None
        self._text = "" if self._path else str(text)
        self.name = self._path.name if self._path else "the text"
        if self._path and not self._path.is_file():
            raise ValueError(f"there is no text file {str(self._path)!r}")
        size = self._path.stat().st_size if self._path else len(self._text)
        if size > MAX_BYTES:
            raise ValueError(f"{self.name} has {size / 1e9:.1f} GB; at most {MAX_BYTES / 1e9:.0f} GB are read")

    def _opened(self) -> IO[str]:
        return self._path.open(encoding="utf-8-sig") if self._path else io.StringIO(self._text)

    def __iter__(self) -> Iterator[list[str]]:
        try:
            with self._opened() as stream:
                while line := stream.readline(_LINE):  # a word at the end of a piece may be cut, one in a million
                    words = tokens_of(line)
                    for start in range(0, len(words), _SENTENCE):
                        yield words[start : start + _SENTENCE]
        except UnicodeDecodeError:
            raise ValueError(f"{self.name} is not UTF-8 text; save it as UTF-8") from None
        except OSError as error:
            raise ValueError(f"{self.name} cannot be read: {error.strerror}") from None
