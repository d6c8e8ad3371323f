"""UTKFace: ages from names, the authors' split, and archives that mean harm."""

from __future__ import annotations

import random
import zipfile

import numpy as np
import pytest

from simviz import ClassSet, datasets
from simviz.datasets import utkface as source
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import UNDECIDED

from .helpers import encoded


def face(age: int, number: int) -> str:
    return f"UTKFace/{age}_0_1_2017{number:08d}.jpg.chip.jpg"


def write_zip(path, names, data=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, name in enumerate(names):
            archive.writestr(name, encoded(i, "JPEG") if data is None else data)
    return path


NAMES = [face(1 + i % 90, i) for i in range(900)]


def authors_split(names: list[str]) -> dict[str, list[str]]:
    """Their code's steps: sort by (age folder, name), shuffle the list with seed 42, cut at 60 and 80 %."""
    ordered = sorted(names, key=lambda n: (n.split("/")[1].split("_")[0].zfill(3), n))
    np.random.seed(42)  # noqa: NPY002 - as they do
    np.random.shuffle(ordered)  # noqa: NPY002
    a, b = int(0.6 * len(ordered)), int(0.8 * len(ordered))
    return {"train": ordered[:a], "validation": ordered[a:b], "test": ordered[b:]}


def test_the_split_is_the_authors_whatever_the_order_in_the_zip(tmp_path):
    shuffled = random.Random(0).sample(NAMES, len(NAMES))
    data = datasets.load(write_zip(tmp_path / "UTKFace.zip", shuffled), cache=tmp_path / "cache")
    for part, names in authors_split(NAMES).items():
        assert set(data.ids[data.indices(part)]) == set(names)
    for i, name in enumerate(data.ids):
        assert data.classes.positions[data.labels[i]] == int(name.split("/")[1].split("_")[0])
    assert data.images.shape[1:] == (60, 60, 3)
    assert (data.unit_name, data.default_model) == ("image", "age")


def test_counts_on_the_full_number_of_faces():
    n = 23_621
    split = source.split(np.zeros((n, 2)), np.full(n, UNDECIDED, np.uint8), np.zeros(n, np.int64))
    assert np.bincount(split).tolist() == [14_172, 4_724, 4_725]


def test_a_test_part_from_elsewhere_leaves_three_quarters_to_training(tmp_path):
    parts = np.array([UNDECIDED] * 80 + [TEST] * 20, np.uint8)
    split = source.split(np.zeros((100, 2)), parts, np.zeros(100, np.int64))
    assert np.bincount(split).tolist() == [60, 20, 20]
    assert set(split[:80]) == {TRAIN, VALIDATION}
    a = write_zip(tmp_path / "a.zip", NAMES)
    b = write_zip(tmp_path / "b.zip", [face(5, 1), face(90, 2)])
    data = datasets.load(a, test=b, cache=tmp_path / "cache")
    assert [data.classes.names[i] for i in data.labels[data.indices("test")]] == ["5", "90"]


def test_a_folder_is_the_same_data_set_as_its_zip(tmp_path):
    path = write_zip(tmp_path / "UTKFace.zip", NAMES)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "out")
    zipped = datasets.load(path, cache=tmp_path / "cache")
    folder = datasets.load(tmp_path / "out", cache=tmp_path / "cache")
    assert folder.fingerprint == zipped.fingerprint


def test_what_is_left_out_is_counted(tmp_path):
    odd = [face(91, 1), face(116, 2), face(0, 3), "UTKFace/nameless.jpg", "UTKFace/_1_2.jpg", "UTKFace/notes.txt"]
    data = datasets.load(write_zip(tmp_path / "u.zip", NAMES + odd), cache=tmp_path / "cache")
    assert len(data) == len(NAMES)
    assert data.notes[:2] == (
        "3 faces of ages outside 1 to 90 were left out.",
        "2 file names without a readable age were skipped.",
    )


def test_ages_nobody_has_are_no_classes_and_the_others_keep_their_years(tmp_path):
    names = [face(20 + 2 * (i % 3), i) for i in range(60)]
    data = datasets.load(write_zip(tmp_path / "u.zip", names), cache=tmp_path / "c")
    assert data.classes == ClassSet(["20", "22", "24"], positions=[20, 22, 24])
    absent = ", ".join(str(age) for age in range(1, 91) if age not in (20, 22, 24))
    assert f"Nobody is aged {absent}: no classes." in data.notes


def test_an_age_of_one_face_is_trained_on(tmp_path):
    names = [face(30, i) for i in range(40)] + [face(age, 99) for age in range(31, 51)]
    data = datasets.load(write_zip(tmp_path / "u.zip", names), cache=tmp_path / "c")
    assert len(data.classes) == 21
    assert set(data.labels[data.indices("train")].tolist()) == set(range(21))
    split = authors_split(names)
    assert not set(split["train"]) - set(data.ids[data.indices("train")])
    assert f"No test image of {', '.join(str(age) for age in range(31, 51))}." in data.notes


def test_the_real_faces(faces):
    assert len(faces.classes) == 90
    assert faces.images.shape[1:] == (60, 60, 3)
    n = len(faces)
    assert np.bincount(faces.split).tolist() == [int(0.6 * n), int(0.8 * n) - int(0.6 * n), n - int(0.8 * n)]
    assert {int(i.split("/")[-1].split("_")[0]) - 1 for i in faces.ids} == set(np.unique(faces.labels))
    for i in range(0, n, 977):
        assert faces.labels[i] == int(faces.ids[i].split("/")[-1].split("_")[0]) - 1
    if n + 87 == 23_708:  # the published set, whole
        assert np.bincount(faces.split).tolist() == [14_172, 4_724, 4_725]


@pytest.mark.parametrize(
    "name", ["../1_0_0_1.jpg", "/1_0_0_1.jpg", "a/../../1_0_0_1.jpg", "..\\1_0_0_1.jpg", "C:/1_0_0_1.jpg"]
)
def test_names_that_lead_out_of_the_archive_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="leads out of the archive"):
        datasets.load(write_zip(tmp_path / "u.zip", [*NAMES, name]), cache=tmp_path / "cache")


def test_bombs_are_refused_before_they_unpack(tmp_path, monkeypatch):
    bomb = write_zip(tmp_path / "bomb.zip", [face(1, 1)], b"\0" * 3_000_000)
    with pytest.raises(ValueError, match="no photograph"):
        datasets.load(bomb, cache=tmp_path / "cache")
    monkeypatch.setattr(source, "MAX_TOTAL_BYTES", 10_000)
    with pytest.raises(ValueError, match="in all so far"):
        datasets.load(write_zip(tmp_path / "many.zip", NAMES), cache=tmp_path / "cache")
    monkeypatch.setattr(source, "MAX_MEMBERS", 100)
    with pytest.raises(ValueError, match="has 900 members"):
        datasets.load(tmp_path / "many.zip", cache=tmp_path / "cache")


def test_a_member_that_lies_about_its_size_or_content_is_skipped(tmp_path):
    path = write_zip(tmp_path / "u.zip", NAMES)
    with zipfile.ZipFile(path) as archive:
        victim = archive.infolist()[17]
    raw = bytearray(path.read_bytes())
    start = victim.header_offset + 30 + len(victim.filename)
    raw[start + 40 : start + 60] = bytes(20)
    path.write_bytes(raw)
    data = datasets.load(path, cache=tmp_path / "cache")
    assert len(data) == len(NAMES) - 1
    assert any(f"1 of 900 images could not be decoded and were skipped: {victim.filename}" in n for n in data.notes)


def test_nothing_is_written_outside_the_cache(tmp_path):
    path = write_zip(tmp_path / "u.zip", NAMES)
    datasets.load(path, cache=tmp_path / "cache")
    assert {p.name for p in tmp_path.iterdir()} == {"u.zip", "cache"}


@pytest.mark.parametrize(
    ("content", "message"), [(b"PK\3\4 no zip", "cannot be read as a zip"), (None, "holds no image named")]
)
def test_other_zips_are_refused_in_a_sentence(tmp_path, content, message):
    path = tmp_path / "u.zip"
    if content is None:
        write_zip(path, ["readme.txt"])
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        datasets.load(path, cache=tmp_path / "cache")
