"""Collections in their published layouts, as small fixtures; none of this ran on the real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simviz import datasets
from simviz.datasets import presets as source

from .helpers import encoded, picture

ADIENCE_HEADER = "user_id original_image face_id age gender x y dx dy tilt_ang fiducial_yaw_angle fiducial_score"


def write_adience(root: Path, kind: str, prefix: str) -> int:
    """Five folds of people with two faces each, of every group and of ages that belong to none."""
    ages = ["(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)"]
    odd = ["None", "3", "13", "22", "(38, 48)", "(8, 23)"]  # in no group, or across two
    inside = ["29", "9", "(27, 32)", "(38, 42)"]  # single ages and ranges within a group
    seed = 0
    for fold in range(5):
        rows = ["\t".join(ADIENCE_HEADER.split())]
        for number, age in enumerate(ages * 2 + odd + inside):
            for face in (1, 2):
                user, name = f"{fold}{number:02d}@N01", f"{seed}.jpg"
                rows.append("\t".join([user, name, str(face), age, "f", *["0"] * 7]))
                place = root / kind / user / f"{prefix}.{face}.{name}"
                place.parent.mkdir(parents=True, exist_ok=True)
                picture(seed).save(place)
                seed += 1
        (root / f"fold_{fold}_data.txt").write_text("\n".join(rows) + "\n")
    return 5 * 2 * len(odd)


@pytest.mark.parametrize(
    ("kind", "prefix"), [("faces", "coarse_tilt_aligned_face"), ("aligned", "landmark_aligned_face")]
)
def test_adience(tmp_path, kind, prefix):
    outside = write_adience(tmp_path / "adience", kind, prefix)
    data = datasets.load(tmp_path / "adience", cache=tmp_path / "cache")
    assert data.classes.names == ("0-2", "4-6", "8-12", "15-20", "25-32", "38-43", "48-53", "60-100")
    assert data.classes.positions == (1, 5, 10, 17.5, 28.5, 40.5, 50.5, 80)
    assert f"{outside} faces of an age between the groups, or of none, were left out." in data.notes
    assert len(data) == 5 * 2 * (16 + 4)
    assert {i.split("/")[1][0] for i in data.ids[data.indices("test")]} == {"4"}  # the last fold
    assert data.unit_name == "person"
    people = np.array([i.split("/")[1] for i in data.ids])
    assert len(np.unique(data.units)) == len(np.unique(people)) == 100
    for person in np.unique(people):  # nobody is in two parts
        assert len(np.unique(data.split[people == person])) == 1
        assert len(np.unique(data.units[people == person])) == 1


def test_images_of_groups(tmp_path):
    """A face is cut out around its eyes: here each stands before a field of its own colour."""
    ages, colours = list(source.GROUPS), {}
    for event in range(30):
        folder = tmp_path / "groups" / f"Fam{event}a"
        folder.mkdir(parents=True)
        lines = []
        for photo in range(2):
            pixels = np.zeros((100, 300, 3), np.uint8)
            lines.append(f"{photo}.png")
            for face in range(3):
                colour = (event * 8, photo * 200 + 20, face * 100 + 20)
                pixels[:, face * 100 : face * 100 + 100] = colour
                age = ages[(event + photo + face) % 7]
                lines.append(f"{face * 100 + 45}\t40\t{face * 100 + 55}\t40\t{age}\t1")
                colours[colour] = age
            Image.fromarray(pixels).save(folder / f"{photo}.png")
        lines.append("nothing to see")
        (folder / "PersonData.txt").write_text("\n".join(lines))
    data = datasets.load(tmp_path / "groups", cache=tmp_path / "cache")
    assert data.classes.names == ("0-2", "3-7", "8-12", "13-19", "20-36", "37-65", "66+")
    assert len(data) == 180
    assert "30 lines of PersonData.txt that describe no face were skipped." in data.notes
    for image, label in zip(data.images, data.labels, strict=True):
        assert (image == image[0, 0]).all()
        assert data.classes.positions[label] == colours[tuple(int(v) for v in image[0, 0])]
    assert (data.unit_name, len(np.unique(data.units))) == ("photograph", 60)
    parts = {(int(u), int(p)) for u, p in zip(data.units, data.split, strict=True)}
    assert len(parts) == 60  # no photograph is divided


def test_ava(tmp_path):
    (tmp_path / "ava" / "images").mkdir(parents=True)
    lines, rng = [], np.random.default_rng(0)
    means = {}
    for i in range(120):
        votes = np.bincount(np.clip(rng.normal(1 + i % 10, 1, 40).round(), 1, 10).astype(int), minlength=11)[1:]
        means[f"images/{900 + i}.jpg"] = float(np.average(np.arange(1, 11), weights=votes))
        lines.append(" ".join(map(str, [i + 1, 900 + i, *votes, 1, 22, 1396])))
        picture(i).save(tmp_path / "ava" / "images" / f"{900 + i}.jpg")
    (tmp_path / "ava" / "AVA.txt").write_text("\n".join([*lines, "121 77 0 0 0 0 0 0 0 0 0 0 1 22 3", "junk"]))
    data = datasets.load(tmp_path / "ava", cache=tmp_path / "cache")
    assert len(data) == 120
    assert "2 lines of AVA.txt without ten counts of votes were skipped." in data.notes
    assert all(abs(means[i] - data.classes.positions[c]) <= 0.5 for i, c in zip(data.ids, data.labels, strict=True))


def test_afad(tmp_path):
    for age in (15, 18, 40):
        for sex in ("111", "112"):
            folder = tmp_path / "AFAD" / str(age) / sex
            folder.mkdir(parents=True)
            for i in range(20):
                picture(age * 1000 + int(sex) * 20 + i).save(folder / f"{age}{i}-0.jpg")
    data = datasets.load(tmp_path / "AFAD", cache=tmp_path / "cache")
    assert (data.classes.names, data.classes.positions) == (("15", "18", "40"), (15, 18, 40))
    assert len(data) == 120


def test_imagenet(tmp_path):
    blob = encoded(0, "JPEG", side=8)
    for part in ("train", "val"):
        for i in range(1000):
            folder = tmp_path / "imagenet" / part / f"n{i:08d}"
            folder.mkdir(parents=True)
            (folder / "0.JPEG").write_bytes(blob)
    data = source.source(tmp_path / "imagenet")()
    assert (data.classes.names[0], data.classes.names[999]) == ("tench", "toilet tissue")
    rows = [data.ids.index(f"train/n{i:08d}/0.JPEG") for i in (0, 1, 999)]
    assert data.labels[rows].tolist() == [0, 1, 999]
    parts = {i.split("/")[0]: int(p) for i, p in zip(data.ids, data.parts, strict=True)}
    assert parts == {"train": 0, "val": 2}


def test_ordinary_folders_are_none_of_these(tmp_path):
    for name in ("1", "2"):
        (tmp_path / "x" / name).mkdir(parents=True)
    assert source.source(tmp_path / "x") is None
    (tmp_path / "x" / "AVA.txt").write_text("")
    with pytest.raises(ValueError, match="names no image whose class is known"):
        datasets.load(tmp_path / "x", cache=tmp_path / "cache")
