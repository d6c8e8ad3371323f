import csv
import io
import zipfile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simviz import ClassMatrix
from simviz.matrices import files

from .strategies import NAMES, SEEDS, similarity

SUFFIXES = st.sampled_from(files.MATRIX_FILES)


def text(*lines):
    return "\n".join(lines).encode()


def npz(**members):
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    return buffer.getvalue()


@given(NAMES, SEEDS, SUFFIXES, st.sampled_from(["similarity", "distance"]))
@example(["=1+1", "'=1+1", "''=1+1", "-1", "-x", "'quoted'", ' a "b"', "c, d; e"], 0, ".csv", "similarity")
def test_what_is_written_is_read_again(names, seed, suffix, kind):
    values = similarity(len(names), seed).values
    matrix = ClassMatrix(names, values if kind == "similarity" else 100 * (1 - values), kind, recipe={"r": 0.5})
    again = files.loads(files.dumps(matrix, suffix), suffix)
    assert again == matrix
    assert again.recipe == (matrix.recipe if suffix == ".npz" else {"matrix": "file"})


@given(NAMES)
def test_no_cell_of_a_written_table_is_a_formula(names):
    table = files.dumps(ClassMatrix(names, np.eye(len(names))), ".csv").decode()
    for row in csv.reader(io.StringIO(table)):
        for cell in row:
            assert cell[0] not in "=+-@＝＋－＠" or cell[1:].replace(".", "", 1).isdigit()


def test_a_file_is_saved_and_loaded_by_path(tmp_path):
    matrix = similarity(4, 0)
    for suffix in files.MATRIX_FILES:
        matrix.save(tmp_path / f"S{suffix}")
        assert ClassMatrix.load(str(tmp_path / f"S{suffix}")) == matrix
    assert sorted(p.name for p in tmp_path.iterdir()) == ["S.csv", "S.npz", "S.tsv"]


@pytest.mark.parametrize(
    "table",
    [
        text("similarity,a,b", "a,1,.5", "b,0,1"),
        text("\ufeff,a,b", "a,1,0.5", "b,0,1", "", ",,", ""),
        text("class, a, b", "b, 0, 1", "a, 1, 5e-1"),
        text(";a;b", "a;1;0.5", "b;0;1"),
        b'"","a","b"\r\n"a",1,0.5\r\n"b",0,1\r\n',
    ],
)
def test_tables_of_other_programs_are_read(table):
    assert files.loads(table, ".CSV") == ClassMatrix(["a", "b"], [[1, 0.5], [0, 1]])


def test_the_kind_is_the_corner_s_and_else_the_diagonal_s():
    assert files.loads(text(",a,b", "a,0,3", "b,3,0"), ".csv").kind == "distance"
    assert files.loads(npz(names=["a"], values=np.zeros((1, 1), "i4")), ".npz").kind == "distance"
    with pytest.raises(ValueError, match=r"distance of .*diagonal must be 0"):
        files.loads(text("Distance,a,b", "a,1,0", "b,0,1"), ".csv")
    with pytest.raises(ValueError, match="does not say whether"):
        files.loads(text(",a,b", "a,1,3", "b,3,0"), ".csv")


BAD_TABLES = {
    "empty": (b"", "no class names in its first row"),
    "blank": (b"\n\n,,\n", "no class names in its first row"),
    "one column": (text("a", "b"), "no class names in its first row"),
    "ragged": (text(",a,b", "a,1,0", "b,1"), "the row of 'b' has 1 values for 2 classes"),
    "too wide": (text(",a,b", "a,1,0,0", "b,1,1"), "the row of 'a' has 3 values for 2 classes"),
    "too short": (text(",a,b", "a,1,0"), "no row for 'b'"),
    "no corner": (text("a,b", "a,1,0", "b,0,1"), "the class name 'a' stands at a row but not in the first row"),
    "duplicate column": (text(",a,a", "a,1,0", "a,0,1"), "'a' stands twice in the first row"),
    "duplicate row": (text(",a,b", "a,1,0", "a,0,1"), "'a' stands at two rows"),
    "other rows": (text(",a,b", "a,1,0", "c,0,1"), "'c' stands at a row but not in the first row"),
    "nan": (text(",a,b", "a,1,NaN", "b,0,1"), r"\('a', 'b'\) is 'NaN'; every entry must be a finite number"),
    "infinity": (text(",a,b", "a,1,-inf", "b,0,1"), "'-inf'; every entry"),
    "hole": (text(",a,b", "a,1,", "b,0,1"), "is ''; every entry"),
    "word": (text(",a,b", "a,1,high", "b,0,1"), "'high'; every entry"),
    "underscore": (text(",a,b", "a,1,0_0", "b,0,1"), "'0_0'; every entry"),
    "too large": (text("similarity,a,b", "a,1,2", "b,0,1"), r"\('a', 'b'\) is 2; no entry may exceed 1"),
    "latin-1": (",é,b\né,1,0\nb,0,1".encode("latin-1"), "not UTF-8 text"),
    "utf-16": (",a\na,1".encode("utf-16"), "not UTF-8 text"),
    "formula": (text(',"=HYPERLINK(1)",b', "x,1,0", "b,0,1"), "begins like a spreadsheet formula"),
    "formula in row": (text(",a,b", "@a,1,0", "b,0,1"), "'@a' begins like a spreadsheet formula"),
    "markup": (text(",<img src=x onerror=y>", "<img src=x onerror=y>,1"), "has markup in it"),
    "invisible": (text(",a\x00", "a\x00,1"), "characters that cannot be seen"),
    "long name": (text("," + "a" * 501, "a" * 501 + ",1"), "501 characters; at most 500"),
    "open quote": (text(',"a', "a,1"), "line .* of the matrix file cannot be read"),
    "huge cell": (b',"' + b"a" * 200_000 + b'"\n', "cannot be read: field larger"),
    "too many": (b",".join(b"%d" % i for i in range(5003)), "5002 classes; at most 5000"),
}


@pytest.mark.parametrize(("table", "sentence"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_named(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        files.loads(table, ".csv")


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def declared(shape, dtype="<f8", body=b""):
    """An npz whose values claim a shape that is not there."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, header, data in (("names", ("<U1", (1,)), "a".encode("utf-32-le")), ("values", (dtype, shape), body)):
            member = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                member, {"descr": header[0], "fortran_order": False, "shape": header[1]}
            )
            archive.writestr(f"{name}.npy", member.getvalue() + data)
    return buffer.getvalue()


EYE = np.eye(2)
BAD_NPZ = {
    "no zip": (b"hello", "npz file cannot be read"),
    "cut": (npz(names=["a", "b"], values=EYE)[:-40], "npz file cannot be read"),
    "no values": (npz(names=["a", "b"]), "no member 'values'"),
    "no names": (npz(values=EYE), "no member 'names'"),
    "pickle": (
        npz(names=["a", "b"], values=np.array([[Trap()]], dtype=object)),
        "Python objects, which are never read",
    ),
    "pickled names": (npz(names=np.array(["a", Trap()], dtype=object), values=EYE), "Python objects"),
    "cube": (npz(names=["a", "b"], values=np.ones((2, 2, 2))), r"shape \(2, 2, 2\); it must be a C x C table"),
    "complex": (npz(names=["a", "b"], values=EYE + 0j), "complex128"),
    "texts": (npz(names=["a", "b"], values=np.array([["1", "0"], ["0", "1"]])), "must be a C x C table of numbers"),
    "number names": (npz(names=[0, 1], values=EYE), "must be a row of C texts"),
    "not square": (npz(names=["a", "b"], values=np.ones((2, 3))), "values is 2 x 3 for 2 classes"),
    "twice": (npz(names=["a", "a"], values=EYE), "'a' stands twice"),
    "nan": (npz(names=["a", "b"], values=EYE * np.nan, kind="similarity"), r"\('a', 'a'\) is nan"),
    "recipe": (npz(names=["a", "b"], values=EYE, recipe="{"), "'recipe' of the npz file is not JSON"),
    "deep recipe": (npz(names=["a", "b"], values=EYE, recipe="[" * 100_000), "'recipe' of the npz file is not JSON"),
    "list recipe": (npz(names=["a", "b"], values=EYE, recipe="[]"), "not a JSON object"),
    "many members": (npz(names=["a"], values=[[1]], **{f"m{i}": 0 for i in range(20)}), "22 members; at most 16"),
    "claims terabytes": (declared((10**6, 10**6)), "1000000 classes; at most 5000"),
    "claims wide entries": (declared((2, 2), "<f16"), "cut short or damaged|must be a C x C table"),
    "claims more than it has": (declared((2, 2), body=b"\0" * 8), "cut short or damaged"),
    "negative": (declared((-1, 2)), "too much"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_NPZ.values(), ids=BAD_NPZ)
def test_bad_npz_are_named(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        files.loads(data, ".npz")


def test_a_zip_that_unpacks_to_gigabytes_is_not_unpacked():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        member = io.BytesIO()
        np.lib.format.write_array_header_1_0(member, {"descr": "<U500000", "fortran_order": False, "shape": (4000,)})
        archive.writestr("names.npy", member.getvalue() + bytes(10_000_000))
        archive.writestr("values.npy", b"")
    assert len(buffer.getvalue()) < 100_000
    with pytest.raises(ValueError, match=r"names.* would take 8000 MB; that is too much|'values'.*not a NumPy array"):
        files.loads(buffer.getvalue(), ".npz")


@given(SUFFIXES, st.data())
@settings(max_examples=150)
def test_a_damaged_file_is_read_or_refused_in_a_sentence(suffix, data):
    written = bytearray(files.dumps(similarity(3, 1), suffix))
    for _ in range(data.draw(st.integers(1, 4))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        matrix = files.loads(bytes(written), suffix)
    except ValueError as error:
        assert len(str(error)) > 20  # noqa: PT017
    else:
        assert len(matrix) == 3


def test_bad_paths_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no matrix file"):
        ClassMatrix.load(tmp_path / "S.csv")
    with pytest.raises(ValueError, match="no matrix file"):
        ClassMatrix.load(tmp_path)
    (tmp_path / "S.pkl").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"'\.pkl' is not the ending of a matrix file; use \.csv, \.tsv, \.npz"):
        ClassMatrix.load(tmp_path / "S.pkl")
    with pytest.raises(ValueError, match="not the ending"):
        similarity(2, 0).save(tmp_path / "S.json")
    with pytest.raises(ValueError, match="has markup"):
        ClassMatrix(["<b>x</b>"], [[1]]).save(tmp_path / "S.csv")
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    similarity(2, 0).save(tmp_path / "large.csv")
    with pytest.raises(ValueError, match="at most"):
        ClassMatrix.load(tmp_path / "large.csv")
    assert not (tmp_path / "S.csv").exists()
