"""Word vectors that stay in their file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simviz.words import files
from simviz.words.vectors import DIGITS, Vectors


class FileVectors(Vectors):
    """Word vectors read from a file whenever they are needed; only the vectors asked for are kept.

    ValueError, naming the file, if it has no known format or changes while it is in use.
    """

    def __init__(self, path: Path) -> None:
        self._layout = files.recognise(path)
        super().__init__(str(self._layout), self._layout.dim)
        self._stamp = self._stamped()
        self._count = self._layout.count
        self._rows: dict[str, int] = {}
        self._kept: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        if self._count is None:
            for _ in self._scan():
                pass
        return self._count or 0

    def _stamped(self) -> tuple[int, int]:
        status = self._layout.path.stat()
        return status.st_mtime_ns, status.st_size

    def _scan(self) -> Iterator[tuple[int, files.Batch]]:
        """First row and content of every batch."""
        if not self._layout.path.is_file() or self._stamped() != self._stamp:
            raise ValueError(f"{self._layout.path.name} has changed since it was opened; load it again")
        row = 0
        for batch in files.scan(self._layout):
            yield row, batch
            row += len(batch.tokens)
        self._count = row

    def _find(self, tokens: Sequence[str]) -> dict[str, int]:
        # a lone surrogate becomes bytes that are not UTF-8, which no file that is read here has
        wanted = {t.encode("utf-8", "surrogatepass"): t for t in tokens if t not in self._rows}
        if wanted:
            for first, batch in self._scan():
                hits = [i for i, token in enumerate(batch.tokens) if token in wanted]
                if not hits:
                    continue
                values = files.parsed(self._layout, [batch.places[i] for i in hits], [batch.numbers[i] for i in hits])
                for i, vector in zip(hits, values, strict=True):
                    token = wanted[batch.tokens[i]]
                    if token not in self._rows:  # a word that stands twice is its first row, as in gensim
                        self._kept[first + i] = vector.copy()
                        self._rows[token] = first + i
        return {t: self._rows[t] for t in tokens if t in self._rows}

    def _row(self, row: int) -> NDArray[np.float32]:
        return self._kept[row].copy()

    def _nearest(
        self, queries: NDArray[np.float32], without: Sequence[Sequence[int]], k: int
    ) -> list[list[tuple[str, float]]]:
        best: list[list[tuple[str, float]]] = [[] for _ in queries]
        for first, batch in self._scan():
            values = files.parsed(self._layout, batch.places, batch.numbers)
            norms = np.maximum(np.linalg.norm(values, axis=1), np.finfo(np.float32).tiny)
            for q, (query, own) in enumerate(zip(queries, without, strict=True)):
                cosines = np.round((values @ query) / norms, DIGITS)
                cosines[[row - first for row in own if 0 <= row - first < len(cosines)]] = -np.inf
                top = np.argsort(-cosines, kind="stable")[:k]
                found = [(batch.tokens[i].decode(), float(cosines[i])) for i in top if cosines[i] > -np.inf]
                best[q] = sorted(best[q] + found, key=lambda pair: -pair[1])[:k]  # stable: ties stay in file order
        return best
