"""A class table beside images: matched by name, in the table's order, refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simviz import ClassSet, datasets
from simviz.datasets import class_table

from .helpers import encoded, picture, write_folder, write_parquet

TABLE = """name,label,position,group 1,group 2,word
old,c,70.5,adult,senior,elderly
young,a,8,minor,child,
middle,b,35,adult,adult,
"""


def folder(root: Path, table: str | bytes = TABLE) -> Path:
    write_folder(root, {"a": range(20), "b": range(20, 40), "c": range(40, 60)})
    (root / "classes.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return root


def test_an_image_folder_takes_names_order_positions_groups_and_words(tmp_path):
    data = datasets.load(folder(tmp_path / "x"), size=12, cache=tmp_path / "cache")
    assert data.classes.names == ("old", "young", "middle")
    assert data.classes.positions == (70.5, 8.0, 35.0)
    assert data.classes.groups == (("adult", "senior"), ("minor", "child"), ("adult", "adult"))
    assert data.classes.words == ("elderly", "young", "middle")
    called = {"a": "young", "b": "middle", "c": "old"}
    for image, label, name in zip(data.images, data.labels, data.ids, strict=True):
        assert data.classes.names[label] == called[name[0]]
        np.testing.assert_array_equal(image, np.asarray(picture(int(name[2:-4]))))


@pytest.mark.parametrize("single", [True, False])
def test_parquet_with_bare_numbers_gets_names(tmp_path, single):
    root = tmp_path / "x"
    blobs = [encoded(i) for i in range(60)]
    file = write_parquet(root / ("set.parquet" if single else "train-0.parquet"), blobs, [i % 3 for i in range(60)])
    table = root / ("set.classes.csv" if single else "classes.csv")
    table.write_text("label,name,group\n0,cat,pet\n1,dog,pet\n2,bus,vehicle\n")
    data = datasets.load(file if single else root, cache=tmp_path / "cache")
    assert data.classes.names == ("cat", "dog", "bus")
    assert data.classes.groups == (("pet",), ("pet",), ("vehicle",))
    np.testing.assert_array_equal(data.labels, [int(i.split("/")[1]) % 3 for i in data.ids])
    table.write_text("label,name\n2,bus\n1,dog\n0,cat\n")  # a changed table is not answered from the cache
    again = datasets.load(file if single else root, cache=tmp_path / "cache")
    assert (again.classes.names, again.classes.groups) == (("bus", "dog", "cat"), None)
    np.testing.assert_array_equal(again.labels, 2 - data.labels)


def test_a_test_folder_is_named_by_the_same_table_or_its_own(tmp_path):
    train = folder(tmp_path / "x")
    test = write_folder(tmp_path / "y", {"c": range(70, 74), "a": range(80, 83)})
    for own in (None, "label,name\na,old\nc,young\n"):
        if own:
            (test / "classes.csv").write_text(own)
        data = datasets.load(train, test=test, cache=tmp_path / "cache")
        names = [data.classes.names[i] for i in data.labels[data.indices("test")]]
        assert sorted(names) == (["old"] * 3 + ["young"] * 4 if own else ["old"] * 4 + ["young"] * 3)
        assert not any("have no images here" in note for note in data.notes)


def test_rows_without_images_are_left_out_and_said(tmp_path):
    table = TABLE + "oldest,d,99,adult,senior,\n"
    data = datasets.load(folder(tmp_path / "x", "\ufeff" + table), cache=tmp_path / "cache")
    assert data.classes.names == ("old", "young", "middle")
    assert "1 classes of the table classes.csv have no images here and are left out: oldest." in data.notes


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name\na\nb\ncc\n", r"classes.csv has no row for the class 'c' \(1 of 3 missing\); did you mean cc"),
        ("name\na\nb\nc\na\n", "two rows for 'a'"),
        ("name,label\nx,a\nx,b\ny,c\n", "class name 'x' stands twice"),
        ("name,position\na,1\nb,\nc,3\n", "position of class 'b' is '', not a number"),
        ("name,position\na,1\nb,one\nc,3\n", "position of class 'b' is 'one', not a number"),
        ("name,position\na,1\nb,nan\nc,3\n", "must be finite"),
        ("name,group\na,x\nb,\nc,y\n", "group of class 'b'"),
        ("name,age\na,1\nb,2\nc,3\n", r"begins with name,age; its first line names the columns: name, and any of"),
        ("a\nb\nc\n", "begins with a; its first line names the columns"),
        ("", "begins with nothing"),
        ("name,group\na,x\nb\nc,y\n", "row 2 of .* has 1 entries for 2 columns"),
        ('name\n"a\nb\nc\n', "is no CSV in UTF-8"),
        (b"name\n\xff\xfe\n", "is no CSV in UTF-8"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_a_sentence(tmp_path, table, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(folder(tmp_path / "x", table), cache=tmp_path / "cache")


def test_a_table_alone_says_the_classes_and_what_the_data_call_them(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    for table in (tmp_path / "t.csv", TABLE.encode()):
        classes, aliases = class_table.read(table, "t.csv")
        assert (classes.names, classes.positions) == (("old", "young", "middle"), (70.5, 8.0, 35.0))
        assert aliases == {"c": "old", "a": "young", "b": "middle"}
    with pytest.raises(ValueError, match=r"^t.csv has two rows for 'a'; a class needs one$"):
        class_table.read(b"name\na\na\n", "t.csv")
    with pytest.raises(ValueError, match=r"^t.csv names no classes below its first line$"):
        class_table.read(b"name\n", "t.csv")
    with pytest.raises(ValueError, match=r"^t.csv: the position of class 'b' is '', not a number$"):
        class_table.read(b"name,position\na,1\nb,\n", "t.csv")


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"groups": ["x, y", 'say "z"', "x, y"]},
        {"groups": [("x", "1"), ("x", "2"), ("y", "3")], "words": {"=c": "sea"}},
        {"positions": [0.1, -2e-7, 1e9], "words": ["a", "be", "sea"]},
    ],
)
def test_what_is_written_is_read_back(known):
    classes = ClassSet(["'a b'", "b,\u00e4", "=c"], **known)
    assert class_table.read(class_table.written(classes).encode(), "t.csv")[0] == classes


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (ClassSet(["a", "b"], positions=[0, 3], period=12), "no column for the period of a scale, 12"),
        (ClassSet(["a\nEND\nls", "b"]), "line break"),
        (ClassSet(["a", "b"], groups=["x", "y\u2028z"]), "line break"),
    ],
)
def test_what_a_table_cannot_say_is_not_written(classes, message):
    with pytest.raises(ValueError, match=message):
        class_table.written(classes)
