"""Image folders, and what `load` says about paths and options it cannot use."""

from __future__ import annotations

import numpy as np
import pytest

from simviz import datasets

from .helpers import encoded, picture, write_folder


def test_a_folder_of_class_folders(tmp_path):
    write_folder(tmp_path / "pets", {"cat": range(40), "dog": range(40, 80)})
    data = datasets.load(tmp_path / "pets", size=12, cache=tmp_path / "cache")
    assert data.name == "pets"
    assert data.classes.names == ("cat", "dog")
    assert all(min(len(data.indices(p)), 1) for p in ("train", "validation", "test"))
    for i in (0, 30, 79):
        folder, file = data.ids[i].split("/")
        assert folder == data.classes.names[data.labels[i]]
        np.testing.assert_array_equal(data.images[i], np.asarray(picture(int(file.split(".")[0]))))


@pytest.mark.parametrize("validation", ["val", "valid", "validation", None])
def test_folders_for_the_parts(tmp_path, validation):
    write_folder(tmp_path / "x" / "train", {"a": range(30), "b": range(30, 60)})
    write_folder(tmp_path / "x" / "test", {"a": range(60, 65), "b": range(65, 70)})
    if validation:
        write_folder(tmp_path / "x" / validation, {"a": range(70, 73), "b": range(73, 75)})
    data = datasets.load(tmp_path / "x", size=12, cache=tmp_path / "cache")
    assert {i.split("/")[0] for i in data.ids[data.indices("test")]} == {"test"}
    if validation:
        assert {i.split("/")[0] for i in data.ids[data.indices("validation")]} == {validation}
        assert len(data.indices("train")) == 60
    else:
        assert 0 < len(data.indices("validation")) < 20


def test_all_formats_nested_folders_and_other_files(tmp_path):
    root = tmp_path / "x"
    for kind in ("png", "jpeg", "webp", "bmp"):
        (root / "a" / "deeper").mkdir(parents=True, exist_ok=True)
        (root / "b").mkdir(exist_ok=True)
        for i in range(10):
            (root / "a" / "deeper" / f"{i}.{kind}").write_bytes(encoded(hash(kind) % 1000 + i, kind.upper()))
            (root / "b" / f"{i}.{kind.upper()}").write_bytes(encoded(hash(kind) % 1000 + 500 + i, kind.upper()))
    (root / "a" / "readme.txt").write_text("not a picture")
    (root / "b" / ".hidden.png").write_bytes(b"")
    (root / "b" / "broken.png").write_bytes(encoded(0)[:50])
    data = datasets.load(root, cache=tmp_path / "cache")
    assert len(data) == 80
    assert data.images.shape[1:] == (32, 32, 3)
    assert data.notes[0] == "1 of 81 images could not be decoded and were skipped: b/broken.png."


def test_a_test_folder_of_its_own_and_dropped_classes(tmp_path):
    write_folder(tmp_path / "x", {"a": range(30), "b": range(30, 60), "c": range(60, 90)})
    write_folder(tmp_path / "y", {"c": range(90, 95), "a": range(95, 99), "b": range(100, 103)})
    data = datasets.load(tmp_path / "x", test=tmp_path / "y", drop=["b"], cache=tmp_path / "cache")
    assert data.classes.names == ("a", "c")
    names = [data.classes.names[i] for i in data.labels[data.indices("test")]]
    assert sorted(names) == ["a"] * 4 + ["c"] * 5


def test_classes_that_are_numbers_keep_their_order(tmp_path):
    write_folder(tmp_path / "x", {"10": range(20), "2": range(20, 40), "1": range(40, 60)})
    assert datasets.load(tmp_path / "x", cache=tmp_path / "cache").classes.names == ("1", "2", "10")


def make(root, what: str):
    if what == "one class":
        write_folder(root, {"a": range(20)})
    elif what == "empty class":
        write_folder(root / "train", {"a": range(20), "b": range(20, 40), "c": range(0)})
        write_folder(root / "test", {"a": range(50, 55), "c": range(55, 60)})
    elif what == "no pictures":
        (root / "a").mkdir(parents=True)
        (root / "b").mkdir()
    elif what == "no folders":
        root.mkdir()
        (root / "1.png").write_bytes(encoded(1))
    return root


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("one class", "the single class 'a'; at least two"),
        ("empty class", "class 'c' has no training image"),
        ("no pictures", "no PNG, JPEG, WebP or BMP"),
        ("no folders", "has no class folders; expected x/CLASS/picture.png"),
        ("nothing", "there is no data set"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path, what, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(make(tmp_path / "x", what), cache=tmp_path / "cache")


def test_a_class_absent_from_a_part_is_a_note(tmp_path):
    write_folder(tmp_path / "x" / "train", {"a": range(30), "b": range(30, 60)})
    write_folder(tmp_path / "x" / "val", {"a": range(60, 64), "b": range(64, 68)})
    write_folder(tmp_path / "x" / "test", {"a": range(70, 75)})
    assert "No test image of b." in datasets.load(tmp_path / "x", cache=tmp_path / "cache").notes


def test_names_and_options(tmp_path, cache):
    assert set(datasets.available()) >= {"pictograms", "tree-rings", "cifar100", "cifar100-96", "utkface"}
    with pytest.raises(
        ValueError, match=r"no data set 'pictogram': neither one of pictograms, .* nor an existing path"
    ):
        datasets.load("pictogram", cache=cache)
    with pytest.raises(ValueError, match="size is 4; images are resized to between 8 and 512"):
        datasets.load("pictograms", size=4, cache=cache)
    with pytest.raises(ValueError, match="drawn with a test part of its own"):
        datasets.load("pictograms", test=tmp_path, cache=cache)
    with pytest.raises(ValueError, match=r"no class 'kat' among the 64 classes; did you mean .*cat"):
        datasets.load("pictograms", drop=("kat",), cache=cache)
    (tmp_path / "x.txt").write_text("?")
    with pytest.raises(ValueError, match=r"is no data set that can be read; readable are a Parquet file"):
        datasets.load(tmp_path / "x.txt", cache=cache)


def test_drawn_sets_drop_classes_and_change_size(cache):
    data = datasets.load("pictograms", drop=("cat", "dog"), cache=cache)
    assert len(data.classes) == 62
    assert "cat" not in data.classes.names
    assert datasets.load("pictograms", size=16, cache=cache).images.shape[1:] == (16, 16, 3)
