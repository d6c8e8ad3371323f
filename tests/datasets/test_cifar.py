"""CIFAR-100: names, groups, words and the two layouts."""

from __future__ import annotations

import hashlib
import pickle
import tarfile

import numpy as np
import pytest

from simviz import datasets
from simviz.datasets import cifar as source

from .helpers import encoded, write_parquet


def test_the_real_set(cifar):
    assert len(cifar) == 50_000
    assert cifar.images.shape[1:] == (32, 32, 3)
    assert cifar.classes.names == source.NAMES
    assert np.bincount(cifar.labels).tolist() == [500] * 100
    assert len(set(cifar.classes.groups)) == 20
    shares = np.bincount(cifar.split) / len(cifar)
    assert shares == pytest.approx([0.72, 0.08, 0.2], abs=0.01)


def test_groups_are_the_coarse_labels_of_the_file(cifar, test_data):
    import json

    import pyarrow.parquet as pq

    file = pq.ParquetFile(next(test_data.glob("cifar100*.parquet")))
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    coarse = file.read(columns=["coarse_label"])["coarse_label"].to_numpy()
    names = [features["coarse_label"]["names"][c].replace("_", " ") for c in coarse]
    assert [cifar.classes.groups[i][0] for i in cifar.labels] == names


def test_equal_pictures_of_the_real_set_never_straddle(cifar):
    parts: dict[int, set[int]] = {}
    for unit, part in zip(cifar.units, cifar.split, strict=True):
        parts.setdefault(int(unit), set()).add(int(part))
    assert len(parts) < len(cifar)  # CIFAR-100 does hold duplicates
    assert all(len(p - {1}) == 1 or p == {1} for p in parts.values())


def test_the_96_classes_keep_order_groups_and_words():
    whole = source.class_set(source.NAMES)
    names = [n for n in source.NAMES if n not in source.DROPPED]
    assert len(names) == 96
    part = whole.subset(names)
    for name in names:
        i, j = whole.index(name), part.index(name)
        assert (whole.groups[i], whole.words[i]) == (part.groups[j], part.words[j])


def test_the_96_class_view_of_the_real_set(cifar, test_data, cache, monkeypatch):
    monkeypatch.setenv("SIMVIZ_DATA", str(test_data))
    view = datasets.load("cifar100-96", cache=cache)
    assert view.name == "cifar100-96"
    assert view.default_model == "lenet"
    assert set(source.NAMES) - set(view.classes.names) == set(source.DROPPED)
    at = {i: k for k, i in enumerate(cifar.ids)}
    rows = np.array([at[i] for i in view.ids])
    np.testing.assert_array_equal(view.split, cifar.split[rows])
    assert [view.classes.names[c] for c in view.labels] == [cifar.classes.names[c] for c in cifar.labels[rows]]
    np.testing.assert_array_equal(view.images[::997], cifar.images[rows[::997]])


def test_joining_by_position_would_shift_rows_and_is_impossible_by_name():
    """The authors' list sorts "computer keyboard" under c; by position, 15 classes change their meaning."""
    theirs = sorted("computer_keyboard" if n == "keyboard" else n for n in source.NAMES)
    shifted = [n for n, t in zip(source.NAMES, theirs, strict=True) if n != t]
    assert len(shifted) == 15
    assert source.class_set(theirs) is None
    with pytest.raises(ValueError, match="no class 'computer_keyboard'"):
        source.class_set(source.NAMES).subset(theirs)


def test_groups_and_words_follow_the_names_in_any_order():
    names = list(source.NAMES)[::-1]
    classes = source.class_set(names)
    assert classes.groups[classes.index("trout")] == ("fish",)
    assert classes.words[classes.index("rose")] == "roses"
    assert classes.words[classes.index("wolf")] == "wolf"
    assert source.class_set(["apple", "pear"]) is None  # a set of one's own that shares two names


def test_every_word_is_in_the_bundled_vectors():
    from simviz import words

    found = words.resolve(source.class_set(source.NAMES).subset([n for n in source.NAMES if n not in source.DROPPED]))
    assert [r.name for r in found if r.how not in ("exact", "case")] == []


def write_torchvision(root, monkeypatch) -> None:
    """A small CIFAR-100 in torchvision's layout, with its MD5 sums declared to be the published ones."""
    from torchvision.datasets import CIFAR100

    folder = root / source.FOLDER
    folder.mkdir()
    rng = np.random.default_rng(0)
    labels = list(range(100)) * 8

    def write(name, content) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    data = [rng.integers(0, 256, (n, 3072), dtype=np.uint8) for n in (800, 100)]
    train = write("train", {"data": data[0], "fine_labels": labels})
    test = write("test", {"data": data[1], "fine_labels": labels[:100]})
    meta = write("meta", {"fine_label_names": list(source.NAMES)})
    monkeypatch.setattr(CIFAR100, "train_list", [["train", train]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", test]])
    monkeypatch.setattr(CIFAR100, "meta", {"filename": "meta", "key": "fine_label_names", "md5": meta})


@pytest.mark.parametrize("archive", [False, True])
def test_torchvisions_layout(tmp_path, monkeypatch, archive):
    from torchvision.datasets import CIFAR100

    write_torchvision(tmp_path, monkeypatch)
    raw = pickle.loads((tmp_path / source.FOLDER / "test").read_bytes())
    if archive:
        with tarfile.open(tmp_path / source.ARCHIVE, "w:gz") as tar:
            tar.add(tmp_path / source.FOLDER, source.FOLDER)
        monkeypatch.setattr(CIFAR100, "tgz_md5", hashlib.md5((tmp_path / source.ARCHIVE).read_bytes()).hexdigest())
        (tmp_path / source.FOLDER).rename(tmp_path / "unpacked")
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    data = datasets.load("cifar100", cache=tmp_path / "cache")
    assert data.classes == source.class_set(source.NAMES)
    rows = data.indices("test")
    assert len(rows) == 100
    expected = raw["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(data.images[rows], expected)


def test_a_pickle_that_is_not_the_published_file_is_never_opened(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'opened')!r}, 'w')",))

    write_torchvision(tmp_path, monkeypatch)
    (tmp_path / source.FOLDER / "train").write_bytes(pickle.dumps({"data": Trap(), "fine_labels": []}))
    with pytest.raises(ValueError, match="is not the published CIFAR-100"):
        datasets.load(tmp_path, cache=tmp_path / "cache")
    (tmp_path / source.FOLDER).rename(tmp_path / "away")
    (tmp_path / source.ARCHIVE).write_bytes(b"junk")
    with pytest.raises(ValueError, match="is not the published CIFAR-100 archive"):
        datasets.load(tmp_path, cache=tmp_path / "cache")
    assert not (tmp_path / "opened").exists()


def test_absent_data_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"CIFAR-100 is not in .*download=True.*SIMVIZ_DATA.*path instead"):
        datasets.load("cifar100", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match=r"UTKFace is not in .*SIMVIZ_DATA.*path instead"):
        datasets.load("utkface", cache=tmp_path / "cache")


def write_cifar10(root, monkeypatch) -> np.ndarray:
    """A small CIFAR-10 in torchvision's layout, declared to be the published one; returns the test images."""
    from torchvision.datasets import CIFAR10

    folder = root / source.FOLDER_10
    folder.mkdir()
    rng, lists = np.random.default_rng(0), []
    for name, n in (*((f"data_batch_{i}", 60) for i in range(1, 6)), ("test_batch", 20)):
        pixels = rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(n)]}))
        lists.append([name, hashlib.md5((folder / name).read_bytes()).hexdigest()])
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(source.CIFAR10)}))
    md5 = hashlib.md5((folder / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", lists[:5])
    monkeypatch.setattr(CIFAR10, "test_list", lists[5:])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": md5})
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("archive", [False, True])
def test_cifar10_beside_cifar100(tmp_path, monkeypatch, archive):
    from torchvision.datasets import CIFAR10

    expected = write_cifar10(tmp_path, monkeypatch)
    if archive:
        with tarfile.open(tmp_path / source.ARCHIVE_10, "w:gz") as tar:
            tar.add(tmp_path / source.FOLDER_10, source.FOLDER_10)
        md5 = hashlib.md5((tmp_path / source.ARCHIVE_10).read_bytes()).hexdigest()
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5)
        (tmp_path / source.FOLDER_10).rename(tmp_path / "unpacked")
    write_torchvision(tmp_path, monkeypatch)
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    data = datasets.load("cifar10", cache=tmp_path / "cache")
    assert data.classes == source.class_set(list(source.CIFAR10))
    assert dict(zip(data.classes, data.classes.groups, strict=True))["frog"] == ("animals",)
    np.testing.assert_array_equal(data.images[data.indices("test")], expected)
    assert len(datasets.load("cifar100", cache=tmp_path / "cache").classes) == 100


def test_a_changed_cifar10_is_never_opened(tmp_path, monkeypatch):
    write_cifar10(tmp_path, monkeypatch)
    with (tmp_path / source.FOLDER_10 / "data_batch_3").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="is not the published CIFAR-10 "):
        datasets.load(tmp_path, cache=tmp_path / "cache")


def test_cifar10_from_parquet(tmp_path, monkeypatch):
    names = list(source.CIFAR10)[::-1]
    blobs = [encoded(i) for i in range(200)]
    write_parquet(tmp_path / "cifar10" / "train-0.parquet", blobs, [i % 10 for i in range(200)], names, image="img")
    write_parquet(tmp_path / "cifar10" / "test-0.parquet", blobs[:9], [0] * 9, names, image="img")
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    data = datasets.load("cifar10", cache=tmp_path / "cache")
    assert (list(data.classes), len(data.indices("test"))) == (names, 9)
    assert data.classes.groups[names.index("truck")] == ("vehicles",)
    with pytest.raises(ValueError, match=r"CIFAR-100 is not in .*CIFAR100\('.*download=True"):
        datasets.load("cifar100", cache=tmp_path / "cache")
