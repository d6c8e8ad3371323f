"""Two who write one file at once do not meet."""

import os
from threading import Thread

import numpy as np
import pytest

from simviz import ClassMatrix
from simviz.atomic import replacing
from simviz.words.vectors import TableVectors

TABLE = np.eye(2, dtype=np.float32)


def _text(path):
    with replacing(path) as partial:
        partial.write_text("whole")


WRITERS = {
    "text": _text,
    "matrix.csv": ClassMatrix(["a", "b"], TABLE).save,
    "vectors.bin": TableVectors("own", TABLE, lambda tokens: {}, lambda row: "ab"[row]).save,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_another_thread_writes_meanwhile_is_whole(tmp_path, monkeypatch, name):
    path, write, replace = tmp_path / name, WRITERS[name], os.replace

    def meanwhile(partial, target):
        monkeypatch.setattr(os, "replace", replace)
        other = Thread(target=write, args=(path,))
        other.start()
        other.join()
        replace(partial, target)

    write(path)
    alone = path.read_bytes()
    monkeypatch.setattr(os, "replace", meanwhile)
    write(path)
    assert path.read_bytes() == alone
    assert list(tmp_path.iterdir()) == [path]
