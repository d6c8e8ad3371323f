"""Where word vectors come from, and how a class name becomes a vector."""

from simviz.words.downloads import Offer, local, offer
from simviz.words.resolution import Resolution, embed, resolve, split_word
from simviz.words.sources import BUNDLED, as_vectors, is_path, load
from simviz.words.training import train
from simviz.words.vectors import Vectors

__all__ = [
    "BUNDLED",
    "Offer",
    "Resolution",
    "Vectors",
    "as_vectors",
    "embed",
    "is_path",
    "load",
    "local",
    "offer",
    "resolve",
    "split_word",
    "train",
]
