"""What a visitor hands over: files to upload, and paths below the configured folders. A read-only server takes none."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from simviz.runs import read_only
from simviz.ui import folders
from simviz.ui.text import plain

UPLOAD_MB = 20
CLOSED = "This server is read-only: {}. Whoever runs it can start one that is not."


def closed(what: str) -> bool:
    """Whether this server is read-only; says so in a sentence, with `what` as in "nothing can be trained here"."""
    if read_only():
        st.info(CLOSED.format(what), icon=":material/lock:")
    return read_only()


def upload(label: str, kinds: Sequence[str], key: str) -> UploadedFile | None:
    """An uploader of one file of at most 20 MB; None where there is none yet, or never will be."""
    if closed("no file can be uploaded here"):
        return None
    return st.file_uploader(label, type=list(kinds), max_upload_size=UPLOAD_MB, key=key)


def uploads(label: str, kinds: Sequence[str], key: str) -> list[UploadedFile]:
    """An uploader of several files of at most 20 MB each."""
    if closed("no file can be uploaded here"):
        return []
    return st.file_uploader(label, type=list(kinds), accept_multiple_files=True, max_upload_size=UPLOAD_MB, key=key)


def needed_path(key: str, example: str, about: str, box: DeltaGenerator | None = None) -> str | None:
    """A path inside a configured folder, which the link restores; None, and why, while there is none to be read."""
    if closed("no path can be typed here"):
        return None
    text = (st if box is None else box).text_input(
        "Path inside the data folder",
        key=key,
        bind="query-params",
        placeholder=example,
        help=f"Read from {folders.places()}. {about}",
    )
    if not text:
        st.info(f"Type the name of a file or folder inside {folders.places()}.")
        return None
    return _inside(text)


def path_instead(
    key: str, what: str = "Or, if it is larger, its path", box: DeltaGenerator | None = None
) -> str | None:
    """The way in for a file that is too large to upload: its path inside a configured folder, or None."""
    text = (st if box is None else box).text_input(f"{what} inside {folders.places()}", key=key)
    return _inside(text) if text else None


def _inside(text: str) -> str | None:
    try:
        return folders.inside(text)
    except ValueError as error:
        st.error(plain(error))
        return None
