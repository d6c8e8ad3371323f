"""Ways to damage a file: bytes, members of a zip, arrays, values of a JSON object."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

PIECES = [
    b",",
    b"\n",
    b'"',
    b"\x00",
    b"nan",
    b"NaN",
    b"inf",
    b"-1",
    b"1e999",
    b"\xff",
    b"=1",
    b"<b>",
    b"'|O'",
    b"9" * 400,
]
PIECES += [
    b"(",
    b"[" * 3000,
    b'{"a":' * 2000,
    b"../",
    b"true",
    b"null",
    b"{}",
    b"[]",
    b"\xed\xa0\x80",
    b"\t",
    b";",
    b" ",
]


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """One of the files with up to four places cut out, overwritten or filled with something strange."""
    data = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 1, 8, 60, 4000]))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)))
        data = data[:at] + piece + data[at + cut :]
    return data


@st.composite
def rezipped(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """A zip (npz too) of which one member is damaged and the zip itself is not, or a damaged zip."""
    if draw(st.booleans()):
        return draw(damaged(whole))
    source = zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(whole))))
    names = source.namelist()
    name = draw(st.sampled_from(names))
    content = {n: source.read(n) for n in names}
    data = content.pop(name)
    new = {draw(st.sampled_from([name, name, "../" + name, name.upper(), "x/" * 30 + "y", "a\\b.npy"])): data}
    new = {n: draw(st.one_of(damaged([d]), arrays())) for n, d in new.items()}
    return zipped(content | new)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """A true npy file of a type and shape that nobody expects."""
    dtype = draw(st.sampled_from(["f2", "f8", "i1", "i8", "u8", "b1", "U3", "S2", "c16", "M8[s]", "V4"]))
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, 12]), max_size=4))
    fill = draw(st.sampled_from([0, 1, 255]))
    array = np.frombuffer(bytes([fill]) * (int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype).reshape(shape)
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ce", "simloss@words", "test", "cat", "groups", "../x", "a" * 5000, "finished"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def rewritten(draw: st.DrawFn, whole: dict[str, Any]) -> bytes:
    """A JSON object with up to three values, at any depth, replaced or taken out."""
    data = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = data
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                place = inner
                continue
            if draw(st.integers(0, 4)):
                place[key] = draw(JSON)
            else:
                del place[key]
            break
    return json.dumps(data).encode("utf-8", "surrogatepass")
