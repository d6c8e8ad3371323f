"""A run folder that someone else wrote, and two who delete at once."""

import io
import os
import threading
import zipfile

import numpy as np
import pytest

from simviz import npz
from simviz.runs import Comparison, Store, StoreError
from tests.runs import helpers

SECRET = "the secret of another folder"


def says(at):
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown, at.code)
    return "\n".join(str(e.value) for box in boxes for e in box)


def linked_log(folder, secret):
    log = folder / "ce-s0" / "log.txt"
    log.unlink()
    log.symlink_to(secret)


def linked_record(folder, secret):
    record = folder / "ce-s0" / "result.json"
    record.unlink()
    record.symlink_to(secret)


def linked_run(folder, secret):
    (folder / "run-elsewhere").symlink_to(secret.parent, target_is_directory=True)


def pipe(folder, secret):
    (folder / "ce-s0" / "status.json").unlink()
    os.mkfifo(folder / "ce-s0" / "status.json")


def huge(folder, secret):
    with (folder / "ce-s0" / "result.json").open("wb") as file:
        file.truncate(2**40)


def deep(folder, secret):
    (folder / "comparison.json").write_text('{"a":' * 100_000)


def not_finite(folder, secret):
    (folder / "ce-s0" / "metrics.jsonl").write_text('{"epoch": 1, "accuracy": NaN}\n{"epoch": Infinity}\n')
    text = (folder / "comparison.json").read_text()
    (folder / "comparison.json").write_text(text.replace('"created": ', '"created": 1e999, "made": '))


def outside(folder, secret):
    text = (folder / "comparison.json").read_text()
    (folder / "comparison.json").write_text(text.replace('"ce-s0"', '"../../secret", "/etc", "ce-s0"'))


def pickled(folder, secret):
    np.savez(folder / "ce-s0" / "test.npz", ids=np.array([{"a": 1}], dtype=object), units=[0], target=[0])


HOSTILE = [linked_log, linked_record, linked_run, pipe, huge, deep, not_finite, outside, pickled]


@pytest.fixture
def stores(runs, tmp_path):
    """A comparison that is fine, one to be changed, and a secret beside the store."""
    (tmp_path / "elsewhere").mkdir()
    secret = tmp_path / "elsewhere" / "spec.json"
    secret.write_text(f'{{"dataset": "{SECRET}", "loss": "ce", "accuracy": "{SECRET}"}}')
    return helpers.comparison(runs, title="fine"), helpers.comparison(runs, title="hostile"), secret


@pytest.mark.parametrize("change", HOSTILE, ids=lambda f: f.__name__)
def test_a_hostile_run_folder_harms_no_page_and_no_other_run(visit, stores, change):
    fine, hostile, secret = stores
    change(hostile.path, secret)
    at = visit("runs", c=hostile.id, run="ce-s0")
    assert "fine" in list(at.dataframe[0].value["comparison"])
    tables = "\n".join(d.value.to_string() for d in at.dataframe)
    assert SECRET not in says(at) + tables
    assert Comparison(fine.path).runs[0].status["state"] == "finished"


def test_the_pages_of_results_survive_what_is_broken(visit, stores):
    _, hostile, secret = stores
    for change in (linked_log, pickled, outside):
        change(hostile.path, secret)
    said = says(visit("confusion", c=hostile.id))
    assert "ce-s0" in said.replace("\\", "")
    assert SECRET not in said


def test_the_shown_log_is_the_end_of_the_file_whatever_its_length(stores):
    run = stores[0].runs[0]
    with (run.path / "log.txt").open("wb") as file:
        file.truncate(2**40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe last line\n")
    assert run.log(2).endswith("the last line")


def test_of_two_who_delete_at_once_one_does_and_the_other_is_told(runs):
    for _ in range(20):
        made, told, begun = helpers.comparison(runs), [], threading.Barrier(2)

        def delete(name=made.id, told=told, begun=begun):
            begun.wait()
            try:
                told.append(Store(runs).delete(name))
            except StoreError as error:
                told.append(str(error))

        both = [threading.Thread(target=delete) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        sentence = next(t for t in told if t is not None)
        assert sorted(t is None for t in told) == [False, True]
        assert "was deleted already" in sentence or "there is no comparison" in sentence
        assert not made.path.exists()
    assert not [p for p in runs.iterdir() if p.name.startswith(".deleted")]


def test_a_page_that_reads_while_another_deletes_says_a_sentence(visit, runs):
    made = helpers.comparison(runs)
    at = visit("runs", c=made.id)
    Store(runs).delete(made.id)
    assert not at.run().exception
    at = visit("severity", c=made.id)
    assert "which is not here" in says(at)


def bomb(path, size=2**33):
    """A zip of some megabytes that unpacks to one array of `size` bytes."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("ids.npy", header.getvalue())
    data = path.read_bytes()
    claimed = (len(header.getvalue()) + size).to_bytes(8, "little")[:4]
    at = data.index(b"PK\x01\x02") + 24
    path.write_bytes(data[:at] + claimed + data[at + 4 :])


@pytest.mark.parametrize("size", [2**31, 2**20])
def test_an_array_is_as_long_as_it_says_or_is_not_read(tmp_path, size):
    bomb(tmp_path / "a.npz", size)
    with pytest.raises(ValueError, match=r"a\.npz (holds more than|cannot be read|.*cut short)|in a\.npz is cut short"):
        npz.read(tmp_path / "a.npz")


@pytest.mark.parametrize("code", [0x110000, 0xD800, 0xFFFFFFFF])
@pytest.mark.parametrize("order", ["<", ">"])
def test_texts_that_are_no_unicode_are_refused(tmp_path, code, order):
    text = np.array([65, code], dtype=f"{order}u4").view(f"{order}U2")
    np.savez(tmp_path / "a.npz", ids=text)
    with pytest.raises(ValueError, match=r"'ids' in a\.npz holds texts that are no Unicode"):
        npz.read(tmp_path / "a.npz")


def test_a_link_to_an_npz_is_not_followed(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3))
    (tmp_path / "b.npz").symlink_to(tmp_path / "a.npz")
    assert npz.read(tmp_path / "a.npz")["a"].tolist() == [0, 1, 2]
    assert npz.headers(tmp_path / "a.npz") == {"a": ((3,), "i")}
    with pytest.raises(ValueError, match=r"b\.npz is no plain file"):
        npz.read(tmp_path / "b.npz")
