"""Streamlit that notes how long each run of a page took: `python benchmarks/reruns.py FILE run app.py`.

A line of FILE is the seconds from the moment at which the server begins a run until all of the page is on its way to
the browser. Used by visitor.py.
"""

from __future__ import annotations

import sys
import time
from functools import wraps
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web import cli


def main() -> None:
    _, path, *sys.argv[1:] = sys.argv
    run = ScriptRunner._run_script

    @wraps(run)
    def timed(*given: Any, **named: Any) -> None:
        start = time.perf_counter()
        try:
            run(*given, **named)
        finally:
            with open(path, "a") as file:
                file.write(f"{time.perf_counter() - start:.4f}\n")

    ScriptRunner._run_script = timed  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
