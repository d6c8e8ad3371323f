import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from simviz import ClassSet, matrices, words
from simviz.words.training import tokens_of

SYNONYMS = [("car", "auto"), ("cat", "feline"), ("rose", "bloom"), ("ship", "vessel"), ("boy", "lad")]
OPTIONS = {"dim": 20, "window": 2, "epochs": 20}


def planted(sentences=3000):
    """Sentences in which two words of a pair stand among the same words, and never in one sentence."""
    pick = random.Random(0)
    lines = []
    for _ in range(sentences):
        topic = pick.randrange(len(SYNONYMS))
        left, right = (f"{side}{topic}{pick.randrange(4)}" for side in ("before", "after"))
        lines.append(f"The {left} {pick.choice(SYNONYMS[topic]).title()} {right}.")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def text():
    return planted()


@pytest.fixture(scope="module")
def trained(text):
    return words.train(text, **OPTIONS)


def test_planted_synonyms_come_out_first(trained):
    for pair in SYNONYMS:
        for word, other in (pair, pair[::-1]):
            (first, cosine), (_, second) = trained.neighbours(word, 2)
            assert first == other
            assert cosine > second + 0.02


def digest(**options):
    vectors = words.train(planted(500), dim=20, epochs=2, **options)
    return hashlib.sha256(vectors._table.tobytes()).hexdigest()


def test_training_is_the_same_in_every_process():
    done = subprocess.run(
        [sys.executable, "-c", "from tests.words.test_training import digest; print(digest())"],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest() == digest(seed=0)
    assert done.stderr == ""
    assert digest(seed=1) != digest()


def test_a_small_text_carries_a_warning_and_prints_nothing(text, trained, monkeypatch, capfd):
    (note,) = trained.notes
    assert note.startswith("the vectors come from 12,000 words of text; below 1,000,000 neighbours are often accidents")
    assert trained.name == "Word2Vec of the text (12000 words, 20 dimensions)"
    monkeypatch.setattr("simviz.words.training.FEW_WORDS", 12_000)
    assert words.train(text, dim=2, epochs=1).notes == ()
    assert capfd.readouterr() == ("", "")


def test_a_file_is_the_same_as_its_text(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(planted(500), encoding="utf-8-sig")
    for source in (path, str(path)):
        vectors = words.train(source, dim=20, epochs=2)
        assert vectors.name == "Word2Vec of corpus.txt (2000 words, 20 dimensions)"
        assert hashlib.sha256(vectors._table.tobytes()).hexdigest() == digest()


def test_what_was_trained_can_be_saved_and_named_in_a_setting(tmp_path, trained):
    trained.save(tmp_path / "own.bin")
    again = words.load(tmp_path / "own.bin")
    assert again.vector("cat").tolist() == trained.vector("cat").tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["own.bin"]
    classes = ClassSet([word for pair in SYNONYMS for word in pair])
    matrix = matrices.build(f"words:keep=0.11,vectors={tmp_path / 'own.bin'}", classes)
    near = {(a, b) for a in classes for b in classes if a < b and matrix.values[classes.index(a), classes.index(b)] > 0}
    assert near == {tuple(sorted(pair)) for pair in SYNONYMS}
    assert matrix == matrices.build("words:keep=0.11", classes, trained)


def test_long_sentences_are_not_cut_off():
    line = " ".join(["word", "other"] * 30_000)
    assert words.train(line, dim=2, epochs=1).name.startswith("Word2Vec of the text (60000 words")


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("The T-shirt isn't 'new', is_it?", ["the", "t-shirt", "isn't", "new", "is", "it"]),
        ("Ärger-los 日本 3.5 km/h --", ["ärger-los", "日本", "3", "5", "km", "h"]),
        ("", []),
    ],
)
def test_words_are_lower_case_runs_of_letters_and_digits(line, tokens):
    assert tokens_of(line) == tokens


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a b c", {}, "0 words stand at least min_count=5 times among the 3 of the text; give more .* no such file"),
        ("", {}, "among the 0 of the text"),
        (Path("no such.txt"), {}, "there is no text file 'no such.txt'"),
        ("a b", {"dim": 0}, "dim is 0; it must be a whole number from 1 to 1000"),
        ("a b", {"window": 2.5}, r"window is 2\.5"),
        ("a b", {"min_count": 0}, "min_count is 0"),
        ("a b", {"epochs": True}, "epochs is True"),
        ("a b", {"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_trained_gets_a_sentence(text, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        words.train(text, **options)


def test_a_text_file_that_is_no_text_or_too_large_gets_a_sentence(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes("café\n".encode("latin-1") * 50)
    with pytest.raises(ValueError, match=r"corpus\.txt is not UTF-8 text; save it as UTF-8"):
        words.train(path)
    with path.open("wb") as stream:
        stream.truncate(4_100_000_000)  # sparse
    with pytest.raises(ValueError, match=r"corpus\.txt has 4\.1 GB; at most 4 GB are read"):
        words.train(path)
