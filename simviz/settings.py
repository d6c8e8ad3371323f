"""The one grammar of a setting: ``LOSS[:key=value,...][@MATRIX[:key=value,...]]``.

The command line, TOML files, links and pages all read and write it here. A text that has a comma or a quote in it, or
would be read as a number, stands in double quotes, a quote in it doubled: ``words:vectors="a,b.txt"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from simviz.classes import quoted

_WITH_OPTIONS = re.compile(r"^(?P<name>.+?):(?P<options>[A-Za-z_]\w*=.*)$")
_PIECE = re.compile(r'(?:"(?:[^"]|"")*"|[^,])+')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
MATRIX_FILES = (".csv", ".tsv", ".npz")


@dataclass(frozen=True)
class Part:
    """A name with options: ``words:keep=0.02``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether the name is a matrix file's path."""
        return PurePath(self.name).suffix.lower() in MATRIX_FILES

    def __str__(self) -> str:
        options = ",".join(f"{k}={_text(v)}" for k, v in sorted(self.options.items()))
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True)
class Setting:
    """A loss, its options, and the matrix it is given.

    ``str(setting)`` is canonical: options sorted, numbers in shortest form, so equal settings have
    equal strings.

    >>> str(parse_setting("simloss:normalize=columns@words:keep=.020"))
    'simloss:normalize=columns@words:keep=0.02'
    """

    loss: Part
    matrix: Part | None = None

    def __str__(self) -> str:
        return f"{self.loss}@{self.matrix}" if self.matrix else str(self.loss)


def parse_part(text: str) -> Part:
    """Read ``NAME[:key=value,...]``; ValueError names the piece that is wrong."""
    text = text.strip()
    match = _WITH_OPTIONS.match(text)
    name, rest = (match["name"], match["options"]) if match else (text.removesuffix(":"), "")
    if not name or name.startswith(":"):
        raise ValueError(f"{quoted(text)} has no name; write NAME or NAME:key=value")
    options: dict[str, Any] = {}
    for piece in filter(None, (p.strip() for p in _PIECE.findall(rest))):
        key, equals, value = piece.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ValueError(f"{quoted(piece)} in {quoted(text)} is not key=value")
        if key.strip() in options:
            raise ValueError(f"{quoted(key.strip())} stands twice in {quoted(text)}")
        options[key.strip()] = _value(value.strip())
    return Part(name, options)


def parse_setting(text: str | Setting) -> Setting:
    """Read ``LOSS[:key=value,...][@MATRIX[:key=value,...]]``."""
    if isinstance(text, Setting):
        return text
    loss, at, matrix = text.strip().partition("@")
    if not loss.strip():
        raise ValueError(
            f"the setting {quoted(text)} names no loss; write LOSS or LOSS@MATRIX, e.g. simloss@words:keep=0.02"
        )
    if at and not matrix.strip():
        raise ValueError(f"the setting {quoted(text)} ends with '@'; name a matrix after it, e.g. @words:keep=0.02")
    return Setting(parse_part(loss), parse_part(matrix) if at else None)


def _value(text: str) -> Any:
    inner = _QUOTED.fullmatch(text)
    if inner:
        return inner[1].replace('""', '"')
    constants = {"true": True, "false": False, "none": None}
    if text.lower() in constants:
        return constants[text.lower()]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and (value != value.strip() or '"' in value or "," in value or _value(value) != value):
        return '"' + value.replace('"', '""') + '"'
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
