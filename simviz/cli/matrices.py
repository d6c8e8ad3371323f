"""Commands about classes and matrices: datasets, matrix, vectors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simviz.cli.options import read_classes

CLASSES = "comma-separated names, a text file, a class table (.csv), or a data set's name"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listing = commands.add_parser("datasets", help="list the data sets")
    listing.set_defaults(run=_datasets)

    matrix = commands.add_parser("matrix", help="build a matrix between classes")
    matrix.add_argument("matrix", help="order:r=0.8, positions, words:keep=0.02, groups, or a file")
    matrix.add_argument("--classes", required=True, help=CLASSES)
    matrix.add_argument("--out", type=Path, help="write a .csv, .tsv or .npz here")
    matrix.set_defaults(run=_matrix)

    vectors = commands.add_parser("vectors", help="show word vectors: how classes are found, and what is near them")
    vectors.add_argument("source", metavar="NAME|PATH", help="glove-6b-50d, a file, or a name of gensim's downloader")
    vectors.add_argument("--classes", help=CLASSES)
    vectors.add_argument("--download", action="store_true", help="fetch a name that is not there; the size is said")
    vectors.set_defaults(run=_vectors)


def _datasets(arguments: argparse.Namespace) -> None:
    from simviz import datasets

    for name, text in datasets.available().items():
        print(f"{name:14} {text}")


def _matrix(arguments: argparse.Namespace) -> None:
    from simviz import matrices

    matrix = matrices.build(arguments.matrix, read_classes(arguments.classes))
    if arguments.out:
        matrix.save(arguments.out)
        print(f"{matrix.kind} of {len(matrix)} classes written to {arguments.out}")
        return
    width = max(8, *(len(n) for n in matrix.names)) + 1
    print(f"{matrix.kind:{width}}" + "".join(f"{n:>{width}}" for n in matrix.names))
    for name, row in zip(matrix.names, matrix.values, strict=True):
        print(f"{name:{width}}" + "".join(f"{v:{width}.3f}" for v in row))


def _vectors(arguments: argparse.Namespace) -> None:
    from simviz import words

    source = arguments.source
    if arguments.download and source != words.BUNDLED and not words.is_path(source) and not words.local(source):
        from tqdm import tqdm

        offer = words.offer(source)
        print(f"fetching {offer}", file=sys.stderr)
        with tqdm(total=offer.size, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:
            words.load(source, allow_download=True, progress=lambda done, _total: bar.update(done - bar.n))
    vectors = words.load(source)
    if not arguments.classes:
        print(f"{vectors.name}: {len(vectors)} tokens")
        return
    classes = read_classes(arguments.classes)
    resolutions = words.resolve(classes, vectors)
    near = vectors.neighbours_of((r.word for r in resolutions if r.how != "missing"), 5)
    width = max(len(n) for n in classes) + 2
    print(vectors.name)
    for r in resolutions:
        cells = [f"{token} {cosine:.2f}" for token, cosine in near.get(r.word, [])]
        hint = f"try {', '.join(r.suggestions)}" if r.suggestions else ""
        line = f"{r.name:{width}}{r.how:8}{' + '.join(r.tokens):24}{', '.join(cells) if r.tokens else hint}"
        print("".join(c if c.isprintable() else "?" for c in line))  # tokens of a file may hold control characters
