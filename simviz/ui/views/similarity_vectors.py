"""Which word vectors: the bundled ones, a file of a configured folder, or a name that is fetched on request."""

from __future__ import annotations

import streamlit as st

from simviz import words
from simviz.ui import fetching, given, links, state
from simviz.ui.text import plain
from simviz.words import Offer

TICK = 1.0  # seconds between two looks at a download
OFFERS = "vector-offers"  # what gensim's list said to this session: name -> Offer
ASKED = "vector-asked"  # the name whose size is to be looked up
EXAMPLES = "glove-wiki-gigaword-100, fasttext-wiki-news-subwords-300 or word2vec-google-news-300"


def show() -> str | None:
    """The picker. Returns a source for `words.load` that can be read; None, and why, if there is none yet."""
    links.unknown(state.VECTORS, state.VECTOR_SOURCES, "source of word vectors")
    left, right = st.columns([1, 3])
    kind = left.segmented_control(
        "Word vectors",
        state.VECTOR_SOURCES,
        default="bundled",
        required=True,
        key=state.VECTORS,
        bind="query-params",
        help="bundled: GloVe 6B 50d, nothing to fetch. file: your own. download: a name of gensim's downloader.",
    )
    with right:
        source = {"bundled": lambda: words.BUNDLED, "file": _file, "download": _name}[kind]()
        return None if source is None else _readable(source)


def _readable(source: str) -> str | None:
    """The source itself after a look at its first lines, with what is to be known of it."""
    try:
        vectors = words.load(source)
    except (ValueError, OSError) as error:
        st.error(plain(error))
        return None
    st.caption(f"In use: {plain(vectors.name)}. {' '.join(map(plain, vectors.notes))}".strip())
    return source


def _file() -> str | None:
    about = "word2vec text or binary, GloVe text, fastText .vec; each also gzipped."
    path = given.needed_path(state.VECTOR_FILE, "vectors.txt, or wiki/cc.en.300.vec.gz", about)
    if path is None:
        return None
    return path if words.is_path(path) else f"./{path}"  # a bare name would be one of the downloader's


def _name() -> str | None:
    name = st.text_input(
        "Name in gensim's list",
        key=state.VECTOR_NAME,
        bind="query-params",
        placeholder="glove-wiki-gigaword-100",
        help=f"For example {EXAMPLES}. Fetched once, into this machine's cache; its size is said first.",
    )
    if not name:
        st.info(f"Type a name, for example {EXAMPLES}.")
        return None
    if words.is_path(name):
        st.error(f"{plain(repr(name))} is no name of gensim's list: those have letters, digits, - and \\_ only.")
        return None
    if name == words.BUNDLED or words.local(name) is not None:
        return name
    if given.closed("no word vectors can be fetched here"):
        return None
    fetch = fetching.latest(name)
    if fetch is not None and fetch.running:
        st.fragment(_progress, run_every=TICK, key="vector-progress")(fetch)
        return None
    if fetch is not None and fetch.error:
        st.error(plain(fetch.error))
    _offer(name)
    return None


def _progress(fetch: fetching.Fetch) -> None:
    if not fetch.running:
        st.rerun()  # the whole page: it has the vectors, or says what went wrong
    said = f"Fetching {plain(fetch.name)}: {fetch.done / 1e6:,.1f} of {fetch.total / 1e6:,.1f} MB"
    st.progress(min(fetch.done / fetch.total, 1.0), text=said)
    st.button("Stop", on_click=fetch.stop, icon=":material/stop_circle:", key="vector-stop")


def _offer(name: str) -> None:
    """How large it is, then the button that fetches it. The network is asked only when a button was pressed."""
    known: dict[str, Offer] = st.session_state.setdefault(OFFERS, {})
    if st.session_state.pop(ASKED, None) == name:
        try:
            with st.spinner("Asking gensim's list"):
                known[name] = words.offer(name)
        except ValueError as error:
            st.error(plain(error))
    if name not in known:
        st.info(f"{plain(name)} is not on this machine. See how large it is before you fetch it.")
        st.button("Look up its size", on_click=_ask, args=(name,), icon=":material/search:", key="vector-look-up")
        return
    offer = known[name]
    st.info(plain(offer), icon=":material/cloud_download:")
    label = f"Download {offer.amount}"
    st.button(label, on_click=fetching.start, args=(offer,), type="primary", key="vector-download")


def _ask(name: str) -> None:
    """Callback: the page asks, where it can show that it waits."""
    st.session_state[ASKED] = name
