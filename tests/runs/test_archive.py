"""Archives: what is packed comes back; what a stranger might send does not get in."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from simviz.runs import Store, StoreError, archive
from tests.runs import helpers


@pytest.fixture
def made(tmp_path):
    return helpers.comparison(tmp_path / "a")


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "b")


def packed(comparison):
    buffer = io.BytesIO()
    archive.pack(comparison, buffer)
    return buffer


def changed(made, name, data, **how):
    """The packed comparison with one file replaced or added."""
    source, target = zipfile.ZipFile(packed(made)), io.BytesIO()
    wanted = name if name.startswith(("/", "..", "C:")) else f"{made.id}/{name}"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for member in source.namelist():
            if member != wanted:
                file.writestr(member, source.read(member))
        entry = zipfile.ZipInfo(wanted)
        entry.compress_type = zipfile.ZIP_DEFLATED
        for key, value in how.items():
            setattr(entry, key, value)
        file.writestr(entry, data)
    return target


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_what_is_packed_comes_back_as_it_was(made, other):
    back = archive.unpack(packed(made), other)
    assert (back.id, back.title, back.classes) == (made.id, made.title, made.classes)
    assert [r.spec for r in back.runs] == [r.spec for r in made.runs]
    for ours, theirs in zip(made.runs, back.runs, strict=True):
        assert theirs.metrics() == ours.metrics()
        assert theirs.epochs == ours.epochs
        assert theirs.status["state"] == "finished"
        assert theirs.result()["accuracy"] == ours.result()["accuracy"]
        for part in ("validation", "test"):
            a, b = ours.predictions(part), theirs.predictions(part)
            assert np.array_equal(a.log_probabilities, b.log_probabilities)
            assert np.array_equal(a.ids, b.ids)
    assert np.array_equal(made.images(), back.images())


def test_nothing_of_the_other_machine_comes_along(made, other):
    (made.runs[0].path / "checkpoint.safetensors").write_bytes(b"weights")
    back = archive.unpack(packed(made), other)
    assert not list(back.path.rglob("*.safetensors"))
    assert str(made.path) not in "".join(p.read_text() for p in back.path.rglob("*.json"))


def test_a_second_import_stands_beside_the_first(made, other):
    first, second = archive.unpack(packed(made), other), archive.unpack(packed(made), other)
    assert first.id != second.id
    assert {c.id for c in other.comparisons()} == {first.id, second.id}


@pytest.mark.parametrize("state", ["running", "queued", "lost", "nonsense"])
def test_runs_that_were_not_over_are_cancelled_here(tmp_path, other, state):
    made = helpers.comparison(tmp_path / "a", state=state)
    back = archive.unpack(packed(made), other)
    assert {r.status["state"] for r in back.runs} == {"cancelled"}


def test_a_ruler_that_is_a_file_elsewhere_is_not_followed(made, other, tmp_path):
    info = json.loads((made.path / "comparison.json").read_text())
    info["ruler"]["choice"] = str(tmp_path / "secret.csv")
    back = archive.unpack(changed(made, "comparison.json", json.dumps(info)), other)
    assert back.info["ruler"]["choice"] is None
    assert any("secret.csv" in note for note in back.info["notes"])


PICKLE = npz(ids=np.array([{"a": 1}], dtype=object))
BOMB = io.BytesIO()
with zipfile.ZipFile(BOMB, "w", zipfile.ZIP_DEFLATED) as _file:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)})
    _file.writestr("confusion.npy", header.getvalue())

HOSTILE = {
    "a path outside": ("../../evil.json", b"{}", {}, "no file of a comparison"),
    "an absolute path": ("/etc/evil.json", b"{}", {}, "no file of a comparison"),
    "a drive": ("C:\\evil.json", b"{}", {}, "no file of a comparison"),
    "a backslash": ("ce-s0\\..\\..\\evil.json", b"{}", {}, "no file of a comparison"),
    "a hidden run": (".git/spec.json", b"{}", {}, "no file of a comparison"),
    "an unknown file": ("ce-s0/evil.py", b"", {}, "no file of a comparison"),
    "a checkpoint": ("ce-s0/checkpoint.safetensors", b"", {}, "no file of a comparison"),
    "a link": ("ce-s0/log.txt", b"/etc/passwd", {"external_attr": 0o120777 << 16, "create_system": 3}, "link"),
    "a pickle": ("ce-s0/test.npz", PICKLE, {}, "never read"),
    "a huge array": ("ce-s0/epochs/0001.npz", BOMB.getvalue(), {}, "not as long as it says"),
    "a text for an npz": ("ce-s0/test.npz", b"not a zip", {}, "cannot be read"),
    "another shape": ("ce-s0/epochs/0001.npz", npz(confusion=np.eye(2, dtype=int)), {}, "confusion matrix of 3"),
    "a torn spec": ("ce-s0/spec.json", b"{ torn", {}, "spec.json is not JSON"),
    "an unknown field": ("ce-s0/spec.json", b'{"dataset": "a", "loss": "ce", "x": 1}', {}, "spec.json"),
    "a list for JSON": ("ce-s0/status.json", b"[]", {}, "not a JSON object"),
    "deep JSON": ("ce-s0/status.json", b"[" * 100_000, {}, "is not JSON"),
    "a NaN": ("ce-s0/metrics.jsonl", b'{"epoch": 1, "nll": NaN}', {}, "line 1"),
    "text for numbers": ("ce-s0/metrics.jsonl", b'{"epoch": 1, "accuracy": "<b>"}', {}, "line 1"),
    "nested results": ("ce-s0/result.json", b'{"accuracy": {"a": 1}}', {}, "result.json"),
    "no classes": (
        "comparison.json",
        json.dumps({"schema_version": 1, "runs": [], "classes": {}, "dataset": {"name": "a"}}),
        {},
        "its classes",
    ),
    "a newer schema": ("comparison.json", b'{"schema_version": 99}', {}, "schema_version"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_does_not_belong_is_refused_and_nothing_stays(made, other, case):
    name, data, how, sentence = HOSTILE[case]
    with pytest.raises(StoreError, match=sentence):
        archive.unpack(changed(made, name, data, **how), other)
    assert other.comparisons() == []
    assert list(other.root.iterdir()) == []


@pytest.mark.parametrize("target", [np.array([0, 1, 3] * 4), np.array([0, 1, -1] * 4)])
def test_true_classes_must_exist(made, other, target):
    arrays = {"ids": np.array([str(i) for i in range(12)]), "units": np.arange(12), "target": target}
    data = npz(**arrays, log_probabilities=np.zeros((12, 3), np.float16))
    with pytest.raises(StoreError, match="true class outside"):
        archive.unpack(changed(made, "ce-s0/test.npz", data), other)


def test_sizes_are_known_before_anything_is_written(made, other, monkeypatch):
    buffer = packed(made)
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with pytest.raises(StoreError, match="would take"):
        archive.unpack(buffer, other)
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(StoreError, match="at most 3"):
        archive.unpack(buffer, other)
    assert list(other.root.iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"PK", b"text", os.urandom(500)])
def test_what_is_no_zip_is_said(other, data):
    with pytest.raises(StoreError, match="not a zip file"):
        archive.unpack(io.BytesIO(data), other)


def test_two_comparisons_in_one_archive_are_refused(made, other):
    buffer = packed(made)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("second/comparison.json", "{}")
    with pytest.raises(StoreError, match="one comparison in one folder"):
        archive.unpack(buffer, other)
