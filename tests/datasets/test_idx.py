"""Fashion-MNIST and other idx files: read exactly, and never believed before they are measured."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz import datasets, words
from simviz.datasets import idx as source
from simviz.datasets import registry


def packed(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_idx(folder: Path, suffix: str = "", classes: int = 10) -> dict[str, np.ndarray]:
    """A small set in the published layout: (images, labels) by stem."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, made = np.random.default_rng(0), {}
    for stem, n in (("train", 200), ("t10k", 30)):
        made[f"{stem}-images-idx3"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        made[f"{stem}-labels-idx1"] = (np.arange(n) % classes).astype(np.uint8)
    for name, values in made.items():
        content = packed(values)
        (folder / f"{name}-ubyte{suffix}").write_bytes(gzip.compress(content, 1) if suffix else content)
    return made


@pytest.mark.parametrize(("suffix", "below"), [("", ""), (".gz", ""), ("", "raw")])
def test_the_published_layout_plain_packed_and_as_torchvision_keeps_it(tmp_path, monkeypatch, suffix, below):
    made = write_idx(tmp_path / "FashionMNIST" / below, suffix)
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    data = datasets.load("fashion-mnist", size=28, cache=tmp_path / "cache")
    assert data.classes == source.fashion()
    test = data.indices("test")
    np.testing.assert_array_equal(data.labels[test], made["t10k-labels-idx1"])
    np.testing.assert_array_equal(data.images[test], np.repeat(made["t10k-images-idx3"][..., None], 3, axis=3))
    assert len(data) == 230


def test_other_idx_sets_are_called_by_their_numbers(tmp_path):
    write_idx(tmp_path / "digits", classes=7)
    assert datasets.load(tmp_path / "digits", cache=tmp_path / "cache").classes.names == tuple("0123456")


def test_groups_and_words():
    classes = source.fashion()
    assert classes.groups[classes.index("Sneaker")] == classes.groups[classes.index("Ankle boot")] == ("footwear",)
    assert {r.how for r in words.resolve(classes)} == {"exact"}


@pytest.mark.skipif(
    not registry.DEBIAN_FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
def test_the_real_set():
    from torchvision.datasets import FashionMNIST

    found = source.listing(registry.DEBIAN_FASHION)
    assert np.bincount(found.labels).tolist() == [7000] * 10
    assert np.bincount(found.parts).tolist() == [60_000, 0, 10_000]
    assert list(found.classes) == FashionMNIST.classes
    pixels = source.read(registry.DEBIAN_FASHION / "train-images-idx3-ubyte.gz", 3)
    assert pixels.mean() / 255 == pytest.approx(0.2860, abs=1e-4)  # the constants everyone normalises with
    assert pixels.std() / 255 == pytest.approx(0.3530, abs=1e-4)


def test_absent_data_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    monkeypatch.setattr(registry, "DEBIAN_FASHION", tmp_path / "none")
    with pytest.raises(ValueError, match=r"dataset-fashion-mnist, or .*download=True.*SIMVIZ_DATA.*path instead"):
        datasets.load("fashion-mnist")


@given(
    st.binary(max_size=64)
    | st.builds(lambda n, m, rest: struct.pack(">HBB2I", 0, 8, 2, n, m) + rest, *[st.integers(0, 4)] * 2, st.binary()),
    st.integers(1, 3),
)
def test_no_bytes_are_read_as_more_than_they_are(content, dimensions):
    """Whatever a file says, it is either exactly the array of its header or refused in a sentence."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(content)
        size = int(np.prod([int.from_bytes(content[4 + 4 * i : 8 + 4 * i]) for i in range(dimensions)], dtype=object))
        true = content[:4] == bytes([0, 0, 8, dimensions]) and len(content) == 4 + 4 * dimensions + size
        if true:
            assert packed(source.read(path, dimensions)) == content
        else:
            with pytest.raises(ValueError, match=r"no idx file|not believed|are due"):
                source.read(path, dimensions)


def test_a_huge_header_and_a_bomb_are_refused_without_unpacking(tmp_path):
    import tracemalloc

    header = struct.pack(">HBB3I", 0, 8, 3, 1000, 28, 28)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(header + bytes(300_000_000), 1))
    huge = tmp_path / "huge"
    huge.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**31, 2**31))
    tracemalloc.start()
    with pytest.raises(ValueError, match="holds more bytes after its header where 784000 are due"):
        source.read(bomb, 3)
    with pytest.raises(ValueError, match="that is not believed"):
        source.read(huge, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "t10k-labels-idx1-ubyte").unlink(), "has no t10k-images-idx3-ubyte with"),
        (lambda f: (f / "train-labels-idx1-ubyte").write_bytes(packed(np.zeros(3, np.uint8))), "200 images and .* 3"),
        (lambda f: (f / "train-images-idx3-ubyte").write_bytes(b"GIF89a" * 9), "no idx file of bytes in 3 dimensions"),
        (lambda f: (f / "train-images-idx3-ubyte").rename(f / "train-images-idx3-ubyte.gz"), "cannot be read"),
    ],
)
def test_damaged_sets_are_refused_in_a_sentence(tmp_path, damage, message):
    write_idx(tmp_path / "fashion")
    damage(tmp_path / "fashion")
    with pytest.raises(ValueError, match=message):
        datasets.load(tmp_path / "fashion", cache=tmp_path / "cache")
