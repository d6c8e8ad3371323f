"""Word vectors from elsewhere: a file of a configured folder, or a name of a list that is served on this machine."""

import gzip
import threading

import numpy as np
import pytest

from simviz import ClassSet, datasets, matrices, words
from simviz.ui import cache, fetching
from tests.words.test_downloads import DATA, NAME, Handler, Server

from .reading import array, figures, heat, says

NAMES = ["rose", "tulip", "truck", "bus"]
OWN = {"data": "own", "names": ",".join(NAMES), "keep": "0.34"}
FILE = {**OWN, "vectors": "file"}
DOWNLOAD = {**OWN, "vectors": "download"}
LINES = {"rose": (1, 0.1, 0), "tulip": (1, 0.3, 0.1), "truck": (0, 1, 0.5), "bus": (0.1, 1, 0.9), "lorry": (0, 1, 0.6)}


def text(lines):
    return "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in lines.items())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The configured folder, with one file of vectors."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine.txt").write_text(text(LINES))
    monkeypatch.setenv("SIMVIZ_DATA", str(data))
    return data


def cosines(lines):
    rows = np.array([lines[name] for name in NAMES], dtype=float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def test_a_file_of_the_folder_makes_the_matrix_its_setting_and_its_recipe(visit, folder):
    at = visit("similarity", **OWN)
    at.segmented_control(key="vectors").set_value("file").run()
    assert "Type the name of a file or folder" in says(at)
    assert not figures(at)
    at.text_input(key="vectors_file").set_value("mine.txt").run()
    assert not at.exception
    assert "In use: mine.txt (GloVe text, 3 dimensions)" in says(at)
    part = f"words:keep=0.34,vectors={folder}/mine.txt"
    assert at.code[0].value == f"simloss@{part}\nground_distance@{part}"
    expected = matrices.build(part, ClassSet(NAMES))
    assert np.allclose(heat(figures(at)[0]), expected.values)
    assert at.session_state["built"].matrix.recipe["vectors"].startswith("mine.txt")
    assert at.session_state["built"].part == part  # what the train page takes up


def test_a_link_restores_the_file_and_the_values_are_its_cosines(visit, folder):
    at = visit("similarity", **{**FILE, "by": "lower_bound", "lower_bound": "0"}, vectors_file="mine.txt")
    assert np.allclose(heat(figures(at)[0]), np.maximum(cosines(LINES), 0), atol=1e-6)


def test_a_file_that_changes_is_read_again(visit, folder):
    at = visit("similarity", **{**FILE, "by": "lower_bound", "lower_bound": "0"}, vectors_file="mine.txt")
    changed = {**LINES, "rose": (0, 1, 0.4), "more": (1, 1, 1)}
    (folder / "mine.txt").write_text(text(changed))
    at.run()
    assert np.allclose(heat(figures(at)[0]), np.maximum(cosines(changed), 0), atol=1e-6)


def test_two_files_of_one_matrix_part_are_not_mixed_up(folder):
    (folder / "other.txt").write_text(
        text({name: (*row[:2], -row[2]) if name == "bus" else row for name, row in LINES.items()})
    )
    classes = ClassSet(NAMES)
    one, other = (cache.matrix(f"words:lower_bound=0,vectors={folder}/{f}.txt", classes) for f in ("mine", "other"))
    assert not np.allclose(one.values, other.values)
    assert np.allclose(one.values, np.maximum(cosines(LINES), 0), atol=1e-6)


def test_a_bare_name_is_a_file_and_not_one_of_the_downloaders(visit, folder, monkeypatch):
    (folder / "vectors").write_text(text(LINES))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SIMVIZ_DATA", ".")
    at = visit("similarity", **FILE, vectors_file="vectors")
    assert "In use: vectors (GloVe text, 3 dimensions)" in says(at)
    assert "vectors=./vectors" in at.code[0].value


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing.txt", "there is nothing at 'nothing.txt' inside"),
        ("../secret.txt", "there is nothing at '../secret.txt' inside"),
        ("/etc/passwd", "there is nothing at '/etc/passwd' inside"),
        ("way-out.txt", "there is nothing at 'way-out.txt' inside"),
        (".", "there is no file of word vectors"),
        ("model.kv", "could run any code"),
        ("broken.txt", "broken.txt, line 2"),
    ],
)
def test_what_cannot_be_read_or_must_not_be_gets_a_sentence(visit, folder, name, sentence):
    (folder.parent / "secret.txt").write_text(text(LINES))
    (folder / "way-out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "model.kv").write_bytes(b"\x80\x04}q\x00.")
    (folder / "broken.txt").write_text("the 1 2 3\nrose 1 x 3\n")
    at = visit("similarity", **FILE, vectors_file=name)
    assert len(at.error) == 1
    assert sentence in says(at)
    assert not figures(at)


def test_a_word_the_file_does_not_have_is_repaired_in_place(visit, folder):
    at = visit("similarity", **{**FILE, "names": "rose,tulip,van"}, vectors_file="mine.txt")
    assert "No word vector for van" in says(at)
    key = f"words-{ClassSet(['rose', 'tulip', 'van']).fingerprint}"
    at.session_state[f"{key}/edits"] = {"van": {"word": "lorry"}}
    at.run()
    assert len(figures(at)) == 3
    assert "The words you changed are not part" in says(at)
    at.selectbox(key="word-of").set_value("van").run()
    assert "lorry: truck 1.00, bus 0.98" in says(at).replace("*", "")


def test_the_train_page_takes_the_setting_with_its_vectors_along(visit, folder):
    classes = datasets.load("pictograms").classes
    tokens = [token for r in words.resolve(classes) for token in r.tokens]
    rows = {token: [f"{v:.4f}" for v in row[:10]] for token, row in words.load().take(tokens).items()}
    (folder / "ten.txt").write_text(text(rows))
    at = visit("similarity", data="pictograms", vectors="file", vectors_file="ten.txt", keep="0.05")
    part = f"words:keep=0.05,vectors={folder}/ten.txt"
    assert part in at.code[0].value
    at.switch_page("pages/train.py").run()
    assert not at.exception
    assert f"simloss@{part}" in next(m.value for m in at.multiselect if f"simloss@{part}" in m.options)
    assert not at.error


def test_an_unknown_kind_of_vectors_is_named(visit):
    assert "asks for the source of word vectors “moon”" in says(visit("similarity", **OWN, vectors="moon"))


class Slow(Handler):
    """Sends half of a file, and the rest when it is told to."""

    def do_GET(self):
        half = self.server.files.get(self.path, b"")
        if not self.path.endswith(".gz"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(half)))
        self.end_headers()
        self.wfile.write(half[: len(half) // 2])
        self.server.go_on.wait(30)
        self.wfile.write(half[len(half) // 2 :])


@pytest.fixture
def listed(visit, tmp_path, monkeypatch):
    """A server that speaks the format of gensim's list; `go_on` lets a download past its middle."""
    for variable, value in (("GENSIM_DATA_DIR", tmp_path / "gensim"), ("SIMVIZ_CACHE", tmp_path / "cache")):
        monkeypatch.setenv(variable, str(value))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        server.RequestHandlerClass = Slow
        server.go_on = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("gensim.downloader.DATA_LIST_URL", f"{base}/list.json")
        monkeypatch.setattr("gensim.downloader.DOWNLOAD_BASE_URL", f"{base}/data")
        monkeypatch.setattr(fetching, "_fetches", {})
        yield server
        server.go_on.set()
        for fetch in fetching._fetches.values():
            fetch.join(30)
        server.shutdown()
        thread.join()


def offered(visit, name=NAME):
    """The page after the size of a name was looked up."""
    at = visit("similarity", **DOWNLOAD, vectors_name=name)
    at.button(key="vector-look-up").click().run()
    assert not at.exception
    return at


def test_nothing_is_asked_before_a_button_is_pressed_and_the_size_comes_first(visit, listed):
    listed.offer()
    at = visit("similarity", **DOWNLOAD, vectors_name=NAME)
    assert "is not on this machine" in says(at)
    assert not listed.asked
    at.button(key="vector-look-up").click().run()
    assert listed.asked == ["/list.json"]
    assert f"{NAME}: {len(DATA) / 1e3:.1f} kB" in says(at)
    assert "license: public domain" in says(at)
    assert at.button(key="vector-download").label == f"Download {len(DATA) / 1e3:.1f} kB"
    at.run()
    assert listed.asked == ["/list.json"]  # the answer is kept
    assert not figures(at)


def test_a_download_shows_its_progress_and_then_makes_the_matrix(visit, listed):
    listed.offer()
    at = offered(visit)
    at.button(key="vector-download").click().run()
    fetch = fetching.latest(NAME)
    assert fetch.running
    bar = at.get("progress")[0].proto
    assert f"Fetching {NAME}" in bar.text.replace("\\", "")
    assert 0 <= bar.value < 100
    elsewhere = visit("similarity", **DOWNLOAD, vectors_name=NAME)  # another session sees it too
    assert elsewhere.get("progress")
    listed.go_on.set()
    fetch.join(30)
    at.run()
    assert not at.exception
    assert "In use:" in says(at)
    part = f"words:keep=0.34,vectors={NAME}"
    assert at.code[0].value.startswith(f"simloss@{part}\n")
    assert np.allclose(heat(figures(at)[0]), matrices.build(part, ClassSet(NAMES)).values)


def test_a_stopped_download_leaves_nothing_and_says_so(visit, listed, tmp_path):
    listed.offer(data=gzip.compress(bytes(3 << 20), 0))
    at = offered(visit)
    at.button(key="vector-download").click().run()
    at.button(key="vector-stop").click().run()
    listed.go_on.set()
    fetching.latest(NAME).join(30)
    at.run()
    assert f"the download of {NAME} was stopped; nothing was kept" in says(at)
    assert words.local(NAME) is None
    assert not list((tmp_path / "cache" / "vectors").iterdir())
    assert at.button(key="vector-download")  # once more


def test_a_download_that_fails_says_why(visit, listed):
    listed.offer(checksum="0" * 32)
    at = offered(visit)
    listed.go_on.set()
    at.button(key="vector-download").click().run()
    fetching.latest(NAME).join(30)
    at.run()
    assert "does not have the list's checksum; nothing was kept" in says(at)
    assert not figures(at)


def test_an_error_nobody_foresaw_is_told_too(listed, tmp_path, monkeypatch):
    listed.offer()
    offer = words.offer(NAME)
    listed.go_on.set()
    (tmp_path / "cache").write_text("a file where a folder should be")
    fetching.start(offer)
    fetching.latest(NAME).join(30)
    assert "cache" in fetching.latest(NAME).error


def test_a_download_under_way_is_not_started_twice(listed):
    listed.offer()
    offer = words.offer(NAME)
    fetching.start(offer)
    first = fetching.latest(NAME)
    fetching.start(offer)
    assert fetching.latest(NAME) is first
    listed.go_on.set()
    first.join(30)
    assert first.done == first.total == len(DATA)
    assert not first.error


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unheard-of", f"gensim's list has no word vectors 'unheard-of'; it has {NAME}"),
        ("../../etc/passwd", "is no name of gensim's list"),
        ("data/mine.txt", "is no name of gensim's list"),
    ],
)
def test_a_name_that_is_none_gets_a_sentence(visit, listed, folder, name, sentence):
    listed.offer()
    at = visit("similarity", **DOWNLOAD, vectors_name=name)
    if at.get("button") and any(b.key == "vector-look-up" for b in at.button):
        at.button(key="vector-look-up").click().run()
    assert sentence in says(at)
    assert not figures(at)


def test_without_a_network_the_list_is_said_to_be_out_of_reach(visit, listed, monkeypatch):
    monkeypatch.setattr("gensim.downloader.DATA_LIST_URL", "http://127.0.0.1:9/list.json")
    assert "the list of word vectors cannot be fetched" in says(offered(visit))


def test_the_bundled_name_needs_no_download(visit, listed):
    at = visit("similarity", **DOWNLOAD, vectors_name=words.BUNDLED)
    assert "In use: GloVe 6B 50d" in says(at)
    assert "vectors=" not in at.code[0].value
    assert array(figures(at)[0]["data"][0]["z"]).shape == (4, 4)
