"""Downloads from a server on this machine that speaks the format of gensim's list."""

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from simviz import cli, matrices, words
from simviz.classes import ClassSet

NAME = "tiny-vectors-2"
DATA = gzip.compress(b"4 2\nrose 1 0\ntulip 1 0.1\ntruck 0 1\nbus 0.1 1\n", mtime=0)
TROJAN = b"import pathlib; pathlib.Path(__file__).with_name('ran').touch()"


class Server(ThreadingHTTPServer):
    """Serves `files` (path -> bytes), and notes what was asked for."""

    daemon_threads = True

    def __init__(self):
        self.files = {}
        self.asked = []
        super().__init__(("127.0.0.1", 0), Handler)

    def offer(self, name=NAME, data=DATA, cut_in=1, **changes):
        """One entry as in gensim's list, the parts of its file, and the __init__.py that gensim would run."""
        cuts = [len(data) * i // cut_in for i in range(cut_in + 1)]
        pieces = [data[a:b] for a, b in pairwise(cuts)]
        sums = [hashlib.md5(piece).hexdigest() for piece in pieces]
        entry = {
            "num_records": 4,
            "file_size": len(data),
            "base_dataset": "nothing",
            "license": "public domain",
            "description": "Four words\x1b[31m in\ntwo dimensions.",
            "file_name": f"{name}.gz",
            "parts": cut_in,
        }
        entry |= {"checksum": sums[0]} if cut_in == 1 else {f"checksum-{i}": s for i, s in enumerate(sums)}
        entry = {key: value for key, value in (entry | changes).items() if value is not None}
        self.files["/list.json"] = json.dumps({"corpora": {}, "models": {name: entry, "__testing_x": {}}}).encode()
        self.files[f"/data/{name}/__init__.py"] = TROJAN
        for i, piece in enumerate(pieces):
            self.files[f"/data/{name}/{name}.gz" + ("" if cut_in == 1 else f"_0{i}")] = piece


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + (1000 if b"cut" in data[:3] else 0)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("gensim.downloader.DATA_LIST_URL", f"{base}/list.json")
        monkeypatch.setattr("gensim.downloader.DOWNLOAD_BASE_URL", f"{base}/data")
        yield server
        server.shutdown()
        thread.join()


def kept(tmp_path):
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize("parts", [1, 3])
def test_a_name_is_fetched_checked_and_read(server, tmp_path, parts):
    server.offer(cut_in=parts)
    steps = []
    vectors = words.load(NAME, allow_download=True, progress=lambda done, total: steps.append((done, total)))
    assert vectors.vector("bus").tolist() == pytest.approx([0.1, 1])
    assert len(vectors) == 4
    assert steps[0] == (0, len(DATA))  # the size is said before a byte is fetched
    assert steps[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert kept(tmp_path) == [f"cache/vectors/{NAME}.gz"]
    assert not any("__init__" in path for path in server.asked)  # gensim would fetch and run it
    asked = len(server.asked)
    assert words.load(NAME) is vectors
    assert words.load(NAME, allow_download=True) is vectors
    assert len(server.asked) == asked


def test_nothing_is_fetched_unless_it_is_asked_for(server, tmp_path):
    server.offer()
    with pytest.raises(ValueError, match=f"no word vectors '{NAME}' on this machine; .* vectors {NAME} --download"):
        words.load(NAME)
    classes = ClassSet(["rose", "truck"])
    for use in (lambda: words.resolve(classes, NAME), lambda: matrices.build(f"words:vectors={NAME}", classes)):
        with pytest.raises(ValueError, match="no word vectors"):
            use()
    assert server.asked == []
    assert kept(tmp_path) == []


def test_what_gensim_has_fetched_before_is_used(server, tmp_path):
    folder = tmp_path / "gensim-data" / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.gz").write_bytes(DATA)
    (folder / "__init__.py").write_bytes(TROJAN)
    assert len(words.load(NAME)) == 4
    assert not (folder / "ran").exists()
    assert server.asked == []


def test_an_offer_says_what_will_come(server):
    server.offer(file_size=128_000_000)
    offer = words.offer(NAME)
    assert (offer.name, offer.size, offer.license) == (NAME, 128_000_000, "public domain")
    assert str(offer) == f"{NAME}: 128 MB (Four words[31m in two dimensions.), license: public domain"
    with pytest.raises(ValueError, match=f"gensim's list has no word vectors 'glove-9'; it has {NAME}$"):
        words.offer("glove-9")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"checksum": "0" * 32}, "does not have the list's checksum; nothing was kept"),
        ({"file_size": len(DATA) - 1}, f"more came for {NAME} than the {len(DATA) - 1} bytes of the list"),
        ({"file_size": None}, "gives no size"),
        ({"file_size": "much"}, "gives no size"),
        ({"file_size": float("inf")}, "gives no size"),
        ({"file_size": -5}, "-5 bytes in 1 parts, which is not fetched"),
        ({"file_size": 10**15}, "which is not fetched"),
        ({"file_size": 49_999_999_999}, "needs 50000 MB in .* MB are free"),
        ({"parts": 10**9}, "which is not fetched"),
        ({"parts": 2}, "gives no checksum"),
        ({"checksum": None}, "gives no checksum"),
        ({"checksum": 7}, "gives no checksum"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused_and_nothing_stays(server, tmp_path, monkeypatch, change, sentence):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**9}))
    server.offer(**change)
    with pytest.raises(ValueError, match=sentence):
        words.load(NAME, allow_download=True)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    "page", [b"", b"<html>", b"[]", b"{}", b'{"models": 3}', b"[" * 100_000, b"\xff\xfe", b'{"models": {"x": []}}']
)
def test_a_list_that_is_none_gets_a_sentence(server, page):
    server.files["/list.json"] = page
    with pytest.raises(ValueError, match=r"the list of word vectors cannot be read|has no word vectors"):
        words.load(NAME, allow_download=True)


def test_a_server_that_fails_gets_a_sentence(server, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"the list of word vectors cannot be fetched: .*404"):
        words.offer(NAME)
    server.offer()
    del server.files[f"/data/{NAME}/{NAME}.gz"]
    with pytest.raises(ValueError, match=f"{NAME} cannot be fetched: .*404.*; nothing was kept"):
        words.load(NAME, allow_download=True)
    server.files[f"/data/{NAME}/{NAME}.gz"] = b"cut"
    with pytest.raises(ValueError, match="nothing was kept"):
        words.load(NAME, allow_download=True)
    monkeypatch.setattr("gensim.downloader.DATA_LIST_URL", "http://127.0.0.1:9/list.json")
    with pytest.raises(ValueError, match=r"cannot be fetched: .*refused"):
        words.offer(NAME)
    assert kept(tmp_path) == []


def test_what_the_progress_raises_stops_the_download(server, tmp_path):
    server.offer()

    def stop(done, _total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        words.load(NAME, allow_download=True, progress=stop)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("name", ["../../no/file", "a/b", "a.b", "", "x y", "http://127.0.0.1/x"])
def test_only_plain_names_are_names(server, name):
    assert words.is_path(name)
    with pytest.raises(ValueError, match="no file of word vectors"):
        words.load(name, allow_download=True)
    assert server.asked == []


def test_the_command_line_says_the_size_first(server, capsys):
    server.offer()
    assert cli.main(["vectors", NAME, "--classes", "rose,bus"]) == 1
    assert server.asked == []
    capsys.readouterr()
    assert cli.main(["vectors", NAME, "--classes", "rose,bus", "--download"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(f"fetching {NAME}: 0.1 kB (Four words")
    assert "tulip 1.00" in out
    assert cli.main(["vectors", NAME, "--download"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (f"{NAME}.gz (word2vec text, 2 dimensions): 4 tokens\n", "")
