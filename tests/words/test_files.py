"""Readers against gensim's own writer and reader, and against files that are broken or hostile."""

import gzip
import os
import pickle
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import ClassSet, words
from simviz.words import files

from .conftest import keyed, table

WRITERS = {
    "word2vec text": {"binary": False},
    "word2vec binary": {"binary": True},
    "GloVe text": {"binary": False, "write_header": False},
}


def fasttext_vec(rows):
    """As fastText writes it: a header, and a space at the end of every line."""
    lines = [f"{len(rows)} {len(next(iter(rows.values())))}"]
    return "\n".join([*lines, *(f"{t} " + "".join(f"{v:.9g} " for v in vector) for t, vector in rows.items())]).encode()


def c_binary(rows):
    """As the word2vec C program writes it: a line feed after every row."""
    head = f"{len(rows)} {len(next(iter(rows.values())))}\n".encode()
    return head + b"".join(t.encode() + b" " + v.astype("<f4").tobytes() + b"\n" for t, v in rows.items())


def assert_holds(vectors, rows):
    """A sample of words, and no others, with their vectors."""
    wanted = ["the", "Tulip", "naïve", "Ünïcode", "日本", list(rows)[-1]]
    taken = vectors.take([*wanted, "absent", "tul", "", "\ud800"])
    assert set(taken) == set(wanted)
    for token in wanted:
        np.testing.assert_allclose(taken[token], rows[token], rtol=1e-6)
        assert taken[token].dtype == np.float32
    assert (len(vectors), vectors.dim) == (len(rows), len(rows["the"]))


@pytest.mark.parametrize("ending", [".vec", ".gz"])
@pytest.mark.parametrize("kind", WRITERS)
def test_files_written_by_gensim(tmp_path, rows, kind, ending):
    path = tmp_path / f"vectors{ending}"
    keyed(rows).save_word2vec_format(str(path), **WRITERS[kind])
    assert path.read_bytes().startswith(b"\x1f\x8b") == (ending == ".gz")
    vectors = words.load(path)
    assert vectors.name == f"vectors{ending} ({kind}, 7 dimensions)"
    assert_holds(vectors, rows)


@pytest.mark.parametrize("write", [fasttext_vec, c_binary])
@pytest.mark.parametrize("packed", [False, True])
def test_files_as_other_programs_write_them_whatever_their_name(tmp_path, rows, write, packed):
    path = tmp_path / "numbers.csv"
    path.write_bytes(gzip.compress(write(rows)) if packed else write(rows))
    assert_holds(words.load(path), rows)
    assert_holds(words.load(str(path)), rows)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\n\r ", exclude_categories=["Cs"]), min_size=1, max_size=8),
        st.integers(0, 2**32 - 1),
        min_size=1,
        max_size=30,
    ),
    st.integers(4, 40),  # one row of fewer raw floats can look like a faulty line of text
    st.sampled_from(sorted(WRITERS)),
    st.sampled_from(["", ".gz"]),
)
@settings(max_examples=60)
def test_what_gensim_writes_is_what_is_read(tmp_path_factory, seeds, dim, kind, ending):
    made = {t: np.random.default_rng(s).normal(size=dim).astype(np.float32) for t, s in seeds.items()}
    path = tmp_path_factory.mktemp("written") / f"v{ending}"
    keyed(made).save_word2vec_format(str(path), **WRITERS[kind])
    taken = words.load(path).take(made)
    assert taken.keys() == made.keys()
    for token, vector in made.items():
        np.testing.assert_array_equal(taken[token], vector)


@pytest.mark.parametrize("kind", WRITERS)
def test_neighbours_come_from_a_second_pass_and_agree_with_gensim(tmp_path, monkeypatch, kind):
    made = table(4000, 100)  # several blocks of the reader
    reference = keyed(made)
    reference.save_word2vec_format(str(tmp_path / "v"), **WRITERS[kind])
    vectors = words.load(tmp_path / "v")
    passes = []
    scan = files.scan
    monkeypatch.setattr(files, "scan", lambda layout: passes.append(1) or scan(layout))
    near = vectors.neighbours_of(["rose", "w3000", "aquarium_fish"], 7)
    assert len(passes) == 2
    for word in ("rose", "w3000"):
        assert [t for t, _ in near[word]] == [t for t, _ in reference.most_similar(word, topn=7)]
        assert [c for _, c in near[word]] == pytest.approx(
            [c for _, c in reference.most_similar(word, topn=7)], abs=1e-5
        )
    unit = [made[t] / np.linalg.norm(made[t]) for t in ("aquarium", "fish")]
    expected = reference.similar_by_vector(np.mean(unit, axis=0), topn=9)
    assert [t for t, _ in near["aquarium_fish"]] == [t for t, _ in expected if t not in ("aquarium", "fish")]
    assert vectors.neighbours("rose", 7) == near["rose"]
    assert len(vectors.neighbours("rose", 10_000)) == len(made) - 1


def test_ties_are_in_file_order_and_a_zero_row_is_near_nothing(tmp_path):
    (tmp_path / "v.txt").write_text("a 1 0\nzero 0 0\nb 2 2\nc 1 1\nd -1 0\ne 3 3\n")
    near = words.load(tmp_path / "v.txt").neighbours("a")
    assert [t for t, _ in near] == ["b", "c", "e", "zero", "d"]
    assert dict(near)["zero"] == 0


def test_classes_are_resolved_in_one_pass_and_misspelt_ones_in_one_more(tmp_path, monkeypatch, rows):
    keyed(rows).save_word2vec_format(str(tmp_path / "v"), binary=True)
    vectors = words.load(tmp_path / "v")
    passes = []
    scan = files.scan
    monkeypatch.setattr(files, "scan", lambda layout: passes.append(1) or scan(layout))
    found = words.resolve(ClassSet(["Rose", "tulip", "trucks", "aquarium_fish"]), vectors)
    assert [r.how for r in found] == ["case", "case", "plural", "mean"]
    assert len(passes) == 1
    found = words.resolve(ClassSet(["rise", "trxck", "bus"]), vectors)
    assert [r.suggestions for r in found] == [("rose",), ("truck",), ()]
    assert len(passes) == 3
    embedded, _ = words.embed(ClassSet(["Rose", "bus"]), vectors)
    np.testing.assert_array_equal(embedded, [rows["rose"], rows["bus"]])
    assert len(passes) == 3  # what was found is kept


def test_a_word_that_stands_twice_is_its_first_row_and_a_word_may_have_spaces(tmp_path):
    text = "\ufeffcat 1 2\n. . . 3 4\ncat 9 9\n7 5 6\r\nat name@domain.com 0 1e-2\n\n"
    (tmp_path / "v.txt").write_bytes(text.encode())
    vectors = words.load(tmp_path / "v.txt")
    taken = {t: v.tolist() for t, v in vectors.take(["cat", ". . .", "7", "at name@domain.com"]).items()}
    assert taken == {"cat": [1, 2], ". . .": [3, 4], "7": [5, 6], "at name@domain.com": [0, pytest.approx(0.01)]}
    assert len(vectors) == 5


def test_a_changed_file_is_noticed_and_loaded_anew(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("cat 1 2\n")
    before = words.load(path)
    assert words.load(path) is before
    path.write_text("cat 3 4 5\n")
    with pytest.raises(ValueError, match=r"v\.txt has changed since it was opened; load it again"):
        before.vector("cat")
    assert words.load(path).vector("cat").tolist() == [3, 4, 5]
    path.unlink()
    with pytest.raises(ValueError, match="there is no file of word vectors"):
        words.load(path)


class Bomb:
    """What a pickle can do: unpickled, it leaves a mark."""

    def __reduce__(self):
        return os.system, ("touch unpickled",)


NAN = b"1 2\ncat " + struct.pack("<ff", 1, float("nan"))
HOSTILE = {
    "a pickle": (pickle.dumps(Bomb()), "v is a pickle, which could run any code"),
    "an old pickle": (pickle.dumps(Bomb(), 0), "v, line 1 is neither a header"),
    "a gzipped pickle": (gzip.compress(pickle.dumps(Bomb())), "v is a pickle"),
    "nothing": (b"", "v is empty"),
    "nothing gzipped": (gzip.compress(b""), "v is empty"),
    "prose": (b"It was a dark night.\nIt rained.\n", "v, line 1 is neither a header .* nor a word and its numbers"),
    "a zip": (b"PK\x03\x04" + bytes(50), "v is a zip archive; unpack it"),
    "a fastText model": (struct.pack("<ii", 793712314, 12), "v is a fastText model; use the .vec"),
    "gzip twice": (gzip.compress(gzip.compress(b"a 1\n")), "v is gzipped twice"),
    "damaged gzip": (gzip.compress(b"a 1\n" * 99)[:-12], "v cannot be read to its end"),
    "false gzip": (b"\x1f\x8bnonsense", "v cannot be read to its end"),
    "only a header": (b"3 2", "announces 3 tokens of 2 dimensions, which 3 bytes cannot hold"),
    "a negative header": (b"-3 2\na 1 2\n", "v, line 2 must have a word and 1 numbers"),
    "no tokens": (b"0 2\n", "announces 0 tokens"),
    "no dimensions": (b"2 0\na\nb\n", "tokens of 0 dimensions"),
    "a huge count": (b"9" * 17 + b" 2\na 1 2\n", "announces 9+ tokens of 2 dimensions; 1 to 100000000"),
    "digits without end": (b"1" * 9000 + b" 2\na 1 2\n", "announces 100000001 tokens"),
    "a count beyond the file": (b"90000000 300\na 1 2\n", "which 19 bytes cannot hold"),
    "a gzipped count": (gzip.compress(b"90000000 2\na 1 2\n"), "line 3: the file ends, .* 90000000 tokens and 1 are"),
    "huge dimensions": (b"1 2000000\na 1 2\n", "of 2000000 dimensions; 1 to"),
    "wide first line": (b"a" + b" 1" * 20_000 + b"\n", "line 1 has 20000 numbers; at most 10000"),
    "too few numbers": (b"2 2\na 1 2\nb 1\n", "v, line 3 must have a word and 2 numbers"),
    "too many numbers": (b"a 1 2\nb 1 2 3\n", "v, line 2 must have a word and 2 numbers"),
    "two spaces": (b"a 1 2\nb  1 2\n", "v, line 2 must have a word and 2 numbers with one"),
    "a leading space": (b"a 1 2\n b 1 2\n", "v, line 2 must have"),
    "a hidden space": (b"a 1 2 3\nb 1  2\n", "v, line 2 must have"),
    "nan in text": (b"2 2\na 1 2\nb nan 1\n", "v, line 3: every value must be a finite number"),
    "inf in text": (b"a 1 2\nb 1 -inf\n", "v, line 2: every value"),
    "words for numbers": (b"a 1 2\nb one two\n", "v, line 2: every value"),
    "overflow": (b"a 1 2\ncat 1e999 1\n", "v, line 2: every value"),
    "too large to square": (b"a 1 2\ncat 1e30 1\n", "v, line 2: every value .* at most 1e\\+15"),
    "a half number": (b"a 1 2\ncat 1.2.3 1\n", "v, line 2: every value"),
    "underscores": (b"a 1 2\ncat 1_0 1\n", "v, line 2: every value"),
    "nan in binary": (NAN, "v, token 1: every value"),
    "binary cut in a vector": (c_binary(table(20))[:-9], "which .* bytes cannot hold|v, token 20: the file ends"),
    "gzipped binary cut": (gzip.compress(c_binary(table(20))[:-9]), "v, token 20: the file ends, .* 20 tokens and 19"),
    "binary with more": (c_binary(table(20)) + b"x", "v, token 20 is the last that line 1 announces, but more"),
    "binary without spaces": (b"300 2\n" + b"\xc3\x01" * 4000, "v, token 1 has no end within 2000 bytes"),
    "text with more": (b"1 2\na 1 2\nb 1 2\n", "v, line 3 is one more than the 1 tokens"),
    "text cut short": (b"3 1\naaaaaaa 1\nb 2\n", "v, line 4: the file ends, but line 1 announces 3 tokens and 2 are"),
    "latin-1": ("a 1 2\ncaf\xe9 1 2\n".encode("latin-1"), "v, line 2: the word is not UTF-8; save"),
    "binary latin-1": (c_binary({"a": np.ones(3)}).replace(b"\na ", b"\n\xe9 "), "v, token 1: the word is not UTF-8"),
    "UTF-16": ("a 1 2\nb 3 4\n".encode("utf-16"), "v, line 1 is neither"),
    "a word without end": (b"a 1 2\n" + b"b" * 3000 + b" 1 2\n", "v, line 2 has a word of 3000 bytes"),
    "a control character's file": (bytes(range(256)) * 20, "v, line 1 is neither"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_broken_or_hostile_file_gets_a_sentence(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    data, sentence = HOSTILE[what]
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(ValueError, match=sentence) as caught:
        words.load(tmp_path / "v").neighbours("cat")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("ending", [".model", ".kv", ".pkl", ".PICKLE", ".pt"])
def test_names_that_gensim_and_torch_give_to_pickles_are_refused_unread(tmp_path, ending):
    path = tmp_path / f"glove{ending}"
    path.write_bytes(b"a 1 2\n")
    with pytest.raises(ValueError, match=rf"glove{ending} may be a pickle, .*save_word2vec_format"):
        words.load(path)


@pytest.mark.parametrize("path", ["/", "none.txt", "./none", "a\0b", "x" * 5000 + ".txt"])
def test_what_is_no_file_gets_a_sentence(path):
    with pytest.raises(ValueError):
        words.load(path)


def zeros(count, chunk=b"\0" * (1 << 20)):
    """A gzip of so many megabytes of one byte or line, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(chunk) for _ in range(count)) + packer.flush()


def line_of(path, megabytes):
    with path.open("wb") as stream:
        stream.write(b"a 1 2\nb ")
        stream.truncate(megabytes << 20)  # a sparse file: the line is zeros


def peak_of(action):
    """Megabytes that Python takes at the height of it."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: line_of(path, 1024), "v, line 2 is longer than 1048576 bytes"),
        (lambda path: path.write_bytes(zeros(100)), "v, line 1 is longer than 1048576 bytes"),
        (
            lambda path: path.write_bytes(zeros(40, (b"a" + b" 0" * 100 + b"\n") * 5000)),
            "v unpacks to more than 30 times",
        ),
    ],
    ids=["line", "bomb of zeros", "bomb of rows"],
)
def test_a_line_of_a_gigabyte_and_gzip_bombs_are_left_early(tmp_path, write, sentence):
    write(tmp_path / "v")

    def read():
        with pytest.raises(ValueError, match=sentence):
            words.load(tmp_path / "v").vector("zzqx")

    assert peak_of(read) < 12


def test_memory_stays_small_whatever_the_size_of_the_file(tmp_path):
    block = "".join(f"word{i} " + " ".join(["0.12345"] * 100) + "\n" for i in range(1000)).encode()
    with (tmp_path / "v.txt").open("wb") as stream:
        for _ in range(20):
            stream.write(block)
    assert (tmp_path / "v.txt").stat().st_size > 16e6
    vectors = words.load(tmp_path / "v.txt")
    assert peak_of(lambda: vectors.take(["word1", "word999", "zzqx"])) < 8
    assert peak_of(lambda: vectors.neighbours("word1")) < 12
    assert len(vectors) == 20_000


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"2 2\n", b"1 1\n", b"a 1 2\n", b"cat 0.5 -1e3\n", b"cat ", b" ", b"\n", b"1", b"nan", b"\0\0\x80\x3f"]
    ),
    st.from_regex(rb"\A[0-9]{1,3} [0-9]{1,2}\n\Z"),
    st.from_regex(rb"\A[a-c]{1,3}( -?[0-9.e]{1,5}){1,4}\n\Z"),
)


@given(st.lists(PIECES, max_size=8).map(b"".join), st.booleans(), st.integers(0, 60))
@settings(max_examples=300)
def test_no_bytes_make_the_reader_raise_anything_but_a_value_error(tmp_path_factory, data, packed, cut):
    path = tmp_path_factory.getbasetemp() / "fuzz"
    data = gzip.compress(data, mtime=0) if packed else data
    path.write_bytes(data[: len(data) - cut] if cut % 3 == 0 else data)
    words.sources._file.cache_clear()  # the same name, size and second
    try:
        vectors = words.load(path)
        assert len(vectors) >= 0
        near = vectors.neighbours("cat")
    except ValueError:
        return
    assert all(isinstance(token, str) and -1.001 <= cosine <= 1.001 for token, cosine in near)


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from(sorted(WRITERS)))
@settings(max_examples=150)
def test_one_changed_byte_gives_vectors_or_a_sentence(tmp_path_factory, place, byte, kind):
    folder = tmp_path_factory.getbasetemp()
    keyed(table(12, 6)).save_word2vec_format(str(folder / "whole"), **WRITERS[kind])
    data = bytearray((folder / "whole").read_bytes())
    data[place % len(data)] = byte
    (folder / "changed").write_bytes(data)
    words.sources._file.cache_clear()
    try:
        vectors = words.load(folder / "changed")
        taken = vectors.take(["the", "rose", "truck"])
    except ValueError:
        return
    assert all(np.isfinite(v).all() and v.shape == (vectors.dim,) for v in taken.values())
