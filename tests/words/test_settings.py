"""`vectors=` in the one grammar, and the command that shows word vectors."""

import numpy as np
import pytest

from simviz import ClassSet, cli, losses, matrices, words

from .conftest import keyed

CLASSES = ClassSet(["rose", "Tulip", "truck", "bus"])


@pytest.fixture
def path(tmp_path, rows, request):
    path = tmp_path / getattr(request, "param", "v.txt")
    keyed(rows).save_word2vec_format(str(path), binary=True)
    return path


@pytest.mark.parametrize("path", ["v.txt", "a:b=c.vec", "a,b.txt", 'quo"te,@ x.bin', "5"], indirect=True)
def test_a_setting_names_its_vectors(path):
    text = str(path)
    quoted = '"' + text.replace('"', '""') + '"'
    direct = matrices.word_similarity(CLASSES, text, keep=0.5)
    assert direct.recipe["vectors"] == f"{path.name} (word2vec binary, 7 dimensions)"
    for value in [quoted, *([] if "," in text else [text])]:
        setting = f"simloss:normalize=columns@words:keep=0.5,vectors={value}"
        assert matrices.build(setting.partition("@")[2], CLASSES) == direct
        built = losses.build(setting, CLASSES)
        np.testing.assert_allclose(built.similarity.numpy() > 0, direct.values > 0)


def test_the_setting_counts_where_vectors_are_given_too(path):
    assert matrices.build(f"words:vectors={path}", CLASSES, words.load()) == matrices.build("words", CLASSES, path)
    assert matrices.build("words:vectors=glove-6b-50d", CLASSES, path) == matrices.build("words", CLASSES)
    with pytest.raises(ValueError, match="has no vector for 'lorry'"):
        matrices.build(f"words:vectors={path}", ClassSet(["rose", "lorry"]))


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("words:vectors=5", "vectors is a int"),
        ("words:vectors=a,b.txt", "'b.txt' in 'words:vectors=a,b.txt' is not key=value"),
        ("words:vectors=none.txt", "there is no file of word vectors 'none.txt'"),
        ("words:vectors=glove", "there are no word vectors 'glove' on this machine"),
        ("words:vectors=glove.txt,keep=1,lower_bound=0", "both keep and lower_bound"),
        ("order:vectors=glove.txt", "no option 'vectors'; it takes r, shuffle"),
    ],
)
def test_bad_vectors_in_a_setting_are_named(part, sentence):
    with pytest.raises(ValueError, match=sentence):
        matrices.build(part, CLASSES)


def test_the_command_shows_how_classes_are_found_and_what_is_near(path, rows, capsys):
    assert cli.main(["vectors", str(path), "--classes", "Rose,aquarium_fish,buses,trxck,zzqx"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "v.txt (word2vec binary, 7 dimensions)"
    cells = [line.split() for line in lines]
    assert [c[:2] for c in cells] == [
        ["Rose", "case"],
        ["aquarium_fish", "mean"],
        ["buses", "plural"],
        ["trxck", "missing"],
        ["zzqx", "missing"],
    ]
    assert (
        cells[0][3:] == " ".join(f"{t} {c:.2f}," for t, c in words.load(path).neighbours("rose", 5)).rstrip(",").split()
    )
    assert lines[1].split("  ")[-1].count(",") == 4
    assert "aquarium + fish" in lines[1]
    assert lines[3].endswith("try truck")


def test_the_command_counts_the_tokens_of_a_file_and_shows_no_control_characters(tmp_path, capsys):
    (tmp_path / "v.txt").write_bytes(b"rose 1 0\n\x1b[31mred 1 1\ntruck 0 1\n")
    assert cli.main(["vectors", str(tmp_path / "v.txt")]) == 0
    assert capsys.readouterr().out == "v.txt (GloVe text, 2 dimensions): 3 tokens\n"
    assert cli.main(["vectors", str(tmp_path / "v.txt"), "--classes", "rose"]) == 0
    out = capsys.readouterr().out
    assert "?[31mred 0.71" in out
    assert "\x1b" not in out
    assert cli.main(["vectors", str(tmp_path / "w.txt")]) == 1
    assert "there is no file of word vectors" in capsys.readouterr().err
