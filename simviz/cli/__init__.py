"""The command line: ``python -m simviz``, also installed as ``simviz``. One module a kind of command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simviz import __version__
from simviz.cli import judging, matrices, training
from simviz.runs.cores import WAIT_BRIEFLY


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 1 with a sentence on stderr for bad input, 2 for bad usage."""
    arguments = _parser().parse_args(argv)
    os.environ.update({k: v for k, v in WAIT_BRIEFLY.items() if k not in os.environ})
    try:
        arguments.run(arguments)
    except (ValueError, OSError) as error:
        print(f"simviz: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("simviz: stopped; what was reached is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simviz", description="Losses that know how classes relate.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    matrices.add_to(commands)
    training.add_to(commands)
    judging.add_to(commands)
    app = commands.add_parser("app", help="start the app in the browser")
    about = "show what is kept and nothing else: no training, deletion, upload or import from the page"
    app.add_argument("--read-only", action="store_true", help=about)
    app.add_argument("streamlit", nargs="*", metavar="OPTION", help="options of Streamlit, after --")
    app.set_defaults(run=_app)
    return parser


def _app(arguments: argparse.Namespace) -> None:
    import subprocess

    app = Path(__file__).resolve().parents[2] / "app.py"
    environment = dict(os.environ)
    if arguments.read_only:
        from simviz.runs import Store, examples
        from simviz.runs.files import READ_ONLY

        examples.install(Store())  # the server itself may not
        environment |= {READ_ONLY: "1", "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "0"}
    command = [sys.executable, "-m", "streamlit", "run", str(app), *arguments.streamlit]
    sys.exit(subprocess.call(command, env=environment))
