"""Downloads of word vectors that go on while pages come and go: a thread a name, seen by all sessions.

Nothing here calls Streamlit, which a thread must not. A page reads `done` whenever it is drawn.
"""

from __future__ import annotations

import atexit
import threading

from simviz.runs import read_only
from simviz.words import Offer, downloads

_fetches: dict[str, Fetch] = {}
_lock = threading.Lock()
_PATIENCE = 3  # seconds that a server which ends gives each download to remove what it has


class _StopError(Exception):
    pass


class Fetch:
    """One download, under way from the start.

    Attributes
    ----------
    name : as in gensim's list
    total, done : bytes
    error : a sentence once it has failed or was stopped
    """

    def __init__(self, offer: Offer) -> None:
        self.name, self.total = offer.name, offer.size
        self.done = 0
        self.error = ""
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=f"fetch {offer.name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end at the next block; nothing is kept."""
        self._stopped = True

    def join(self, seconds: float) -> None:
        """Wait until it has ended, at most so long."""
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            downloads.fetch(self.name, self._progress)
        except _StopError:
            self.error = f"the download of {self.name} was stopped; nothing was kept"
        except Exception as error:  # nobody else would hear of it
            self.error = str(error) or type(error).__name__

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._stopped:
            raise _StopError


def start(offer: Offer) -> None:
    """Fetch what is offered, unless that is under way already; nothing where this process may only look."""
    if read_only():
        return
    with _lock:
        fetch = _fetches.get(offer.name)
        if fetch is None or not fetch.running:
            _fetches[offer.name] = Fetch(offer)


def latest(name: str) -> Fetch | None:
    """The download of this name that was started last, in whatever state it is."""
    return _fetches.get(name)


@atexit.register
def _stop_all() -> None:
    for fetch in _fetches.values():
        fetch.stop()
    for fetch in _fetches.values():
        fetch.join(_PATIENCE)
