from __future__ import annotations

import shutil

import pytest

from simviz.ui import cache, folders
from tests.tiny import write_folder


@pytest.fixture
def data(tmp_path, monkeypatch):
    inside = tmp_path / "data"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret 1 2")
    (inside / "S.csv").write_text("fine")
    (inside / "vectors.txt").write_text("cat 1 2")
    (inside / "way-out.csv").symlink_to(tmp_path / "secret.csv")
    monkeypatch.setenv("SIMVIZ_DATA", str(inside))
    monkeypatch.setenv("SIMVIZ_RUNS", str(tmp_path / "runs"))
    return inside


def test_files_of_a_configured_folder_can_be_named(data):
    assert folders.inside("S.csv") == str(data / "S.csv")
    assert folders.checked_setting(f"simloss@{data}/S.csv") == f"simloss@{data}/S.csv"
    assert "vectors.txt" in folders.checked_setting(f"simloss@words:vectors={data}/vectors.txt")


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "way-out.csv", "nothing.csv", "../secret.txt"])
def test_no_other_file_can_be_named(data, name):
    with pytest.raises(ValueError, match="nothing at"):
        folders.inside(name)


@pytest.mark.parametrize("setting", ["simloss@{}/secret.csv", "simloss@words:vectors={}/secret.txt"])
def test_a_setting_reaches_no_file_outside(data, setting):
    with pytest.raises(ValueError, match="nothing at"):
        folders.checked_setting(setting.format(data.parent))


def test_a_folder_of_pictures_that_has_changed_is_read_again(tmp_path):
    folder = write_folder(tmp_path / "shapes", per_class=12)
    first = cache.dataset(str(folder))
    assert cache.dataset(str(folder)) is first
    shutil.copy(folder / "cat" / "0.png", folder / "cat" / "another.png")
    assert len(cache.dataset(str(folder)).labels) == len(first.labels) + 1
