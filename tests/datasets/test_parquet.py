"""Parquet image sets: columns found, names read, parts joined, faults named."""

from __future__ import annotations

import numpy as np
import pytest

from simviz import datasets

from .helpers import encoded, picture, write_parquet

LABELS = [i % 2 for i in range(60)]
IMAGES = [encoded(i) for i in range(60)]


@pytest.mark.parametrize(("image", "label"), [("img", "fine_label"), ("image", "label"), ("photo", "kind")])
@pytest.mark.parametrize("struct", [True, False])
def test_image_and_label_columns_are_found(tmp_path, image, label, struct):
    path = write_parquet(
        tmp_path / "x.parquet", IMAGES, LABELS, ["cat", "dog"], image=image, label=label, struct=struct
    )
    data = datasets.load(path, size=12, cache=tmp_path / "cache")
    assert data.classes.names == ("cat", "dog")
    assert data.labels.tolist() == LABELS
    np.testing.assert_array_equal(data.images[5], np.asarray(picture(5)))
    assert data.ids[5] == "x/5"


def test_a_folder_with_train_and_test_files_is_one_data_set(tmp_path):
    names = ["cat", "dog"]
    write_parquet(tmp_path / "train-00000-of-00002.parquet", IMAGES[:20], LABELS[:20], names)
    write_parquet(tmp_path / "train-00001-of-00002.parquet", IMAGES[20:40], LABELS[20:40], names)
    write_parquet(tmp_path / "test-00000-of-00001.parquet", IMAGES[40:], LABELS[40:], names)
    data = datasets.load(tmp_path, size=12, cache=tmp_path / "cache")
    assert {i.split("/")[0] for i in data.ids[data.indices("test")]} == {"test-00000-of-00001"}
    assert len(data.indices("test")) == 20
    assert 0 < len(data.indices("validation")) < 15
    for i in range(60):
        np.testing.assert_array_equal(data.images[i], np.asarray(picture(60 - 20 + i if i < 20 else i - 20)))


def test_the_layout_of_the_hub_and_another_name_for_the_parts(tmp_path):
    write_parquet(tmp_path / "data" / "pets-train-0.parquet", IMAGES[:40], LABELS[:40], ["cat", "dog"])
    write_parquet(tmp_path / "data" / "pets-validation-0.parquet", IMAGES[40:], LABELS[40:], ["cat", "dog"])
    data = datasets.load(tmp_path, size=12, cache=tmp_path / "cache")
    assert len(data.indices("validation")) == 20
    assert len(data.indices("test")) > 0


def test_a_test_path_of_its_own(tmp_path):
    train = write_parquet(tmp_path / "a" / "train-0.parquet", IMAGES[:40], LABELS[:40], ["cat", "dog"])
    test = write_parquet(tmp_path / "b" / "test-0.parquet", IMAGES[40:], [1 - x for x in LABELS[40:]], ["dog", "cat"])
    data = datasets.load(train, test=test, size=12, cache=tmp_path / "cache")
    assert data.labels.tolist() == LABELS
    assert data.indices("test").tolist() == list(range(40, 60))


def test_labels_without_names(tmp_path):
    numbers = write_parquet(tmp_path / "n.parquet", IMAGES, [10 * (i % 2) + 2 for i in range(60)])
    assert datasets.load(numbers, cache=tmp_path / "cache").classes.names == ("2", "12")
    texts = write_parquet(tmp_path / "t.parquet", IMAGES, ["dog" if i % 2 else "cat" for i in range(60)])
    assert datasets.load(texts, cache=tmp_path / "cache").classes.names == ("cat", "dog")


def broken(tmp_path, what: str):
    path = tmp_path / "x.parquet"
    if what == "text":
        path.write_bytes(b"PAR1 this is no Parquet PAR1")
    elif what == "truncated":
        write_parquet(path, IMAGES, LABELS)
        path.write_bytes(path.read_bytes()[:2000])
    elif what == "image":
        write_parquet(path, LABELS, LABELS, image="width", struct=False)
    elif what == "label":
        write_parquet(path, IMAGES, [0.5] * 60, label="price")
    elif what == "outside":
        write_parquet(path, IMAGES, [i % 3 for i in range(60)], ["cat", "dog"])
    elif what == "negative":
        write_parquet(path, IMAGES, [-1, *LABELS[1:]], ["cat", "dog"])
    elif what == "null":
        write_parquet(path, IMAGES, [*LABELS[:-1], None], ["cat", "dog"])
    return path


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("text", "cannot be read as Parquet"),
        ("truncated", "cannot be read as Parquet"),
        ("image", "has no image column .* its columns are width, label"),
        ("label", "has no label column: name it one of .* its columns are image, price"),
        ("outside", "has the label 2 but names 2 classes"),
        ("negative", "has the label -1 but names 2 classes"),
        ("null", "1 rows have no label"),
    ],
)
def test_faults_are_named(tmp_path, what, message):
    with pytest.raises(ValueError, match=message):
        datasets.load(broken(tmp_path, what), cache=tmp_path / "cache")


def test_damage_inside_the_file_is_an_error_and_leaves_no_cache(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", IMAGES, LABELS, ["cat", "dog"])
    raw = bytearray(path.read_bytes())
    raw[100:4000] = bytes(3900)
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"x\.parquet is damaged"):
        datasets.load(path, cache=tmp_path / "cache")
    assert not [p for p in (tmp_path / "cache" / "datasets").iterdir() if p.is_dir()]


def test_files_of_one_set_must_agree_on_the_classes(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", IMAGES[:40], LABELS[:40], ["cat", "dog"])
    write_parquet(tmp_path / "test-0.parquet", IMAGES[40:], LABELS[40:], ["dog", "cat"])
    with pytest.raises(ValueError, match=r"name their classes differently"):
        datasets.load(tmp_path, cache=tmp_path / "cache")


def test_a_changed_file_is_decoded_again(tmp_path):
    first = datasets.load(write_parquet(tmp_path / "x.parquet", IMAGES, LABELS), cache=tmp_path / "cache")
    again = datasets.load(tmp_path / "x.parquet", cache=tmp_path / "cache")
    assert again.fingerprint == first.fingerprint
    write_parquet(tmp_path / "x.parquet", IMAGES[::-1], LABELS)
    assert datasets.load(tmp_path / "x.parquet", cache=tmp_path / "cache").fingerprint != first.fingerprint
