"""What is no table of texts and numbers is refused in a sentence; nothing is run, unpickled or believed."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simviz.evaluation import foreign
from simviz.evaluation.foreign import files

from .conftest import csv, npz, parquet


class Touch:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def npy_header(shape, descr="<f8"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("SLASH", "/").replace("DOT", "."), data)
    return buffer.getvalue()


def repeated_text():
    """Two kilobytes of Parquet whose texts would take 100 GB."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, "i4")), pa.array(["x" * 1_000_000]))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"y_true": texts, "y_pred": np.zeros(100_000, "i4")}), buffer, compression="zstd")
    return buffer.getvalue()


REFUSED = {
    "empty": ("a.csv", b"", "a.csv is empty"),
    "header alone": ("a.csv", b"y_true,y_pred\n", "a first line and no rows below it"),
    "blank": ("a.csv", b"\n\n  \n", "has no rows|holds no table|no rows below"),
    "another format": ("a.xlsx", b"PK", "must end in one of .csv, .tsv, .csv.gz, .tsv.gz, .parquet, .npz, .npy"),
    "UTF-16": ("a.csv", "y_true,y_pred\na,b\n".encode("utf-16"), "is not UTF-8 text; save it as CSV"),
    "Latin-1": ("a.csv", "y_true,y_pred\nKäse,Käse\n".encode("latin-1"), "is not UTF-8 text"),
    "null bytes": ("a.csv", b"y_true,y_pred\na\x00,b\n", "is not UTF-8 text"),
    "long row": ("a.csv", b"y_true,y_pred\na,b\na,b,c\n", "cannot be read as a table: .*Expected 2 columns, got 3"),
    "short row": ("a.csv", b"y_true,y_pred\na,b\na\n", "cannot be read as a table: .*Expected 2 columns, got 1"),
    "two columns of one name": ("a.csv", b"y_true,y_true\na,b\n", "two columns 'y_true'; column names must differ"),
    "torn gz": ("a.csv.gz", gzip.compress(b"y_true,y_pred\n" + b"a,b\n" * 999)[:40], "a.csv.gz cannot be read"),
    "no gz": ("a.csv.gz", b"y_true,y_pred\na,b\n", "a.csv.gz cannot be read: Not a gzipped file"),
    "garbled gz": ("a.tsv.gz", gzip.compress(b"y_true,y_pred\n")[:10] + b"\xff" * 40, "a.tsv.gz cannot be read"),
    "another gz": ("a.npz.gz", gzip.compress(b""), "its name must end in one of"),
    "no Parquet": ("a.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
    "repeated text": ("a.parquet", repeated_text(), "'y_true' in a.parquet holds more than 2 GiB of text"),
    "empty place": ("a.parquet", parquet(pd.DataFrame({"y_true": ["a", None]})), "row 2 of 'y_true' .* is empty"),
    "ragged lists": ("a.parquet", parquet(pd.DataFrame({"p": [[0.5, 0.5], [1.0]]})), "lists of different lengths"),
    "no zip": ("a.npz", b"PK\x03\x04 torn", "cannot be read as npz"),
    "path outside": ("a.npz", zipped(DOTDOTSLASHy_trueDOTnpy=b""), "holds '../y_true.npy', which is no array"),
    "another member": ("a.npz", zipped(readmeDOTtxt=b"hello"), "holds 'readme.txt', which is no array"),
    "no array": ("a.npz", zipped(y_trueDOTnpy=b"hello"), "is not a NumPy array"),
    "torn header": ("a.npz", zipped(xDOTnpy=b"\x93NUMPY\x01\x00\x04\x00{'(\n"), "is not a NumPy array"),
    "8 TB header": ("a.npy", npy_header((10**6, 10**6)), "has the shape .1000000, 1000000.; at most"),
    "2 GB header": ("a.npy", npy_header((2**28,)), "at most 134,217,728 numbers are read"),
    "negative shape": ("a.npy", npy_header((-1, 3)), "has the shape .-1, 3."),
    "many rows": ("a.npy", npy_header((10**7 + 1, 1), "|u1") + bytes(10**7 + 1), "10,000,001 rows; at most"),
    "cut short": ("a.npy", npy_header((4, 4)) + bytes(100), "is cut short or longer than its header says"),
    "too long": ("a.npy", npy_header((4, 4)) + bytes(200), "is cut short or longer than its header says"),
    "complex": ("a.npy", npy_header((2, 2), "<c16") + bytes(64), "is complex128; numbers or texts are needed"),
    "three axes": ("a.npy", npy_header((2, 2, 2)) + bytes(64), "save y_true and y_pred together as npz"),
    "bytes of another code": ("a.npz", npz(y_true=np.array([b"\xff\xfe"])), "'y_true' of a.npz is not UTF-8 text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_in_a_sentence(case):
    name, data, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        foreign.source(data, name)
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_nothing_is_unpickled(tmp_path, name):
    touched = tmp_path / "touched"
    array = np.array([Touch(touched)], dtype=object)
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True) if name == "a.npy" else np.savez(buffer, y_true=array)
    with pytest.raises(ValueError, match=r"holds Python objects, which are never read; save it with .astype"):
        foreign.source(buffer.getvalue(), name)
    bare = pickle.dumps(Touch(touched))
    with pytest.raises(ValueError, match=r"is not a NumPy array|cannot be read as npz"):
        foreign.source(bare, name)
    assert not touched.exists()


def test_a_file_over_the_limit_is_not_opened(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES + 1)  # a hole: it takes no room
    with pytest.raises(ValueError, match=r"a.csv has 2.1 GB; at most 2 GiB are read"):
        foreign.source(path)
    with pytest.raises(ValueError, match="there is no file"):
        foreign.source(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="there is no file"):
        foreign.source(tmp_path / "folder.csv")


def test_an_array_that_grows_when_it_is_unpacked_is_refused_by_its_size():
    big = np.zeros(files.MAX_VALUES + 1, dtype=np.int8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, y_true=big)
    assert len(buffer.getvalue()) < 200_000
    with pytest.raises(ValueError, match="at most 134,217,728 numbers are read"):
        foreign.source(buffer.getvalue(), "a.npz")


def test_a_text_that_grows_when_it_is_unpacked_is_not_unpacked_to_its_end(monkeypatch):
    monkeypatch.setattr(files, "MAX_UNPACKED", 2**20)
    bomb = gzip.compress(b"y_true,y_pred\n" + b"0,0\n" * 2**23)
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^a.csv.gz unpacks to more than 1 MiB; unpack it and give its path$"):
        foreign.source(bomb, "a.csv.gz")
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_texts_come_as_they_stand(bom, ends):
    table = pd.DataFrame({"y_true": ["a, b", 'say "x"', "zwei\nZeilen"], "y_pred": ["007", "é", " blank "]})
    found = foreign.source(bom + csv(table, lineterminator=ends), "a.csv")
    assert found.texts("y_true").tolist() == ["a, b", 'say "x"', "zwei\nZeilen"]
    assert found.texts("y_pred").tolist() == ["007", "é", "blank"]


def test_a_cell_that_is_no_number_is_named():
    found = foreign.source(b"y_true,p_a,p_b\na,0.5,0.5\nb,0.5,half\n", "a.csv")
    with pytest.raises(ValueError, match=r"row 2 of 'p_b' in a.csv is 'half', not a number"):
        found.numbers("p_b")
    with pytest.raises(ValueError, match="has no column 'q'; it has 'y_true', 'p_a', 'p_b'"):
        found.numbers("q")
