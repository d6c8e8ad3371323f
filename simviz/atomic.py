"""Files that appear whole or not at all, whoever else writes them."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class replacing:
    """Context: a temporary path that becomes `path` on success and is removed on failure.

    Two who write one file at once, in two processes or two threads of one, do not meet: the later one stays.
    """

    def __init__(self, path: Path) -> None:
        writer = f"{os.getpid()}-{threading.get_ident()}"  # sessions of the app are threads of one process
        self.path, self.partial = path, path.with_name(f".{path.name}.{writer}.part")

    def __enter__(self) -> Path:
        return self.partial

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            os.replace(self.partial, self.path)
        else:
            self.partial.unlink(missing_ok=True)
